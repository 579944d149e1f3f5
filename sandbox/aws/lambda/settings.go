package lambda

import (
	"maps"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type concurrency struct {
	ReservedConcurrentExecutions *int `json:",omitempty"`
}

func (s *Server) putConcurrency(c *call) (int, any, error) {
	var in concurrency
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "PutFunctionConcurrency")
	if err != nil {
		return 0, nil, err
	}
	if in.ReservedConcurrentExecutions == nil || *in.ReservedConcurrentExecutions < 0 {
		return 0, nil, constraint(in.ReservedConcurrentExecutions, "reservedConcurrentExecutions", "have value greater than or equal to 0")
	}
	f.reserved = in.ReservedConcurrentExecutions
	return http.StatusOK, in, nil
}

func (s *Server) getConcurrency(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "GetFunctionConcurrency")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, concurrency{ReservedConcurrentExecutions: f.reserved}, nil
}

func (s *Server) deleteConcurrency(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "DeleteFunctionConcurrency")
	if err != nil {
		return 0, nil, err
	}
	f.reserved = nil
	return http.StatusNoContent, nil, nil
}

// eventInvokeConfig governs asynchronous invocation. The age of an event cannot
// matter, because events do not wait.
type eventInvokeConfig struct {
	FunctionArn              string         `json:",omitempty"`
	LastModified             *api.Timestamp `json:",omitempty"`
	MaximumEventAgeInSeconds *int           `json:",omitempty"`
	MaximumRetryAttempts     *int           `json:",omitempty"`
	DestinationConfig        *destinations  `json:",omitempty"`
}

type destinations struct {
	OnFailure, OnSuccess *struct{ Destination string } `json:",omitempty"`
}

func (s *Server) putEventInvokeConfig(c *call) (int, any, error) {
	var in eventInvokeConfig
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "PutFunctionEventInvokeConfig")
	if err != nil {
		return 0, nil, err
	}
	if d := in.DestinationConfig; d != nil && (d.OnFailure != nil || d.OnSuccess != nil) {
		return 0, nil, api.NotModelled("DestinationConfig")
	}
	if n := in.MaximumRetryAttempts; n != nil && (*n < 0 || *n > 2) {
		return 0, nil, constraint(*n, "maximumRetryAttempts", "have value between 0 and 2")
	}
	at := api.Timestamp(s.opts.Now())
	in.FunctionArn, in.LastModified = s.arn(f.name)+":$LATEST", &at
	f.asynchronous = &in
	return http.StatusOK, in, nil
}

func (s *Server) getEventInvokeConfig(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "GetFunctionEventInvokeConfig")
	if err != nil {
		return 0, nil, err
	}
	if f.asynchronous == nil {
		return 0, nil, notFound("The function %s:$LATEST doesn't have an EventInvokeConfig", s.arn(f.name))
	}
	return http.StatusOK, f.asynchronous, nil
}

func (s *Server) deleteEventInvokeConfig(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "DeleteFunctionEventInvokeConfig")
	if err != nil {
		return 0, nil, err
	}
	if f.asynchronous == nil {
		return 0, nil, notFound("The function %s:$LATEST doesn't have an EventInvokeConfig", s.arn(f.name))
	}
	f.asynchronous = nil
	return http.StatusNoContent, nil, nil
}

func (s *Server) listTags(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "ListTags")
	if err != nil {
		return 0, nil, err
	}
	tags := maps.Clone(f.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	return http.StatusOK, struct{ Tags map[string]string }{tags}, nil
}

func (s *Server) tagResource(c *call) (int, any, error) {
	var in struct{ Tags map[string]string }
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "TagResource")
	if err != nil {
		return 0, nil, err
	}
	if f.tags == nil {
		f.tags = map[string]string{}
	}
	maps.Copy(f.tags, in.Tags)
	return http.StatusNoContent, nil, nil
}

func (s *Server) untagResource(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "UntagResource")
	if err != nil {
		return 0, nil, err
	}
	for _, key := range c.URL.Query()["tagKeys"] {
		delete(f.tags, key)
	}
	return http.StatusNoContent, nil, nil
}
