package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"sync"
)

// Service declares what a service of Google's can do. The cloud's door verifies a
// request's token, finds its method, journals the method's id, checks its query,
// and answers its result or error.
type Service struct {
	Name    string         // as the journal has it: iam, sts, storage …
	API     string         // that a project enables: iam.googleapis.com
	Title   string         // of the API, as the console calls it
	Paths   *regexp.Regexp // of its requests; of the services whose paths match, the first answers
	Methods []Method

	// Lock is held while a method runs and its result is encoded; nil for a service
	// whose methods lock themselves.
	Lock sync.Locker
	// Escaped has paths matched as they are sent, and arguments unescaped, since names
	// in them may have slashes.
	Escaped bool
	// Check refuses a request whose method does not take its parameters; nil is
	// CheckQuery and Buffer.
	Check func(r *Request, query []string) error
	// Unknown refuses a request that is for none of the methods.
	Unknown func(*http.Request) error
	// WriteError answers an error; nil is WriteError.
	WriteError func(http.ResponseWriter, *Request, error)
}

// Method is one method of an API.
type Method struct {
	ID    string // as the API's discovery document has it: iam.projects.serviceAccounts.get
	HTTP  string
	Path  *regexp.Regexp // its groups are the arguments
	Query []string       // the parameters that it takes beside those that every method takes
	Do    Handler
}

// Handler runs a method.
type Handler func(r *Request, args []string) (any, error)

// Sender is a result that writes itself; another is answered as JSON.
type Sender interface {
	Send(http.ResponseWriter, *Request) error
}

// find returns the method of a request and its arguments.
func (s *Service) find(r *http.Request) (m Method, args []string, err error) {
	path := r.URL.Path
	if s.Escaped {
		path = r.URL.EscapedPath()
	}
	for _, m := range s.Methods {
		args := m.Path.FindStringSubmatch(path)
		if args == nil || m.HTTP != r.Method {
			continue
		}
		for i := range args {
			if s.Escaped {
				if args[i], err = url.PathUnescape(args[i]); err != nil {
					return m, nil, InvalidArgument("Invalid URL escape: %s", path)
				}
			}
		}
		return m, args[1:], nil
	}
	if s.Unknown != nil {
		return Method{}, nil, s.Unknown(r)
	}
	return Method{}, nil, Unknown(r)
}

// Known refuses a request for a method that the service does not have.
func (s *Service) Known(r *http.Request) error {
	_, _, err := s.find(r)
	return err
}

// Operation names a request for the journal: by its method, or as it is written
// where it is for none.
func (s *Service) Operation(r *http.Request) string {
	m, _, _ := s.find(r)
	return cmp.Or(m.ID, r.Method+" "+r.URL.Path)
}

// Serve answers an authenticated request.
func (s *Service) Serve(w http.ResponseWriter, r *Request) {
	result, err := s.run(r)
	if sender, ok := result.(Sender); ok && err == nil {
		err = sender.Send(w, r)
	}
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	if data, ok := result.(json.RawMessage); ok {
		WriteJSON(w, http.StatusOK, data)
	}
}

// Fail answers an error in the service's form.
func (s *Service) Fail(w http.ResponseWriter, r *Request, err error) {
	if s.WriteError != nil {
		s.WriteError(w, r, err)
		return
	}
	WriteError(w, r, err)
}

// run returns a Sender, or an answer as it is to be sent: what it was made of may
// change once the lock is gone.
func (s *Service) run(r *Request) (any, error) {
	m, args, err := s.find(r.Request)
	if err != nil {
		return nil, err
	}
	check := s.Check
	if check == nil {
		check = func(r *Request, query []string) error { return errors.Join(CheckQuery(r, query...), Buffer(r)) }
	}
	if err := check(r, m.Query); err != nil {
		return nil, err
	}
	if s.Lock != nil {
		s.Lock.Lock()
		defer s.Lock.Unlock()
	}
	result, err := m.Do(r, args)
	if err != nil {
		return nil, err
	}
	if sender, ok := result.(Sender); ok {
		return sender, nil
	}
	if result, err = Select(r, result); err != nil {
		return nil, err
	}
	data, err := Encode(result)
	return json.RawMessage(data), err
}
