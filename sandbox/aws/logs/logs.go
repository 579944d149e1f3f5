// Package logs models Amazon CloudWatch Logs: groups with retention and tags,
// streams, and events that are put, and filtered by plain terms.
//
// Retention is kept but nothing expires. It does not model metric filters,
// subscriptions, Insights queries, encryption keys, log classes other than
// STANDARD, live tail, and filter patterns beyond terms; parameters for them are
// refused by name.
package logs

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Quotas; see "PutLogEvents", "CreateLogGroup" and "CloudWatch Logs quotas".
const (
	maxGroupName   = 512
	maxBatchEvents = 10_000
	maxBatchBytes  = 1 << 20
	eventOverhead  = 26
	maxBatchSpan   = 24 * time.Hour
	maxEventAge    = 14 * 24 * time.Hour
	maxEventLead   = 2 * time.Hour
	describePage   = 50
	eventPage      = 10_000
	maxTags        = 50
)

var groupNameRule = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]+$`)

// Logs is the service. Make it with New.
type Logs struct {
	api.Options

	mu     sync.RWMutex
	groups map[string]*group
}

type group struct {
	name      string
	created   time.Time
	retention int // days; 0 keeps events for ever
	tags      map[string]string
	streams   map[string]*stream
}

type stream struct {
	name     string
	created  time.Time
	events   []event // in the order of their times
	ingested int64
	bytes    int64
	sequence int
}

type event struct {
	id        string
	timestamp int64
	ingestion int64
	message   string
}

// New returns a Logs without groups.
func New(o api.Options) *Logs { return &Logs{Options: o.WithDefaults(), groups: map[string]*group{}} }

// Service declares the CloudWatch Logs API.
func (l *Logs) Service() api.Service {
	return api.Service{Protocol: api.JSON{Target: "Logs_20140328"}, Operations: map[string]api.Operation{
		"CreateLogGroup":        api.Do(l.createLogGroup),
		"DescribeLogGroups":     api.Do(l.describeLogGroups),
		"DeleteLogGroup":        api.Do(l.deleteLogGroup),
		"PutRetentionPolicy":    api.Do(l.putRetentionPolicy),
		"DeleteRetentionPolicy": api.Do(l.deleteRetentionPolicy),
		"CreateLogStream":       api.Do(l.createLogStream),
		"DescribeLogStreams":    api.Do(l.describeLogStreams),
		"PutLogEvents":          api.Do(l.putLogEvents),
		"FilterLogEvents":       api.Do(l.filterLogEvents),
		"TagResource":           api.Do(l.tagResource),
		"UntagResource":         api.Do(l.untagResource),
		"ListTagsForResource":   api.Do(l.listTagsForResource),
	}}
}

func (l *Logs) groupARN(name string) string { return l.ARN("logs", "log-group:"+name) }

// resource is what policies are asked about: a group's calls name an empty
// stream, so that a policy on log-group:NAME:* covers both.
func (l *Logs) resource(group, stream string) string {
	return l.groupARN(group) + ":log-stream:" + stream
}

func refuse(code, format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, code, format, args...)
}

// group finds a group. The caller holds the lock.
func (l *Logs) group(name string) (*group, error) {
	if g, ok := l.groups[name]; ok {
		return g, nil
	}
	return nil, refuse("ResourceNotFoundException", "The specified log group does not exist.")
}

// stream finds a stream. The caller holds the lock.
func (l *Logs) stream(groupName, name string) (*stream, error) {
	g, err := l.group(groupName)
	if err != nil {
		return nil, err
	}
	if s, ok := g.streams[name]; ok {
		return s, nil
	}
	return nil, refuse("ResourceNotFoundException", "The specified log stream does not exist.")
}

type createLogGroupInput struct {
	LogGroupName  string
	LogGroupClass string
	Tags          map[string]string
}

func (l *Logs) createLogGroup(r *api.Request, in *createLogGroupInput) (any, error) {
	if err := r.Authorize("logs:CreateLogGroup", l.resource(in.LogGroupName, ""), api.TagKeys(in.Tags)); err != nil {
		return nil, err
	}
	switch {
	case in.LogGroupName == "" || len(in.LogGroupName) > maxGroupName:
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must have length between 1 and %d", in.LogGroupName, maxGroupName)
	case !groupNameRule.MatchString(in.LogGroupName):
		return nil, refuse("InvalidParameterException", `1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`, in.LogGroupName)
	case in.LogGroupClass != "" && in.LogGroupClass != "STANDARD":
		return nil, api.NotModelled("logGroupClass " + in.LogGroupClass)
	case len(in.Tags) > maxTags:
		return nil, refuse("TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.groups[in.LogGroupName]; ok {
		return nil, refuse("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	g := &group{name: in.LogGroupName, created: l.Now(), tags: map[string]string{}, streams: map[string]*stream{}}
	maps.Copy(g.tags, in.Tags)
	l.groups[in.LogGroupName] = g
	return nil, nil
}

type groupShape struct {
	LogGroupName      string `json:"logGroupName"`
	CreationTime      int64  `json:"creationTime"`
	RetentionInDays   int    `json:"retentionInDays,omitempty"`
	MetricFilterCount int    `json:"metricFilterCount"`
	ARN               string `json:"arn"`
	LogGroupARN       string `json:"logGroupArn"`
	StoredBytes       int64  `json:"storedBytes"`
	LogGroupClass     string `json:"logGroupClass"`
}

type describeLogGroupsInput struct {
	LogGroupNamePrefix  string
	LogGroupNamePattern string
	Limit               *int
	NextToken           string
}

func (l *Logs) describeLogGroups(r *api.Request, in *describeLogGroupsInput) (any, error) {
	if err := r.Authorize("logs:DescribeLogGroups", l.resource(in.LogGroupNamePrefix, ""), nil); err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	shapes := []groupShape{}
	for _, name := range slices.Sorted(maps.Keys(l.groups)) {
		if !strings.HasPrefix(name, in.LogGroupNamePrefix) || !strings.Contains(strings.ToLower(name), strings.ToLower(in.LogGroupNamePattern)) {
			continue
		}
		g := l.groups[name]
		s := groupShape{LogGroupName: name, CreationTime: g.created.UnixMilli(), RetentionInDays: g.retention, ARN: l.groupARN(name) + ":*", LogGroupARN: l.groupARN(name), LogGroupClass: "STANDARD"}
		for _, st := range g.streams {
			s.StoredBytes += st.bytes
		}
		shapes = append(shapes, s)
	}
	return page("logGroups", shapes, in.Limit, in.NextToken, describePage)
}

type groupInput struct{ LogGroupName string }

func (l *Logs) deleteLogGroup(r *api.Request, in *groupInput) (any, error) {
	if err := r.Authorize("logs:DeleteLogGroup", l.resource(in.LogGroupName, ""), nil); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.group(in.LogGroupName); err != nil {
		return nil, err
	}
	delete(l.groups, in.LogGroupName)
	return nil, nil
}

// retentionDays are the periods that exist; see "PutRetentionPolicy".
func retentionDays() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

type retentionInput struct {
	LogGroupName    string
	RetentionInDays int
}

func (l *Logs) putRetentionPolicy(r *api.Request, in *retentionInput) (any, error) {
	if err := r.Authorize("logs:PutRetentionPolicy", l.resource(in.LogGroupName, ""), nil); err != nil {
		return nil, err
	}
	if !slices.Contains(retentionDays(), in.RetentionInDays) {
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", in.RetentionInDays, retentionDays())
	}
	return nil, l.setRetention(in.LogGroupName, in.RetentionInDays)
}

func (l *Logs) deleteRetentionPolicy(r *api.Request, in *groupInput) (any, error) {
	if err := r.Authorize("logs:DeleteRetentionPolicy", l.resource(in.LogGroupName, ""), nil); err != nil {
		return nil, err
	}
	return nil, l.setRetention(in.LogGroupName, 0)
}

func (l *Logs) setRetention(name string, days int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.group(name)
	if err != nil {
		return err
	}
	g.retention = days
	return nil
}
