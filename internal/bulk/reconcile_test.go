package bulk

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// made makes the job of a reconciliation as the state machine does.
func (s *synthetic) made(input string) (Answer, error) {
	return s.invoke(Step{Step: StepMake, Execution: "arn:execution", Started: "2026-11-27T03:04:05.678Z", Item: json.RawMessage(input)})
}

// A reconciliation copies what is missing or older at the destination, and nothing else, and
// its report names each, whatever dies.
func TestReconciliationsNameWhatWasMissed(t *testing.T) {
	t.Parallel()
	for _, compare := range []string{CompareChecksum, CompareSize} {
		for range 3 {
			s := newSynthetic(t, 2000, numbered)
			s.odds, s.dying, s.copier.limit = 0.002, true, 7
			want := map[string]string{}
			s.buckets.older, s.buckets.newer = map[string]struct{}{}, map[string]struct{}{}
			for i := range 2000 {
				switch key := numbered(i); {
				case i%100 == 7:
					want[key] = MissedAbsent
				case i%100 == 8 && compare == CompareChecksum:
					want[key] = MissedOlder
					s.buckets.older[key], s.buckets.there[key] = struct{}{}, struct{}{}
				case i%100 == 9 && compare == CompareChecksum:
					s.buckets.newer[key], s.buckets.there[key] = struct{}{}, struct{}{}
				default:
					s.buckets.there[key] = struct{}{}
				}
			}
			a, err := s.made(ReconcileInput(Reconcile{Compare: compare, Concurrency: 9, MaxRate: 90 << 20}))
			const job = "reconcile-20261127-030405-678"
			if err != nil || a.Job != job || a.Concurrency != 9 {
				t.Fatalf("made %+v, %v", a, err)
			}
			if again, err := s.made(ReconcileInput(Reconcile{Compare: compare, Concurrency: 9, MaxRate: 90 << 20})); again != a || err != nil {
				t.Errorf("a second attempt makes %+v, %v", again, err)
			}
			s.phase(PhasePlan, job, 1)
			s.phase(PhaseRun, job, 1)
			s.odds = 0
			r, err := MakeReport(t.Context(), s.files, job)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, m := range r.Missed.Objects {
				got[m.Object] = m.Reason
				if (m.Found == m.Generation-1) != (m.Reason == MissedOlder) || m.Key != m.Object || m.Bytes != 10_000 {
					t.Errorf("missed: %+v", m)
				}
			}
			if !maps.Equal(got, want) || r.Missed.Counts.Sum().Objects != int64(len(want)) {
				t.Errorf("%s: %d objects were missed, want %d: %v", compare, len(got), len(want), r.Missed.Counts)
			}
			if n := int64(len(s.buckets.newer)); r.Progress.Newer != (Count{n, n * 10_000}) || r.Progress.Outcomes() != r.Plan.Tally.ToCopy {
				t.Errorf("%s: %+v objects are newer, want %d", compare, r.Progress.Newer, n)
			}
			if !r.Proven || r.Progress.Copied.Objects != int64(len(want)) || r.Limits.MaxRate != 90<<20 {
				t.Errorf("%s: got %+v", compare, r.Progress)
			}
			for object := range s.copier.copies {
				if want[object] == "" && s.copier.copies[object] > 0 {
					t.Errorf("%s was copied", object)
				}
			}
			if !maps.Equal(s.copier.policy, map[string]bool{invocation.OverwriteNewer: true}) {
				t.Errorf("objects were copied with %v", s.copier.policy)
			}
			if len(s.buckets.there) != 2000 || len(s.buckets.older) != 0 {
				t.Errorf("%d objects are at the destination, %d of them older", len(s.buckets.there), len(s.buckets.older))
			}
		}
	}
}

// Two executions never share a job, and what cannot be compared is refused.
func TestReconciliationsAreJobsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 10, numbered)
	if _, err := s.made(ReconcileInput(Reconcile{})); err != nil {
		t.Fatal(err)
	}
	_, err := s.invoke(Step{Step: StepMake, Execution: "arn:other", Started: "2026-11-27T03:04:05.678Z", Item: json.RawMessage("{}")})
	if err == nil || !strings.Contains(err.Error(), `job: "reconcile-20261127-030405-678": exists already, of arn:execution`) {
		t.Errorf("got %v", err)
	}
	r, err := read[Request](t.Context(), s.files, requestKey("reconcile-20261127-030405-678"))
	if err != nil || r.Compare != CompareChecksum || !r.Reconcile {
		t.Errorf("the request is %+v, %v", r, err)
	}
	for want, input := range map[string]string{
		"compare: \"none\": must be checksum or size": ReconcileInput(Reconcile{Compare: CompareNone}),
		"concurrency: 10001":                          ReconcileInput(Reconcile{Concurrency: MaxConcurrency + 1}),
	} {
		if _, err := s.made(input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", input, err, want)
		}
	}
	s.worker.Settings.KeyTemplate = "{date}/{object}"
	if _, err := s.made(ReconcileInput(Reconcile{})); err == nil || !strings.Contains(err.Error(), "must not have {date} to reconcile") {
		t.Errorf("got %v", err)
	}
	if _, err := s.invoke(Step{Step: StepMake, Item: json.RawMessage("{}")}); err == nil || errors.Is(err, errDeath) {
		t.Errorf("without a time: %v", err)
	}
}
