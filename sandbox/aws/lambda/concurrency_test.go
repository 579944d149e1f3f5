package lambda

import "testing"

// TestAccountConcurrency: functions without a reservation share what the others leave
// of the account's 1,000; see "Understanding Lambda function scaling" (AWS Lambda
// Developer Guide). To run so many would be to run so many processes.
func TestAccountConcurrency(t *testing.T) {
	t.Parallel()
	reserved := 900
	shared, other := &function{name: "shared"}, &function{name: "other", reserved: &reserved}
	s := &Server{functions: map[string]*function{"shared": shared, "other": other}}
	for name, tt := range map[string]struct {
		f          *function
		unreserved int
		running    int
		want       string
	}{
		"room":                {shared, 99, 0, ""},
		"the others' is full": {shared, 100, 0, "ConcurrentInvocationLimitExceeded"},
		"a reservation":       {other, 100, 899, ""},
		"its own is full":     {other, 0, 900, "ReservedFunctionConcurrentInvocationLimitExceeded"},
	} {
		s.unreserved, tt.f.running = tt.unreserved, tt.running
		if got := s.throttled(tt.f); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
