package states

import (
	"testing"
	"time"
)

// TestQuotas: see "Step Functions service quotas", whose tables differ by region.
func TestQuotas(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]struct{ starts, describes, transitions float64 }{
		"us-east-1":      {1300, 300, 5000},
		"ap-northeast-1": {800, 250, 800},
	} {
		q := newThrottles(region)
		if q.calls["StartExecution"].size != want.starts || q.calls["DescribeExecution"].size != want.describes || q.transitions.size != want.transitions {
			t.Errorf("%s: %+v, %+v, %+v", region, q.calls["StartExecution"], q.calls["DescribeExecution"], q.transitions)
		}
	}
	now := time.Now()
	q := newThrottles("eu-west-1")
	count := func(operation string) (n int) {
		for q.allow(operation, now) {
			n++
		}
		return n
	}
	if n := count("DescribeMapRun"); n != 200 {
		t.Errorf("%d calls at once, want 200", n)
	}
	now = now.Add(3 * time.Second)
	if n := count("DescribeMapRun"); n != 3 {
		t.Errorf("%d calls after three seconds, want 3", n)
	}
	now = now.Add(time.Hour)
	if n := count("DescribeMapRun"); n != 200 {
		t.Errorf("%d calls after an hour, want no more than 200", n)
	}
}

// TestEveryOperationHasAQuota: one without would be allowed nothing.
func TestEveryOperationHasAQuota(t *testing.T) {
	t.Parallel()
	q := newThrottles("us-east-1")
	for name := range (&Server{}).Service().Operations {
		if q.calls[name] == nil {
			t.Errorf("%s has none", name)
		}
	}
}
