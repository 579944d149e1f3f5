package copy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func TestOverwritePolicies(t *testing.T) {
	const size = 100_000
	head, one, parts := map[string]int{"HeadObject": 1}, map[string]int{"PutObject": 1}, map[string]int{"CreateMultipartUpload": 1, "UploadPart": 5, "CompleteMultipartUpload": 1}
	with := func(a, b map[string]int) map[string]int {
		sum := map[string]int{}
		for _, m := range []map[string]int{a, b} {
			for k, v := range m {
				sum[k] += v
			}
		}
		return sum
	}
	for _, tt := range []struct {
		name, policy, there string // there: nothing, the same or another
		large               bool
		asked               map[string]int // successful requests to S3
		outcome             string
		conflict            bool
	}{
		{"always, onto nothing", "always", "nothing", false, one, "copied", false},
		{"always, onto the same", "always", "same", false, one, "copied", false},
		{"always, onto another", "always", "another", true, parts, "copied", false},
		{"if absent, onto nothing", "if-absent", "nothing", false, one, "copied", false},
		{"if absent, in parts onto nothing", "if-absent", "nothing", true, parts, "copied", false},
		{"if absent, onto the same", "if-absent", "same", false, head, "unchanged", false},
		{"if absent, onto another", "if-absent", "another", false, head, "", true},
		{"if absent, in parts onto another", "if-absent", "another", true, head, "", true},
		{"if different, onto nothing", "if-different", "nothing", false, one, "copied", false},
		{"if different, onto the same", "if-different", "same", true, head, "unchanged", false},
		{"if different, onto another", "if-different", "another", false, with(head, one), "copied", false},
		{"if different, in parts onto another", "if-different", "another", true, with(head, parts), "copied", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			if tt.large {
				h.inSmallParts()
			}
			var before []byte
			if tt.there == "another" {
				before = l.put(t, "object", 999)
				if _, err := copyOne(h, invocation.Event{Object: "object"}); err != nil {
					t.Fatal(err)
				}
			}
			content := l.put(t, "object", size)
			if tt.there == "same" {
				if _, err := copyOne(h, invocation.Event{Object: "object"}); err != nil {
					t.Fatal(err)
				}
			}
			from := len(l.Journal.Entries())
			got, err := copyOne(h, invocation.Event{Object: "object", Overwrite: tt.policy})
			if diff := cmp.Diff(tt.asked, l.asked("s3", from)); diff != "" {
				t.Errorf("requests of S3 (-want +got):\n%s", diff)
			}
			if tt.conflict {
				var exists *ExistsError
				if !errors.As(err, &exists) || !strings.Contains(err.Error(), "the destination exists and is different (999 bytes, CRC32C "+sumOf(before)+"); overwriting it is not allowed") {
					t.Errorf("Handle() = %v, want an *ExistsError", err)
				}
				l.holds(t, "object", before)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != tt.outcome || got.StatusCode != 200 || got.Bytes != size || got.CRC32C != sumOf(content) {
				t.Errorf("result %+v, want outcome %s", got, tt.outcome)
			}
			l.holds(t, "object", content)
		})
	}
}

// TestOwnWriteIsNoConflict loses the answer to a conditional write: the next
// attempt is rejected because the first succeeded.
func TestOwnWriteIsNoConflict(t *testing.T) {
	for _, rule := range []string{"aws/s3 PUT: lose times=1", "aws/s3 POST: lose skip=1 times=1"} {
		l := newStand(t)
		h := l.start(t)
		if strings.Contains(rule, "POST") {
			h.inSmallParts()
		}
		content := l.put(t, "object", 100_000)
		l.fail(t, rule)
		got, err := copyOne(h, invocation.Event{Object: "object", Overwrite: "if-absent"})
		if err != nil || got.Outcome != "copied" {
			t.Errorf("%s: Handle() = %+v, %v", rule, got, err)
		}
		l.holds(t, "object", content)
	}
}

// TestSomebodyElsesWriteIsAConflict makes another object appear between
// the check and the write.
func TestSomebodyElsesWriteIsAConflict(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	before := l.put(t, "other", 10)
	if _, err := copyOne(h, invocation.Event{Object: "other", Key: "object"}); err != nil {
		t.Fatal(err)
	}
	l.put(t, "object", 1000)
	l.fail(t, "aws/s3 HEAD: status=404 times=1")
	_, err := copyOne(h, invocation.Event{Object: "object", Overwrite: "if-absent"})
	var exists *ExistsError
	if !errors.As(err, &exists) {
		t.Errorf("Handle() = %v, want an *ExistsError", err)
	}
	l.holds(t, "object", before)
}
