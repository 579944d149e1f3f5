package states

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// retrier is one of a state's Retry; see "Handling errors in Step Functions workflows".
type retrier struct {
	errors   []string
	interval time.Duration
	attempts int
	backoff  float64
	most     time.Duration // 0 is no limit
	jitter   bool
}

type catcher struct {
	errors []string
	next   string
	result *path // nil is null: the error is discarded
}

// maxDelay bounds MaxDelaySeconds, in seconds.
const maxDelay = 31_622_400

func (o object) retriers() (out []retrier) {
	list := o.list("Retry")
	for i, r := range list {
		r.allow("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		one := retrier{errors: r.errors(i == len(list)-1), interval: time.Second, attempts: 3, backoff: 2}
		if n, ok := r.whole("IntervalSeconds", 1, maxSeconds); ok {
			one.interval = time.Duration(n) * time.Second
		}
		if n, ok := r.whole("MaxAttempts", 0, maxSeconds); ok {
			one.attempts = int(n)
		}
		if f, ok := r.number("BackoffRate"); ok {
			if one.backoff = f; f < 1 {
				r.say(schemaFailed, r.at+"/BackoffRate", "Value is less than the minimum of 1.0")
			}
		}
		if n, ok := r.whole("MaxDelaySeconds", 1, maxDelay-1); ok {
			if one.most = time.Duration(n) * time.Second; one.most <= one.interval {
				r.say(schemaFailed, r.at+"/MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds")
			}
		}
		if r.has("JitterStrategy") {
			strategy := r.text("JitterStrategy")
			if one.jitter = strategy == "FULL"; !one.jitter && strategy != "NONE" {
				r.say(schemaFailed, r.at+"/JitterStrategy", "Value is not one of: [FULL, NONE]")
			}
		}
		out = append(out, one)
	}
	return out
}

func (o object) catchers() (out []catcher) {
	list := o.list("Catch")
	for i, c := range list {
		c.allow("ErrorEquals", "Next", "ResultPath", "Comment")
		c.require("Next")
		out = append(out, catcher{errors: c.errors(i == len(list)-1), next: c.text("Next"), result: c.pathOr("ResultPath")})
	}
	return out
}

// errors reads ErrorEquals. States.ALL stands alone, and in the last place.
func (o object) errors(last bool) []string {
	if !o.require("ErrorEquals") {
		return nil
	}
	names := o.texts("ErrorEquals")
	switch {
	case len(names) == 0:
		o.say(schemaFailed, o.at+"/ErrorEquals", "ErrorEquals must not be empty")
	case slices.Contains(names, "States.ALL") && (len(names) > 1 || !last):
		o.say(schemaFailed, o.at+"/ErrorEquals", "'States.ALL' must be the only value of ErrorEquals, in the last entry")
	}
	return names
}

// matches reports whether an error is one of these. States.Runtime fails the
// execution, whatever is caught.
func matches(names []string, f *failure) bool {
	if f.runtime {
		return false
	}
	for _, name := range names {
		switch name {
		case "States.ALL", f.name:
			return true
		case "States.TaskFailed":
			if f.name != "States.Timeout" {
				return true
			}
		}
	}
	return false
}

// delay is how long to wait before the attempt after n others.
func (s *Server) delay(r retrier, n int) time.Duration {
	d := float64(r.interval) * math.Pow(r.backoff, float64(n))
	if r.most > 0 {
		d = min(d, float64(r.most))
	}
	d = min(d, float64(maxDuration))
	if r.jitter {
		d *= float64(binary.BigEndian.Uint64(s.Bytes(8))>>11) / (1 << 53)
	}
	return time.Duration(d)
}
