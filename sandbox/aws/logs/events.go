package logs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type inputEvent struct {
	Timestamp int64
	Message   string
}

type putLogEventsInput struct {
	LogGroupName  string
	LogStreamName string
	LogEvents     []inputEvent
	SequenceToken string // has not been looked at since 2023
}

// validate checks the rules for a batch; see "PutLogEvents".
func (in *putLogEventsInput) validate() error {
	if n := len(in.LogEvents); n == 0 || n > maxBatchEvents {
		return refuse("InvalidParameterException", "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length between 1 and %d", maxBatchEvents)
	}
	bytes := 0
	for i, e := range in.LogEvents {
		if e.Message == "" {
			return refuse("InvalidParameterException", "1 validation error detected: Value '' at 'logEvents.%d.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1", i+1)
		}
		if i > 0 && e.Timestamp < in.LogEvents[i-1].Timestamp {
			return refuse("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
		}
		bytes += len(e.Message) + eventOverhead
	}
	if bytes > maxBatchBytes {
		return refuse("InvalidParameterException", "Upload too large: %d bytes exceeds limit of %d", bytes, maxBatchBytes)
	}
	if last := in.LogEvents[len(in.LogEvents)-1]; last.Timestamp-in.LogEvents[0].Timestamp > maxBatchSpan.Milliseconds() {
		return refuse("InvalidParameterException", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

func (l *Logs) putLogEvents(r *api.Request, in *putLogEventsInput) (any, error) {
	if err := r.Authorize("logs:PutLogEvents", l.resource(in.LogGroupName, in.LogStreamName), nil); err != nil {
		return nil, err
	}
	if err := in.validate(); err != nil {
		return nil, err
	}
	now := l.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.stream(in.LogGroupName, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	rejected := map[string]int{}
	for i, e := range in.LogEvents {
		switch {
		case e.Timestamp < now.Add(-maxEventAge).UnixMilli():
			rejected["tooOldLogEventEndIndex"] = i + 1
			continue
		case e.Timestamp > now.Add(maxEventLead).UnixMilli():
			if _, ok := rejected["tooNewLogEventStartIndex"]; !ok {
				rejected["tooNewLogEventStartIndex"] = i
			}
			continue
		}
		s.sequence++
		s.events = append(s.events, event{
			id: fmt.Sprintf("%020d%036d", e.Timestamp, s.sequence), timestamp: e.Timestamp, ingestion: now.UnixMilli(), message: e.Message,
		})
		s.bytes += int64(len(e.Message) + eventOverhead)
	}
	slices.SortStableFunc(s.events, func(a, b event) int { return cmp.Compare(a.timestamp, b.timestamp) })
	s.ingested = now.UnixMilli()
	out := map[string]any{"nextSequenceToken": strconv.Itoa(s.sequence)}
	if len(rejected) > 0 {
		out["rejectedLogEventsInfo"] = rejected
	}
	return out, nil
}

// window is the times that a read is about: from Start, before End.
type window struct{ start, end *int64 }

func (w window) has(t int64) bool {
	return (w.start == nil || t >= *w.start) && (w.end == nil || t < *w.end)
}

// groupName is the name that a request gives, or that of the ARN it gives instead.
func (l *Logs) groupName(name, identifier string) string {
	if name != "" {
		return name
	}
	return strings.TrimPrefix(strings.TrimSuffix(identifier, ":*"), l.groupARN(""))
}

type filterLogEventsInput struct {
	LogGroupName        string
	LogGroupIdentifier  string
	LogStreamNames      []string
	LogStreamNamePrefix string
	StartTime           *int64
	EndTime             *int64
	FilterPattern       string
	Limit               *int
	NextToken           string
	Interleaved         bool // has had no effect since 2019
}

type filteredShape struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

// terms reads a filter pattern of plain and quoted terms, all of which have to
// occur.
func terms(pattern string) ([]string, error) {
	var out []string
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		term := ""
		switch {
		case strings.ContainsRune("{[?-%", rune(rest[0])):
			return nil, api.NotModelled("filterPattern " + rest)
		case rest[0] == '"':
			var ok bool
			if term, rest, ok = strings.Cut(rest[1:], `"`); !ok {
				return nil, refuse("InvalidParameterException", "Invalid filter pattern")
			}
		default:
			term, rest, _ = strings.Cut(rest, " ")
		}
		out = append(out, term)
	}
	return out, nil
}

func (l *Logs) filterLogEvents(r *api.Request, in *filterLogEventsInput) (any, error) {
	name := l.groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err := r.Authorize("logs:FilterLogEvents", l.resource(name, ""), nil); err != nil {
		return nil, err
	}
	wanted, err := terms(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	g, err := l.group(name)
	if err != nil {
		return nil, err
	}
	found := []filteredShape{}
	for _, s := range g.streams {
		if !strings.HasPrefix(s.name, in.LogStreamNamePrefix) || len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, s.name) {
			continue
		}
		for _, e := range s.events {
			missing := func(term string) bool { return !strings.Contains(e.message, term) }
			if (window{in.StartTime, in.EndTime}).has(e.timestamp) && !slices.ContainsFunc(wanted, missing) {
				found = append(found, filteredShape{s.name, e.timestamp, e.message, e.ingestion, e.id})
			}
		}
	}
	slices.SortFunc(found, func(a, b filteredShape) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.LogStreamName, b.LogStreamName), cmp.Compare(a.EventID, b.EventID))
	})
	out, err := page("events", found, in.Limit, in.NextToken, eventPage)
	if err != nil {
		return nil, err
	}
	out["searchedLogStreams"] = []struct{}{}
	return out, nil
}
