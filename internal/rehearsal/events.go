package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// EventsSummary is what a rehearsal of continuous replication did.
type EventsSummary struct {
	Changes   int     `json:"changes"`   // objects written, overwritten and deleted
	Objects   int     `json:"objects"`   // live ones in the end
	Versions  int     `json:"versions"`  // at the destination
	Drains    int     `json:"drains"`    // how often the schedule was due
	Killed    int     `json:"killed"`    // functions
	Faults    int     `json:"faults"`    // answers of both clouds that were errors on purpose
	Agree     bool    `json:"agree"`     // both buckets, in the end
	Backwards int     `json:"backwards"` // versions that are older than one before them
	Left      int     `json:"left"`      // events that are not acknowledged
	Missed    int     `json:"missed"`    // objects whose events were lost, which the nightly job found
	Seconds   float64 `json:"seconds"`
}

// eventsSettings are the settings of an environment with continuous replication, and with
// the job that looks for what it missed.
func eventsSettings() map[string]string {
	all := bulkSettings()
	all["events"], all["eventDeletes"], all["alarms"], all["reconcile"] = "pull", "true", "true", reconcileEvery
	return all
}

const (
	eventsPrefix   = "events/"
	reconcileEvery = "rate(10 minutes)"

	// minute is how far the clouds' clock is set forward for the next drain. All clients
	// sign with the machine's clock, which may be a quarter of an hour behind.
	minute    = 61 * time.Second
	maxDrains = 13
)

// disorder is what goes wrong while events are worked off.
type disorder struct {
	on     atomic.Bool
	faults atomic.Int64
	seed   atomic.Uint64
}

// choose doubles and shuffles what a subscription delivers, and while it is on answers
// one in twelve of the function's requests with an error.
func (d *disorder) choose(service string, r *http.Request) *faults.Fault {
	pulls := service == "google/pubsub" && strings.HasSuffix(r.URL.Path, ":pull")
	function := pulls || service == "aws/s3" && (r.Method == http.MethodPut || r.Method == http.MethodHead || r.Method == http.MethodDelete) ||
		service == "google/storage" && !strings.HasPrefix(r.URL.Path, "/upload/") && !strings.HasPrefix(r.URL.Path, "/storage/")
	if !function {
		return nil
	}
	chance := rand.New(rand.NewPCG(d.seed.Add(1), 0))
	if d.on.Load() && chance.IntN(12) == 0 {
		d.faults.Add(1)
		return &faults.Fault{Refuse: &faults.Refusal{Status: []int{500, 502, 503}[chance.IntN(3)]}}
	}
	if pulls {
		return &faults.Fault{Delivery: &faults.Delivery{Duplicate: chance.IntN(2) == 0, Shuffle: chance.Uint64() | 1}}
	}
	return nil
}

// events writes, overwrites and deletes objects while events come in disorder, functions are
// killed and both clouds fail, and proves that the destination is what the source is.
func (r Rehearsal) events(ctx context.Context, summary *Summary, s *Stand) error {
	done := &EventsSummary{}
	summary.Events = done
	started := time.Now()
	defer func() { done.Seconds = time.Since(started).Seconds() }()
	w := &writers{stand: s, done: done, live: map[string][]byte{}}
	return r.perform(ctx, summary,
		[]progress.Act{{Name: "keep versions in both buckets", Run: func(ctx context.Context) (string, error) { return "", s.keepVersions(ctx) }}},
		[]progress.Act{{Name: fmt.Sprintf("write, overwrite and delete objects %d times, with events in disorder, kills and faults", r.Events), Run: func(ctx context.Context) (string, error) {
			const waves = 3
			for wave := range waves {
				s.disorder.on.Store(wave < waves-1)
				if err := w.write(ctx, wave, r.Events*(wave+1)/waves-r.Events*wave/waves); err != nil {
					return "", err
				}
				if err := s.drain(ctx, done, wave < waves-1); err != nil {
					return "", err
				}
			}
			s.disorder.on.Store(false)
			for s.backlog() > 0 && done.Drains < maxDrains-2 {
				if err := s.drain(ctx, done, false); err != nil {
					return "", err
				}
			}
			done.Faults = int(s.disorder.faults.Load())
			return fmt.Sprintf("%d drains, %d functions killed, %d faults", done.Drains, done.Killed, done.Faults), nil
		}}},
		[]progress.Act{{Name: "lose the events of an object, and let the scheduled job find it", Run: func(ctx context.Context) (string, error) {
			return s.reconcile(ctx, w, done)
		}}},
		[]progress.Act{s.act(summary, "compare both buckets", func(ctx context.Context, s *Stand, summary *Summary) (string, error) {
			return proveEvents(ctx, s, summary, w)
		})},
	)
}

// keepVersions turns on versioning of both buckets, with which nothing that was written is
// lost.
func (s *Stand) keepVersions(ctx context.Context) error {
	client := s3.NewFromConfig(s.admin())
	_, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &s.Env.DestinationBucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return err
	}
	return s.ask(ctx, "PATCH", "/storage/v1/b/"+s.Env.SourceBucket, "application/json", []byte(`{"versioning":{"enabled":true}}`), nil)
}

// writers change objects of the source bucket.
type writers struct {
	stand *Stand
	done  *EventsSummary
	live  map[string][]byte // what should be live, by name
}

// eventObject is the name of an object.
func eventObject(n int) string {
	if n%10 == 7 {
		return fmt.Sprintf("%s%03d/日本語 +&%%2F<é>.txt", eventsPrefix, n)
	}
	return fmt.Sprintf("%s%03d.txt", eventsPrefix, n)
}

// write makes changes: of ten objects one is deleted, and the others are written, each some
// times in a row.
func (w *writers) write(ctx context.Context, wave, changes int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	const inARow = 3
	for first := 0; first < changes; first += inARow {
		name := eventObject(first / inARow)
		content, deleted := bytes.Repeat(fmt.Appendf(nil, "%d of wave %d,", first, wave), 1+first%500), (first/inARow+wave)%10 == 9
		_, exists := w.live[name]
		last := min(inARow, changes-first)
		w.done.Changes += last
		if w.live[name] = content; deleted && (exists || last > 1) {
			delete(w.live, name)
		}
		group.Go(func() error {
			for n := range last {
				if deleted && n == last-1 && (exists || n > 0) {
					return w.stand.ask(ctx, "DELETE", "/storage/v1/b/"+w.stand.Env.SourceBucket+"/o/"+url.PathEscape(name), "", nil, nil)
				}
				upload := "/upload/storage/v1/b/" + w.stand.Env.SourceBucket + "/o?uploadType=media&name=" + url.QueryEscape(name)
				body := content
				if n < last-1 {
					body = fmt.Appendf(nil, "before %d", n)
				}
				if err := w.stand.ask(ctx, "POST", upload, "text/plain", body, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// backlog is how many events are not acknowledged.
func (s *Stand) backlog() int {
	return s.Sandbox.Google.PubSub().Backlog(s.Env.Drain()).Unacknowledged
}

// drain sets the clouds' clock forward by a minute, after which the schedule is due, and
// waits until what it started has ended. With kills, the function dies on the way.
func (s *Stand) drain(ctx context.Context, done *EventsSummary, kills bool) error {
	done.Drains++
	before := s.backlog()
	s.ahead.Add(int64(minute))
	s.Sandbox.AWS.Scheduler().Tick()
	ended := make(chan error, 1)
	go func() { ended <- s.Sandbox.AWS.Lambda().Settle(ctx) }()
	for kills {
		select {
		case err := <-ended:
			return err
		case <-time.After(glance):
		}
		if s.backlog() <= before*2/3 {
			n := killFunctions()
			done.Killed += n
			kills = n == 0
		}
	}
	return <-ended
}

// glance is how often the backlog is looked at until the function is to be killed.
const glance = 20 * time.Millisecond

// reconcile writes an object of which no event can tell, since Cloud Storage has lost the
// right to publish, and waits for the job that is scheduled.
func (s *Stand) reconcile(ctx context.Context, w *writers, done *EventsSummary) (string, error) {
	topic := "/v1/" + s.Env.Topic(s.Env.Drain())
	var policy map[string]any
	if err := s.ask(ctx, "GET", topic+":getIamPolicy", "", nil, &policy); err != nil {
		return "", err
	}
	set := func(bindings any) error {
		body, err := json.Marshal(map[string]any{"policy": map[string]any{"bindings": bindings}})
		if err != nil {
			return err
		}
		return s.ask(ctx, "POST", topic+":setIamPolicy", "application/json", body, nil)
	}
	if err := set([]any{}); err != nil {
		return "", err
	}
	const name = eventsPrefix + "missed.txt"
	content := []byte("no event tells of this")
	w.done.Changes++
	w.live[name] = content
	upload := "/upload/storage/v1/b/" + s.Env.SourceBucket + "/o?uploadType=media&name=" + url.QueryEscape(name)
	if err := s.ask(ctx, "POST", upload, "text/plain", content, nil); err != nil {
		return "", err
	}
	if err := set(policy["bindings"]); err != nil {
		return "", err
	}
	j := jobs.New(s.Env, s.admin())
	for {
		names, err := j.List(ctx)
		if err != nil {
			return "", err
		}
		// One may have begun before the object was written.
		for _, job := range slices.Backward(names) {
			status, err := jobEnded(ctx, j, job)
			if err != nil {
				return "", err
			}
			report, err := bulk.MakeReport(ctx, j.Files, job)
			if err != nil {
				return "", fmt.Errorf("the job %s is %s: %s: %w", job, status.State, status.Why, err)
			}
			if report.Missed != nil && len(report.Missed.Objects) == 1 && report.Missed.Objects[0].Object == name && report.Proven {
				done.Missed = 1
				return fmt.Sprintf("the job %s found and copied %s", job, name), nil
			}
		}
		if done.Drains == maxDrains {
			return "", fmt.Errorf("none of the jobs %q found %s", names, name)
		}
		if err := s.drain(ctx, done, false); err != nil {
			return "", err
		}
	}
}

// jobEnded waits until a job is not under way.
func jobEnded(ctx context.Context, j jobs.Jobs, job string) (jobs.Status, error) {
	for {
		status, err := j.Status(ctx, job)
		if err != nil || status.State != jobs.StatePlanning && status.State != jobs.StateRunning {
			return status, err
		}
		if err := clouds.Pause(ctx, 100*time.Millisecond); err != nil {
			return status, err
		}
	}
}

// proveEvents holds what the writers left against both buckets and all versions.
func proveEvents(ctx context.Context, s *Stand, summary *Summary, w *writers) (string, error) {
	from, done := len(summary.Proofs), summary.Events
	source, err := s.sourceObjects(ctx)
	if err != nil {
		return "", err
	}
	versions, err := s.destinationVersions(ctx)
	if err != nil {
		return "", err
	}
	var wrong []string
	for name, content := range w.live {
		if o, there := source[name]; !there || o.Crc32c != clouds.CRC32C(content) {
			wrong = append(wrong, fmt.Sprintf("%s is not live at the source as it was written", name))
		}
	}
	for name, o := range source {
		kept := versions[name]
		if len(kept) == 0 || kept[len(kept)-1] != o {
			wrong = append(wrong, fmt.Sprintf("%s is %+v at the source and %+v at the destination", name, o, kept))
		}
	}
	for name, kept := range versions {
		last := kept[len(kept)-1]
		if _, live := source[name]; !live && last.Generation != "" {
			wrong = append(wrong, name+" is gone at the source, and not at the destination")
		}
		newest := int64(0)
		for _, v := range kept {
			if v.Generation == "" {
				continue
			}
			done.Versions++
			generation, err := strconv.ParseInt(v.Generation, 10, 64)
			if err != nil || generation < newest {
				done.Backwards++
			}
			newest = max(newest, generation)
		}
	}
	dead := s.Sandbox.Google.PubSub().Backlog(s.Env.EventDeadLetters()).Unacknowledged
	done.Objects, done.Agree, done.Left = len(source), len(wrong) == 0 && len(source) == len(w.live), s.backlog()
	slices.Sort(wrong)
	seen := fmt.Sprintf("%d objects after %d changes", len(source), done.Changes)
	if len(wrong) > 0 {
		seen += ": " + strings.Join(wrong[:min(3, len(wrong))], "; ")
	}
	summary.prove("what is live at the source is at the destination, and nothing else", seen, done.Agree)
	summary.prove("no older generation was written over a newer one", fmt.Sprintf("%d versions of %d keys, %d of them backwards", done.Versions, len(versions), done.Backwards), done.Backwards == 0 && done.Versions > 0)
	summary.prove("every event is worked off", fmt.Sprintf("%d events and %d dead letters are left", done.Left, dead), done.Left == 0 && dead == 0)
	summary.prove("what no event told of was found by the scheduled job", fmt.Sprintf("%d object", done.Missed), done.Missed == 1)
	return summary.verdict(from)
}

// generation is one generation of an object: its number, and the CRC32C of its bytes. One
// without a number is a deletion.
type generation struct{ Generation, Crc32c string }

// sourceObjects are the live objects, by name.
func (s *Stand) sourceObjects(ctx context.Context) (map[string]generation, error) {
	all := map[string]generation{}
	for token := ""; ; {
		var page struct {
			Items []struct {
				Name string
				generation
			}
			NextPageToken string
		}
		path := "/storage/v1/b/" + s.Env.SourceBucket + "/o?prefix=" + url.QueryEscape(eventsPrefix) + "&pageToken=" + url.QueryEscape(token)
		if err := s.ask(ctx, "GET", path, "", nil, &page); err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			all[o.Name] = o.generation
		}
		if token = page.NextPageToken; token == "" {
			return all, nil
		}
	}
}

// destinationVersions are all versions of every key, the oldest first.
func (s *Stand) destinationVersions(ctx context.Context) (map[string][]generation, error) {
	client, all := s3.NewFromConfig(s.admin()), map[string][]generation{}
	type version struct {
		key, id string
		removed bool
		at      time.Time
		latest  bool
	}
	var listed []version
	for p := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{
		Bucket: &s.Env.DestinationBucket, Prefix: aws.String(s.Env.DestinationPrefix + eventsPrefix),
	}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			listed = append(listed, version{*v.Key, *v.VersionId, false, *v.LastModified, *v.IsLatest})
		}
		for _, m := range page.DeleteMarkers {
			listed = append(listed, version{*m.Key, *m.VersionId, true, *m.LastModified, *m.IsLatest})
		}
	}
	// A page lists the newest version of a key first, but versions and deletions apart.
	slices.Reverse(listed)
	slices.SortStableFunc(listed, func(a, b version) int {
		switch {
		case a.latest != b.latest:
			return map[bool]int{true: 1, false: -1}[a.latest]
		}
		return a.at.Compare(b.at)
	})
	for _, v := range listed {
		name := strings.TrimPrefix(v.key, s.Env.DestinationPrefix)
		if v.removed {
			all[name] = append(all[name], generation{})
			continue
		}
		out, err := client.HeadObject(ctx, &s3.HeadObjectInput{
			Bucket: &s.Env.DestinationBucket, Key: &v.key, VersionId: &v.id, ChecksumMode: s3types.ChecksumModeEnabled,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("looking at the version %s of %s", v.id, v.key), err)
		}
		all[name] = append(all[name], generation{out.Metadata["gcs-generation"], aws.ToString(out.ChecksumCRC32C)})
	}
	return all, nil
}
