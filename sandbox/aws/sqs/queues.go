package sqs

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// queue is one queue. SQS.mu guards it.
type queue struct {
	name       string
	attributes map[string]string // those that may be set
	policy     *policy.Document  // that of the attribute
	tags       map[string]string
	created    time.Time
	modified   time.Time
	messages   []*message
	arrived    chan struct{} // closed when a message arrives
}

// defaults are a queue's attributes, with the values of "CreateQueue".
func defaults() map[string]string {
	return map[string]string{
		"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
		"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
}

// limits are the numbers that attributes may have.
var limits = map[string][2]int{
	"VisibilityTimeout": {0, 43200}, "MessageRetentionPeriod": {60, 1209600}, "DelaySeconds": {0, 900}, "MaximumMessageSize": {1024, 1048576},
	"ReceiveMessageWaitTimeSeconds": {0, 20},
}

// unmodelled are attributes that the real service has.
var unmodelled = []string{"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "RedrivePolicy", "RedriveAllowPolicy", "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

// set checks and sets attributes, all or none.
func (q *queue) set(attributes map[string]string) error {
	document := q.policy
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		wrong := api.Errorf(http.StatusBadRequest, "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
		limit, number := limits[name]
		switch {
		case slices.Contains(unmodelled, name):
			return api.NotModelled(name)
		case number:
			if n, err := strconv.Atoi(value); err != nil || n < limit[0] || n > limit[1] {
				return wrong
			}
		case name == "SqsManagedSseEnabled":
			if value != "true" && value != "false" {
				return wrong
			}
		case name == "Policy":
			document = nil
			if value == "" {
				continue
			}
			var err error
			if document, err = policy.Parse(value, policy.Resource); err != nil {
				var m *policy.Malformed
				if errors.As(err, &m) {
					return wrong
				}
				return err
			}
		default:
			return api.Errorf(http.StatusBadRequest, "InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	maps.Copy(q.attributes, attributes)
	if q.attributes["Policy"] == "" {
		delete(q.attributes, "Policy")
	}
	q.policy = document
	return nil
}

func (q *queue) number(attribute string) int {
	n, _ := strconv.Atoi(q.attributes[attribute]) // checked
	return n
}

func (q *queue) seconds(attribute string) time.Duration {
	return time.Duration(q.number(attribute)) * time.Second
}

type createInput struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
}

func (s *SQS) createQueue(r *api.Request, in *createInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.authorize(r, "CreateQueue", in.QueueName); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		if err := s.authorize(r, "TagQueue", in.QueueName); err != nil {
			return nil, err
		}
	}
	if strings.HasSuffix(in.QueueName, ".fifo") {
		return nil, api.NotModelled("FifoQueue")
	}
	if !nameRule.MatchString(in.QueueName) {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	now := s.Now()
	q := &queue{name: in.QueueName, attributes: defaults(), tags: map[string]string{}, created: now, modified: now, arrived: make(chan struct{})}
	if err := q.set(in.Attributes); err != nil {
		return nil, err
	}
	answer := map[string]string{"QueueUrl": s.url(in.QueueName)}
	if old, ok := s.queues[in.QueueName]; ok {
		for _, name := range slices.Sorted(maps.Keys(in.Attributes)) {
			if old.attributes[name] != in.Attributes[name] {
				return nil, api.Errorf(http.StatusBadRequest, "QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name)
			}
		}
		return answer, nil
	}
	if at, ok := s.deleted[in.QueueName]; ok && now.Before(at.Add(recreation)) {
		return nil, api.Errorf(http.StatusBadRequest, "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	maps.Copy(q.tags, in.Tags)
	s.queues[in.QueueName] = q
	return answer, nil
}

type nameInput struct {
	QueueName              string
	QueueOwnerAWSAccountID string `json:"QueueOwnerAWSAccountId"`
}

func (s *SQS) getQueueURL(r *api.Request, in *nameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.authorize(r, "GetQueueUrl", in.QueueName); err != nil {
		return nil, err
	}
	if s.queues[in.QueueName] == nil || in.QueueOwnerAWSAccountID != "" && in.QueueOwnerAWSAccountID != s.Account {
		return nil, noSuchQueue()
	}
	return map[string]string{"QueueUrl": s.url(in.QueueName)}, nil
}

type listInput struct{ QueueNamePrefix string }

func (s *SQS) listQueues(r *api.Request, in *listInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.authorize(r, "ListQueues", ""); err != nil {
		return nil, err
	}
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		if strings.HasPrefix(name, in.QueueNamePrefix) {
			urls = append(urls, s.url(name))
		}
	}
	return map[string]any{"QueueUrls": urls}, nil
}

type attributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

func (s *SQS) getAttributes(r *api.Request, in *attributesInput) (any, error) {
	return s.with(r, "GetQueueAttributes", in.QueueURL, func(q *queue) (any, error) {
		all := maps.Clone(q.attributes)
		visible, hidden, delayed := q.count(s.Now())
		all["QueueArn"] = s.arn(q.name)
		all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
		all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
		all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
		all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(hidden)
		all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
		out := map[string]string{}
		for _, name := range in.AttributeNames {
			if name == "All" {
				out = all
				break
			}
			if value, ok := all[name]; ok {
				out[name] = value
			} else if name != "Policy" && !slices.Contains(unmodelled, name) {
				return nil, api.Errorf(http.StatusBadRequest, "InvalidAttributeName", "Unknown Attribute %s.", name)
			}
		}
		return map[string]any{"Attributes": out}, nil
	})
}

type setInput struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

func (s *SQS) setAttributes(r *api.Request, in *setInput) (any, error) {
	return s.with(r, "SetQueueAttributes", in.QueueURL, func(q *queue) (any, error) {
		q.modified = s.Now()
		return nil, q.set(in.Attributes)
	})
}

type urlInput struct {
	QueueURL string `json:"QueueUrl"`
}

func (s *SQS) deleteQueue(r *api.Request, in *urlInput) (any, error) {
	return s.with(r, "DeleteQueue", in.QueueURL, func(q *queue) (any, error) {
		delete(s.queues, q.name)
		s.deleted[q.name] = s.Now()
		return nil, nil
	})
}

type tagInput struct {
	QueueURL string `json:"QueueUrl"`
	Tags     map[string]string
}

func (s *SQS) tagQueue(r *api.Request, in *tagInput) (any, error) {
	return s.with(r, "TagQueue", in.QueueURL, func(q *queue) (any, error) {
		maps.Copy(q.tags, in.Tags)
		return nil, nil
	})
}

type untagInput struct {
	QueueURL string `json:"QueueUrl"`
	TagKeys  []string
}

func (s *SQS) untagQueue(r *api.Request, in *untagInput) (any, error) {
	return s.with(r, "UntagQueue", in.QueueURL, func(q *queue) (any, error) {
		for _, key := range in.TagKeys {
			delete(q.tags, key)
		}
		return nil, nil
	})
}

func (s *SQS) listTags(r *api.Request, in *urlInput) (any, error) {
	return s.with(r, "ListQueueTags", in.QueueURL, func(q *queue) (any, error) {
		return map[string]any{"Tags": maps.Clone(q.tags)}, nil
	})
}
