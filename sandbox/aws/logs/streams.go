package logs

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// badToken refuses a token that was not given out here.
func badToken() error {
	return refuse("InvalidParameterException", "The specified nextToken is invalid.")
}

// badLimit refuses a page of n items.
func badLimit(n, most int) error {
	return refuse("InvalidParameterException", "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", n, most)
}

// page answers one page of items.
func page[T any](member string, items []T, limit *int, token string, most int) (map[string]any, error) {
	pages := api.Pages{Size: most, Most: most, BadSize: func(n int) error { return badLimit(n, most) }, BadToken: badToken}
	items, next, err := api.Page(pages, items, limit, token)
	out := map[string]any{member: items}
	if next != "" {
		out["nextToken"] = next
	}
	return out, err
}

type streamInput struct {
	LogGroupName  string
	LogStreamName string
}

func (l *Logs) createLogStream(r *api.Request, in *streamInput) (any, error) {
	if err := r.Authorize("logs:CreateLogStream", l.resource(in.LogGroupName, in.LogStreamName), nil); err != nil {
		return nil, err
	}
	if in.LogStreamName == "" || len(in.LogStreamName) > maxGroupName || strings.ContainsAny(in.LogStreamName, ":*") {
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", in.LogStreamName)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if _, ok := g.streams[in.LogStreamName]; ok {
		return nil, refuse("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	g.streams[in.LogStreamName] = &stream{name: in.LogStreamName, created: l.Now()}
	return nil, nil
}

type describeLogStreamsInput struct {
	LogGroupName        string
	LogStreamNamePrefix string
	OrderBy             string
	Descending          bool
	Limit               *int
	NextToken           string
}

type streamShape struct {
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitempty"`
	UploadSequenceToken string `json:"uploadSequenceToken"`
	ARN                 string `json:"arn"`
	StoredBytes         int64  `json:"storedBytes"` // zero for streams, since 2019
}

func (l *Logs) describeLogStreams(r *api.Request, in *describeLogStreamsInput) (any, error) {
	if err := r.Authorize("logs:DescribeLogStreams", l.resource(in.LogGroupName, ""), nil); err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	switch {
	case byTime && in.LogStreamNamePrefix != "":
		return nil, refuse("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	case !byTime && in.OrderBy != "" && in.OrderBy != "LogStreamName":
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LastEventTime, LogStreamName]", in.OrderBy)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	g, err := l.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	shapes := []streamShape{}
	for _, name := range slices.Sorted(maps.Keys(g.streams)) {
		if !strings.HasPrefix(name, in.LogStreamNamePrefix) {
			continue
		}
		s := g.streams[name]
		x := streamShape{LogStreamName: name, CreationTime: s.created.UnixMilli(), LastIngestionTime: s.ingested, UploadSequenceToken: strconv.Itoa(s.sequence), ARN: l.resource(g.name, name)}
		if n := len(s.events); n > 0 {
			x.FirstEventTimestamp, x.LastEventTimestamp = s.events[0].timestamp, s.events[n-1].timestamp
		}
		shapes = append(shapes, x)
	}
	if byTime {
		slices.SortStableFunc(shapes, func(a, b streamShape) int { return int(a.LastEventTimestamp - b.LastEventTimestamp) })
	}
	if in.Descending {
		slices.Reverse(shapes)
	}
	return page("logStreams", shapes, in.Limit, in.NextToken, describePage)
}

type tagInput struct {
	ResourceARN string `json:"resourceArn"`
	Tags        map[string]string
	TagKeys     []string
}

// tagged authorizes a call about tags, finds the group of its ARN and does the
// rest under the lock.
func (l *Logs) tagged(r *api.Request, action string, in *tagInput, do func(*group) (any, error)) (any, error) {
	name, ok := strings.CutPrefix(strings.TrimSuffix(in.ResourceARN, ":*"), l.groupARN(""))
	if !ok {
		return nil, refuse("InvalidParameterException", "The specified resource ARN is invalid: %s", in.ResourceARN)
	}
	keys := api.TagKeys(in.Tags)
	keys["aws:TagKeys"] = append(keys["aws:TagKeys"], in.TagKeys...)
	if err := r.Authorize("logs:"+action, l.groupARN(name), keys); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.group(name)
	if err != nil {
		return nil, err
	}
	return do(g)
}

func (l *Logs) tagResource(r *api.Request, in *tagInput) (any, error) {
	return l.tagged(r, "TagResource", in, func(g *group) (any, error) {
		merged := maps.Clone(g.tags)
		maps.Copy(merged, in.Tags)
		if len(merged) > maxTags {
			return nil, refuse("TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
		}
		g.tags = merged
		return nil, nil
	})
}

func (l *Logs) untagResource(r *api.Request, in *tagInput) (any, error) {
	return l.tagged(r, "UntagResource", in, func(g *group) (any, error) {
		for _, k := range in.TagKeys {
			delete(g.tags, k)
		}
		return nil, nil
	})
}

func (l *Logs) listTagsForResource(r *api.Request, in *tagInput) (any, error) {
	return l.tagged(r, "ListTagsForResource", in, func(g *group) (any, error) {
		return map[string]any{"tags": maps.Clone(g.tags)}, nil
	})
}
