// Package sqs models the standard queues of Amazon SQS: their attributes, policies
// and tags, sending, receiving, deleting and purging of messages, their retention
// and visibility by the cloud's clock, in the JSON protocol.
//
// It does not model FIFO queues, redrive policies, keys of KMS, batches, moves of
// messages, the Query protocol, and the seconds that a change of attributes takes;
// attributes for them are refused by name. Every message that can be received is
// received in the order of sending; the real service promises neither.
package sqs

import (
	"crypto/rand"
	"fmt"
	"io"
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

// Options are what SQS needs to know of its cloud.
type Options struct {
	Account string
	Region  string
	URL     string           // the cloud's endpoint, with which queues' URLs begin
	Now     func() time.Time // nil is time.Now
	Random  io.Reader        // nil is crypto/rand
}

// SQS is the service. Make it with New.
type SQS struct {
	options  Options
	protocol api.JSONProtocol

	mu      sync.Mutex
	queues  map[string]*queue
	deleted map[string]time.Time // when queues were deleted, by name
}

// New returns an SQS without queues.
func New(o Options) *SQS {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	s := &SQS{options: o, queues: map[string]*queue{}, deleted: map[string]time.Time{}}
	s.protocol = api.JSONProtocol{
		Prefix: "AmazonSQS",
		Operations: map[string]api.Operation{
			"CreateQueue":        api.JSONOperation(s.createQueue),
			"GetQueueUrl":        api.JSONOperation(s.getQueueURL),
			"ListQueues":         api.JSONOperation(s.listQueues),
			"GetQueueAttributes": api.JSONOperation(s.getAttributes),
			"SetQueueAttributes": api.JSONOperation(s.setAttributes),
			"DeleteQueue":        api.JSONOperation(s.deleteQueue),
			"PurgeQueue":         api.JSONOperation(s.purgeQueue),
			"TagQueue":           api.JSONOperation(s.tagQueue),
			"UntagQueue":         api.JSONOperation(s.untagQueue),
			"ListQueueTags":      api.JSONOperation(s.listTags),
			"SendMessage":        api.JSONOperation(s.sendMessage),
			"ReceiveMessage":     api.JSONOperation(s.receiveMessage),
			"DeleteMessage":      api.JSONOperation(s.deleteMessage),
		},
		QueryCodes: map[string]string{
			"QueueDoesNotExist":    "AWS.SimpleQueueService.NonExistentQueue",
			"QueueNameExists":      "QueueAlreadyExists",
			"QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
		},
	}
	return s
}

// ServeAWS answers the SQS API.
func (s *SQS) ServeAWS(w http.ResponseWriter, r *api.Request) { s.protocol.ServeAWS(w, r) }

func (s *SQS) arn(name string) string {
	return "arn:aws:sqs:" + s.options.Region + ":" + s.options.Account + ":" + name
}

// URL is the address of a queue, as clients name it.
func (s *SQS) URL(name string) string {
	return s.options.URL + "/" + s.options.Account + "/" + name
}

// nameOf is the name of the queue at a URL; the host does not matter.
func (s *SQS) nameOf(url string) string {
	parts := strings.Split(url, "/")
	if len(parts) < 2 || parts[len(parts)-2] != s.options.Account {
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
	q.expire(s.options.Now())
	return q, nil
}

func noSuchQueue() error {
	return api.Errorf(http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
}

// uuid makes an id of a message.
func (s *SQS) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.options.Random, b[:]); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
