package lambda

import (
	"maps"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Quotas of an account in a region: "Lambda quotas", and "Configuring reserved
// concurrency for a function".
const (
	accountConcurrency = 1000
	leastUnreserved    = 100
)

// unreservedLimit is the concurrency that functions without a reservation share. But
// for the reservations of others, besides is without one. Server.mu must be held.
func (s *Server) unreservedLimit(besides *function) int {
	n := accountConcurrency
	for _, f := range s.functions {
		if f.reserved != nil && f != besides {
			n -= *f.reserved
		}
	}
	return n
}

type concurrency struct {
	ReservedConcurrentExecutions *int `json:",omitempty"`
}

func (s *Server) putConcurrency(c *api.Request, in *concurrency) (any, error) {
	return s.with(c, "PutFunctionConcurrency", func(f *function) (any, error) {
		if in.ReservedConcurrentExecutions == nil || *in.ReservedConcurrentExecutions < 0 {
			return nil, constraint(in.ReservedConcurrentExecutions, "reservedConcurrentExecutions", "have value greater than or equal to 0")
		}
		if s.unreservedLimit(f)-*in.ReservedConcurrentExecutions < leastUnreserved {
			return nil, invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "+
				"below its minimum value of [%d].", leastUnreserved)
		}
		f.reserved = in.ReservedConcurrentExecutions
		return in, nil
	})
}

func (s *Server) deleteConcurrency(c *api.Request) (any, error) {
	return s.with(c, "DeleteFunctionConcurrency", func(f *function) (any, error) {
		f.reserved = nil
		return nil, nil
	})
}

// eventInvokeConfig governs asynchronous invocation.
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

func (s *Server) putEventInvokeConfig(c *api.Request, in *eventInvokeConfig) (any, error) {
	return s.with(c, "PutFunctionEventInvokeConfig", func(f *function) (any, error) {
		if d := in.DestinationConfig; d != nil && (d.OnFailure != nil || d.OnSuccess != nil) {
			return nil, api.NotModelled("DestinationConfig")
		}
		if n := in.MaximumRetryAttempts; n != nil && (*n < 0 || *n > 2) {
			return nil, constraint(*n, "maximumRetryAttempts", "have value between 0 and 2")
		}
		if n := in.MaximumEventAgeInSeconds; n != nil && (*n < 60 || *n > int(maxEventAge/time.Second)) {
			return nil, constraint(*n, "maximumEventAgeInSeconds", "have value between 60 and 21600")
		}
		at := api.Timestamp(s.Now())
		in.FunctionArn, in.LastModified = s.arn(f.name)+":$LATEST", &at
		f.asynchronous = in
		return in, nil
	})
}

func (s *Server) deleteEventInvokeConfig(c *api.Request) (any, error) {
	return s.with(c, "DeleteFunctionEventInvokeConfig", func(f *function) (any, error) {
		if f.asynchronous == nil {
			return nil, notFound("The function %s:$LATEST doesn't have an EventInvokeConfig", s.arn(f.name))
		}
		f.asynchronous = nil
		return nil, nil
	})
}

func (s *Server) listTags(c *api.Request) (any, error) {
	return s.with(c, "ListTags", func(f *function) (any, error) {
		tags := maps.Clone(f.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		return struct{ Tags map[string]string }{tags}, nil
	})
}

func (s *Server) tagResource(c *api.Request, in *struct{ Tags map[string]string }) (any, error) {
	return s.with(c, "TagResource", func(f *function) (any, error) {
		if f.tags == nil {
			f.tags = map[string]string{}
		}
		maps.Copy(f.tags, in.Tags)
		return nil, nil
	})
}

func (s *Server) untagResource(c *api.Request) (any, error) {
	return s.with(c, "UntagResource", func(f *function) (any, error) {
		for _, key := range c.URL.Query()["tagKeys"] {
			delete(f.tags, key)
		}
		return nil, nil
	})
}
