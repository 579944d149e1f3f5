// Package scheduler models Amazon EventBridge Scheduler: schedules by rate, cron
// expression or moment, in their time zones, that really invoke Lambda functions,
// asynchronously, in a session of their role, when the cloud's clock says so.
//
// A clock that jumps makes a schedule due once, however often it would have been.
// What is refused for the moment is tried again at once, as often as the retry
// policy allows; what is refused for good is not, which is believed of the real
// service.
//
// It does not model schedule groups but "default" (and with them tags, which only
// groups have), flexible windows, start and end dates, keys of KMS, dead-letter
// queues of schedules, deletion after completion, and other targets than Lambda
// functions; they are refused by name.
package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// principal is the service that assumes a schedule's role.
const principal = "scheduler.amazonaws.com"

// defaultGroup is the one group that every account has.
const defaultGroup = "default"

// nowhere is a closed port. Without an endpoint the SDK would ask the real AWS.
const nowhere = "http://127.0.0.1:9"

// tick is how often the clock is looked at.
const tick = time.Second

var nameRule = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)

// Options say where the service is and what it relies on.
type Options struct {
	Account, Region string
	URL             string // the cloud's endpoint, for invocations
	Sessions        api.Sessions
	Now             func() time.Time // nil is time.Now
	Random          io.Reader        // nil is crypto/rand
}

// Server is the service. Make it with New, and Close it.
type Server struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	ticking   sync.Mutex // held while due schedules are invoked
	mu        sync.Mutex
	schedules map[string]*schedule
}

// New makes the service, which looks at its clock until it is closed.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.URL == "" {
		opts.URL = nowhere
	}
	if opts.Random == nil {
		opts.Random = rand.Reader
	}
	s := &Server{opts: opts, schedules: map[string]*schedule{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.watch)
	return s
}

// Close ends the service.
func (s *Server) Close() error {
	s.cancel()
	s.work.Wait()
	return nil
}

func (s *Server) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			s.Tick()
		}
	}
}

// ServeAWS answers the Scheduler API.
func (s *Server) ServeAWS(w http.ResponseWriter, r *api.Request) {
	status, result, err := s.answer(r)
	if err != nil {
		api.WriteRESTError(w, r, err)
		return
	}
	api.WriteREST(w, r, status, result)
}

func (s *Server) answer(r *api.Request) (int, any, error) {
	name, one := strings.CutPrefix(r.URL.Path, "/schedules/")
	operations := map[string]struct {
		name string
		do   func(*api.Request, string) (any, error)
	}{
		http.MethodPost:   {"CreateSchedule", s.create},
		http.MethodPut:    {"UpdateSchedule", s.update},
		http.MethodGet:    {"GetSchedule", s.get},
		http.MethodDelete: {"DeleteSchedule", s.delete},
	}
	if one {
		if op, ok := operations[r.Method]; ok {
			r.Entry.Operation = op.name
			result, err := op.do(r, name)
			return http.StatusOK, result, err
		}
	}
	if r.URL.Path == "/schedules" && r.Method == http.MethodGet {
		r.Entry.Operation = "ListSchedules"
		result, err := s.list(r)
		return http.StatusOK, result, err
	}
	return 0, nil, api.Errorf(http.StatusNotFound, "UnknownOperationException", "The operation %s %s is not modelled by this sandbox.", r.Method, r.URL.Path)
}

func (s *Server) arn(name string) string {
	return "arn:aws:scheduler:" + s.opts.Region + ":" + s.opts.Account + ":schedule/" + defaultGroup + "/" + name
}

// config is an SDK configuration that reaches the cloud with these credentials.
func (s *Server) config(c api.Credentials) awssdk.Config {
	return awssdk.Config{
		Region:       s.opts.Region,
		BaseEndpoint: &s.opts.URL,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		Retryer:      func() awssdk.Retryer { return awssdk.NopRetryer{} },
	}
}

// execution makes the id of one invocation.
func (s *Server) execution() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.opts.Random, b[:]); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

func invalid(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

func notFound(name string) error {
	return api.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule %s does not exist.", name)
}
