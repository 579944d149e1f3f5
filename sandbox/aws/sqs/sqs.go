// Package sqs models the standard queues of Amazon SQS: their attributes, policies
// and tags, sending, receiving and deleting messages, their retention and
// visibility by the cloud's clock, in the JSON protocol.
//
// It does not model FIFO queues, redrive policies, keys of KMS, batches, purging,
// moves of messages, the Query protocol, and the seconds that a change of
// attributes takes; attributes for them are refused by name. Every visible message
// is received, in the order of sending; the real service promises neither.
package sqs

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// recreation is how long a deleted queue's name stays taken: "CreateQueue".
const recreation = 60 * time.Second

// SQS is the service. Make it with New.
type SQS struct {
	api.Options

	mu      sync.Mutex
	queues  map[string]*queue
	deleted map[string]time.Time // when queues were deleted, by name
}

// New returns an SQS without queues.
func New(o api.Options) *SQS {
	return &SQS{Options: o.WithDefaults(), queues: map[string]*queue{}, deleted: map[string]time.Time{}}
}

// Service declares the SQS API.
func (s *SQS) Service() api.Service {
	return api.Service{
		Protocol: api.JSON{Target: "AmazonSQS", QueryCodes: map[string]string{
			"QueueDoesNotExist":    "AWS.SimpleQueueService.NonExistentQueue",
			"QueueNameExists":      "QueueAlreadyExists",
			"QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
		}},
		Operations: map[string]api.Operation{
			"CreateQueue":        api.Do(s.createQueue),
			"GetQueueUrl":        api.Do(s.getQueueURL),
			"ListQueues":         api.Do(s.listQueues),
			"GetQueueAttributes": api.Do(s.getAttributes),
			"SetQueueAttributes": api.Do(s.setAttributes),
			"DeleteQueue":        api.Do(s.deleteQueue),
			"TagQueue":           api.Do(s.tagQueue),
			"UntagQueue":         api.Do(s.untagQueue),
			"ListQueueTags":      api.Do(s.listTags),
			"SendMessage":        api.Do(s.sendMessage),
			"ReceiveMessage":     api.Do(s.receiveMessage),
			"DeleteMessage":      api.Do(s.deleteMessage),
		},
	}
}

func (s *SQS) arn(name string) string { return s.ARN("sqs", name) }

// url is the address of a queue, as clients name it.
func (s *SQS) url(name string) string { return s.URL + "/" + s.Account + "/" + name }

// nameOf is the name of the queue at a URL; the host does not matter.
func (s *SQS) nameOf(url string) string {
	parts := strings.Split(url, "/")
	if len(parts) < 2 || parts[len(parts)-2] != s.Account {
		return ""
	}
	return parts[len(parts)-1]
}

// authorize checks the right to do action on a queue by the caller's policies and
// the queue's. SQS writes actions in small letters when it refuses. The caller
// holds the lock.
func (s *SQS) authorize(r *api.Request, action, name string) error {
	var set policy.Set
	if q := s.queues[name]; q != nil && q.policy != nil {
		set.Resource = []policy.Named{{Name: "policy of queue " + name, Document: q.policy}}
	}
	arn := s.arn(name)
	d := r.Evaluate("sqs:"+action, arn, nil, set)
	r.Record("sqs:"+action, arn, d)
	d.Clause = strings.ReplaceAll(d.Clause, "sqs:"+action, "sqs:"+strings.ToLower(action))
	return r.Denied("sqs:"+strings.ToLower(action), arn, d)
}

// at authorizes a call about the queue at a URL and finds it. The caller holds the
// lock.
func (s *SQS) at(r *api.Request, action, url string) (*queue, error) {
	if url == "" {
		return nil, api.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter QueueUrl.")
	}
	name := s.nameOf(url)
	if name == "" {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidAddress", "The address %s is not valid for this endpoint.", url)
	}
	if err := s.authorize(r, action, name); err != nil {
		return nil, err
	}
	q, ok := s.queues[name]
	if !ok {
		return nil, noSuchQueue()
	}
	q.expire(s.Now())
	return q, nil
}

// with does something to the queue at a URL, under the lock, for a caller with the
// right to.
func (s *SQS) with(r *api.Request, action, url string, do func(*queue) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.at(r, action, url)
	if err != nil {
		return nil, err
	}
	return do(q)
}

func noSuchQueue() error {
	return api.Errorf(http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
}
