// Package cloudwatch models the metric alarms of Amazon CloudWatch: they are made,
// changed, described, tagged and deleted, in the three protocols that clients
// speak. Metrics are not kept and nothing is evaluated, so that every alarm stays
// in the state INSUFFICIENT_DATA and no action is ever taken.
//
// It does not model metrics, dashboards, composite alarms, alarms on expressions
// and on anomalies, the alarms' history and states set by hand; parameters for them
// are refused by name. That the topic of an action exists is checked by nobody, as
// in the real service.
package cloudwatch

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Options are what CloudWatch needs to know of its cloud.
type Options struct {
	Account string
	Region  string
	Now     func() time.Time // nil is time.Now
}

// CloudWatch is the service. Make it with New.
type CloudWatch struct {
	options Options
	query   api.QueryProtocol
	json    api.JSONProtocol
	cbor    api.CBORProtocol

	mu     sync.RWMutex
	alarms map[string]*alarm
}

// name is the service's in its JSON and CBOR protocols.
const name = "GraniteServiceVersion20100801"

// New returns a CloudWatch without alarms.
func New(o Options) *CloudWatch {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &CloudWatch{
		options: o, alarms: map[string]*alarm{},
		query: api.QueryProtocol{Namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/", Version: "2010-08-01", Operations: map[string]api.Operation{}},
		json:  api.JSONProtocol{Prefix: name, Operations: map[string]api.Operation{}, QueryCodes: map[string]string{}},
		cbor:  api.CBORProtocol{Service: name, Operations: map[string]api.Operation{}},
	}
	serve(s, "PutMetricAlarm", s.putMetricAlarm)
	serve(s, "DescribeAlarms", s.describeAlarms)
	serve(s, "DeleteAlarms", s.deleteAlarms)
	serve(s, "TagResource", s.tagResource)
	serve(s, "UntagResource", s.untagResource)
	serve(s, "ListTagsForResource", s.listTags)
	return s
}

// serve offers an operation in all three protocols.
func serve[In any](s *CloudWatch, name string, do func(*api.Request, *In) (any, error)) {
	s.query.Operations[name] = api.QueryOperation(do)
	s.json.Operations[name] = api.JSONOperation(do)
	s.cbor.Operations[name] = api.CBOROperation(do)
}

// ServeAWS answers the CloudWatch API.
func (s *CloudWatch) ServeAWS(w http.ResponseWriter, r *api.Request) {
	switch {
	case api.SpeaksCBOR(r):
		s.cbor.ServeAWS(w, r)
	case r.Header.Get("X-Amz-Target") != "":
		s.json.ServeAWS(w, r)
	default:
		s.query.ServeAWS(w, r)
	}
}

func (s *CloudWatch) arn(alarm string) string {
	return "arn:aws:cloudwatch:" + s.options.Region + ":" + s.options.Account + ":alarm:" + alarm
}

// Tag is a tag of an alarm.
type Tag struct{ Key, Value string }

func tagKeys(tags []Tag) map[string][]string {
	keys := map[string][]string{}
	for _, t := range tags {
		keys["aws:RequestTag/"+t.Key] = []string{t.Value}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], t.Key)
	}
	return keys
}

// tagged authorizes a call about an alarm's tags and finds it. The caller holds the
// lock.
func (s *CloudWatch) tagged(r *api.Request, action, arn string, tags []Tag) (*alarm, error) {
	if err := r.Authorize("cloudwatch:"+action, arn, tagKeys(tags)); err != nil {
		return nil, err
	}
	a, ok := s.alarms[strings.TrimPrefix(arn, s.arn(""))]
	if !ok {
		return nil, api.Errorf(http.StatusNotFound, "ResourceNotFoundException", "The resource %s does not exist.", arn)
	}
	return a, nil
}

type tagInput struct {
	ResourceARN string
	Tags        []Tag
}

func (s *CloudWatch) tagResource(r *api.Request, in *tagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.tagged(r, "TagResource", in.ResourceARN, in.Tags)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		a.tags[t.Key] = t.Value
	}
	return struct{}{}, nil
}

type untagInput struct {
	ResourceARN string
	TagKeys     []string
}

func (s *CloudWatch) untagResource(r *api.Request, in *untagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.tagged(r, "UntagResource", in.ResourceARN, nil)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(a.tags, key)
	}
	return struct{}{}, nil
}

type resourceInput struct{ ResourceARN string }

func (s *CloudWatch) listTags(r *api.Request, in *resourceInput) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, err := s.tagged(r, "ListTagsForResource", in.ResourceARN, nil)
	if err != nil {
		return nil, err
	}
	var tags []Tag
	for _, key := range slices.Sorted(maps.Keys(a.tags)) {
		tags = append(tags, Tag{key, a.tags[key]})
	}
	return struct{ Tags api.Members[Tag] }{api.MembersOf(tags...)}, nil
}
