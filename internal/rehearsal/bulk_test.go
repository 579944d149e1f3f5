package rehearsal

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// bulkStand is a stand with bulk jobs for tests.
type bulkStand struct {
	*Stand
	*testing.T
	ctx  context.Context
	jobs jobs.Jobs
	s3   *s3.Client
}

// TestBulkJobsUnderFaults has bulk jobs lose their rights in the middle, and destinations
// change under them; it plans from lists and reconciles both buckets.
func TestBulkJobsUnderFaults(t *testing.T) {
	longtest.Skip(t)
	r, _ := newRehearsal(t)
	r.Bulk = 400
	var triggers triggers
	r.Clouds.Faults = triggers.look
	r.Hold = func(ctx context.Context, stand *Stand) error {
		s := &bulkStand{stand, t, ctx, jobs.New(stand.Env, stand.admin()), s3.NewFromConfig(stand.admin())}
		s.losesRights(&triggers)
		s.destinationChanges(&triggers)
		s.plansFromLists()
		s.sets(&triggers)
		s.spendsWhatItMay()
		s.reconciles()
		s.requesterPays()
		s.copiesAtRandom(&triggers)
		return nil
	}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// triggers does something once, when the clouds have seen a number of requests.
type triggers struct {
	mu    sync.Mutex
	match func(service, method, path string) bool
	left  int
	do    func()
}

func (g *triggers) after(n int, match func(service, method, path string) bool, do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.match, g.left, g.do = match, n, do
}

func (g *triggers) look(service string, r *http.Request) *faults.Fault {
	g.mu.Lock()
	if g.do == nil || !g.match(service, r.Method, r.URL.Path) {
		g.mu.Unlock()
		return nil
	}
	if g.left--; g.left > 0 {
		g.mu.Unlock()
		return nil
	}
	do := g.do
	g.do = nil
	g.mu.Unlock()
	do()
	return nil
}

func (s *bulkStand) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// ended waits until a job is not under way.
func (s *bulkStand) ended(job string) jobs.Status {
	s.Helper()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, time.Second) { // requests about map runs are limited
		status, err := s.jobs.Status(s.ctx, job)
		s.must(err)
		if !slices.Contains([]string{jobs.StatePlanning, jobs.StateRunning, jobs.StateVerifying}, status.State) {
			return status
		}
		s.must(clouds.Pause(s.ctx, wait))
	}
}

// plan plans a job of the small objects, unless it has names.
func (s *bulkStand) plan(job, compare string, names jobs.Names) bulk.Plan {
	s.Helper()
	request := s.jobs.Request(job)
	if request.Compare, request.Exclude, request.ShardObjects = compare, []string{"*.bin"}, 20; len(names.Lists)+len(names.Inventories) == 0 {
		request.Prefix = bulkPrefix
	}
	s.must(s.jobs.Plan(s.ctx, request, names, 4))
	status := s.ended(job)
	p, there, err := bulk.LoadPlan(s.ctx, s.jobs.Files, job)
	if err != nil || !there {
		s.Fatalf("planning %s: %s: %s, %v", job, status.State, status.Why, err)
	}
	return p
}

// run runs a job to its end and reports on it.
func (s *bulkStand) run(job string) (jobs.Status, bulk.Report) {
	s.Helper()
	s.must(s.jobs.Run(s.ctx, job, bulk.Limits{Concurrency: 4}))
	status := s.ended(job)
	r, err := bulk.MakeReport(s.ctx, s.jobs.Files, job)
	s.must(err)
	return status, r
}

// outcomes returns how often each object is in the ledger of a job, by its outcome.
func (s *bulkStand) outcomes(job string) map[string]map[string]int {
	s.Helper()
	all := map[string]map[string]int{}
	for key, err := range s.jobs.Files.Keys(s.ctx, bulk.Folder+job+"/ledger/") {
		s.must(err)
		data, _, err := s.jobs.Files.Get(s.ctx, key)
		s.must(err)
		packed, err := gzip.NewReader(bytes.NewReader(data))
		s.must(err)
		for d := json.NewDecoder(packed); ; {
			var line struct{ N, O string }
			if err := d.Decode(&line); err == io.EOF {
				break
			} else {
				s.must(err)
			}
			if all[line.O] == nil {
				all[line.O] = map[string]int{}
			}
			all[line.O][line.N]++
		}
	}
	return all
}

// deny denies the function's role an action on the destination, and returns what allows it.
func (s *bulkStand) deny(action string) (allow func()) {
	client := iam.NewFromConfig(s.admin())
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":%q,"Resource":"arn:aws:s3:::%s/*"}]}`, action, s.Env.DestinationBucket)
	name := aws.String("taken-away")
	if _, err := client.PutRolePolicy(s.ctx, &iam.PutRolePolicyInput{RoleName: &s.Env.Role, PolicyName: name, PolicyDocument: &policy}); err != nil {
		s.Error(err)
	}
	return func() {
		s.Helper()
		_, err := client.DeleteRolePolicy(s.ctx, &iam.DeleteRolePolicyInput{RoleName: &s.Env.Role, PolicyName: name})
		s.must(err)
	}
}

// losesRights takes rights away in the middle of a job, of both clouds, and gives them back.
func (s *bulkStand) losesRights(g *triggers) {
	const job, count = "rights", 400
	if p := s.plan(job, bulk.CompareNone, jobs.Names{}); p.Tally.ToCopy.Objects != count || p.Shards != count/20 {
		s.Fatalf("planned %+v in %d shards", p.Tally.ToCopy, p.Shards)
	}
	var allow func()
	g.after(100, func(service, method, path string) bool {
		return service == "aws/s3" && method == http.MethodPut && strings.Contains(path, "/"+s.Env.DestinationBucket+"/")
	}, func() { allow = s.deny("s3:PutObject") })
	status, r := s.run(job)
	if !strings.Contains(status.Why, "S3 403 AccessDenied") || status.State == jobs.StateDone || r.Complete || len(r.Progress.Failed) != 0 || r.Progress.Copied.Objects >= count {
		s.Errorf("without s3:PutObject the job is %+v", status)
	}
	written := r.Progress.Copied.Objects
	allow()

	policy := "/storage/v1/b/" + s.Env.SourceBucket + "/iam"
	var before map[string]any
	s.must(s.ask(s.ctx, "GET", policy, "", nil, &before))
	g.after(60, func(service, method, path string) bool {
		return service == "google/storage" && method == http.MethodGet && strings.Contains(path, "/"+bulkPrefix)
	}, func() {
		if err := s.ask(s.ctx, "PUT", policy, "application/json", []byte(`{"bindings":[]}`), nil); err != nil {
			s.Error(err)
		}
	})
	status, r = s.run(job)
	if !strings.Contains(status.Why, "Cloud Storage 403") || r.Complete || len(r.Progress.Failed) != 0 || r.Progress.Copied.Objects <= written || r.Progress.Copied.Objects >= count {
		s.Errorf("without the right to read, the job is %+v after %d objects", status, written)
	}
	delete(before, "etag")
	data, err := json.Marshal(before)
	s.must(err)
	s.must(s.ask(s.ctx, "PUT", policy, "application/json", data, nil))

	status, r = s.run(job)
	if status.State != jobs.StateDone || !r.Proven || r.Progress.Copied.Objects != count {
		s.Errorf("with both rights the job is %+v, %+v", status, r.Progress)
	}
	outcomes := s.outcomes(job)
	if len(outcomes) != 1 || len(outcomes["copied"]) != count {
		s.Errorf("the ledger has the outcomes %v", outcomes)
	}
	for name, n := range outcomes["copied"] {
		if n != 1 {
			s.Errorf("%s is in the ledger %d times", name, n)
		}
	}
}

// write writes an object of the destination, as somebody else does.
func (s *bulkStand) write(name, content string) {
	s.Helper()
	_, err := s.s3.PutObject(s.ctx, &s3.PutObjectInput{Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + name), Body: strings.NewReader(content)})
	s.must(err)
}

// remove deletes an object of the destination.
func (s *bulkStand) remove(name string) {
	s.Helper()
	_, err := s.s3.DeleteObject(s.ctx, &s3.DeleteObjectInput{Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + name)})
	s.must(err)
}

// verify verifies a job and returns what it found.
func (s *bulkStand) verify(job string) bulk.Verification {
	s.Helper()
	run, err := s.jobs.Verify(s.ctx, job, 4)
	s.must(err)
	status := s.ended(job)
	v, there, err := bulk.LoadVerification(s.ctx, s.jobs.Files, job, run)
	if err != nil || !there {
		s.Fatalf("verifying %s: %+v, %v", job, status, err)
	}
	return v
}

// destinationChanges changes the destination between plan and copy, and between copy and
// verification.
func (s *bulkStand) destinationChanges(g *triggers) {
	const job = "changes"
	var names []string
	for i := 10; i < 14; i++ {
		name, _ := bulkObject(i)
		names = append(names, name)
		s.remove(name)
	}
	if p := s.plan(job, bulk.CompareSize, jobs.Names{}); p.Tally.ToCopy.Objects != 4 || p.Tally.Unchanged.Objects != 396 {
		s.Errorf("planned %+v, %+v unchanged", p.Tally.ToCopy, p.Tally.Unchanged)
	}
	s.write(names[0], "somebody else's")
	_, r := s.run(job)
	if !r.Proven || r.Progress.Copied.Objects != 4 {
		s.Errorf("the report says %+v", r.Progress)
	}
	if v := s.verify(job); !v.Proven || v.Same.Objects != 4 {
		s.Errorf("verified %+v", v)
	}
	s.write(names[1], "somebody else's")
	s.remove(names[2])
	v := s.verify(job)
	causes := map[string]string{}
	for _, e := range v.Examples {
		causes[e.Object] = e.Cause
	}
	if v.Proven || v.Same.Objects != 2 || v.Missing.Objects != 1 || v.Different.Objects != 1 || causes[names[1]] != "different" || causes[names[2]] != "not at the destination" {
		s.Errorf("with changes, verified %+v", v)
	}
	allow := s.deny("s3:GetObject")
	if v := s.verify(job); v.Proven || v.Unchecked != 1 || v.Missing.Objects != 0 {
		s.Errorf("without the right to look, verified %+v", v)
	}
	allow()
	if status, r := s.run(job); status.State != jobs.StateDone || !r.Proven {
		s.Errorf("the job that is done is %+v", status)
	}
}

// plansFromLists plans jobs from lists here, in S3 and of an inventory report.
func (s *bulkStand) plansFromLists() {
	dir := s.TempDir()
	var names []string
	for i := range 30 {
		name, _ := bulkObject(i)
		names = append(names, name)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		s.must(os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	text := strings.Join(names, "\n") + "\ngs://" + s.Env.SourceBucket + "/" + names[4] + "\nmissing one\n"
	p := s.plan("names", bulk.CompareNone, jobs.Names{Lists: []string{file("names.txt", text)}})
	if l := p.Request.List; p.Tally.ToCopy.Objects != 30 || l.Duplicates != 1 || l.Names != 31 || p.Tally.Failing.Sum().Objects != 1 {
		s.Errorf("a list: %+v, %+v", p.Tally, l)
	}
	if _, r := s.run("names"); !r.Proven || r.Progress.Copied.Objects != 30 || len(r.Failures) != 1 || r.Failures[0].Object != "missing one" {
		s.Errorf("a list: %+v, %+v", r.Progress, r.Failures)
	}

	var o struct{ Generation, Size, Crc32c, StorageClass, Updated string }
	s.must(s.ask(s.ctx, "GET", "/storage/v1/b/"+s.Env.SourceBucket+"/o/"+url.PathEscape(names[1]), "", nil, &o))
	line := func(name, generation string) string {
		data, err := json.Marshal(map[string]string{"object": name, "generation": generation})
		s.must(err)
		return string(data) + "\n"
	}
	_, err := s.s3.PutObject(s.ctx, &s3.PutObjectInput{
		Bucket: &s.Env.JobsBucket, Key: aws.String("lists/some.jsonl"), Body: strings.NewReader(line(names[1], o.Generation) + line(names[2], "1")),
	})
	s.must(err)
	p = s.plan("lines", bulk.CompareNone, jobs.Names{Lists: []string{"s3://" + s.Env.JobsBucket + "/lists/some.jsonl"}})
	if p.Tally.ToCopy.Objects != 1 || p.Tally.Failing["the generation is not in the source bucket"].Objects != 1 {
		s.Errorf("a list in S3: %+v", p.Tally)
	}

	report := "project,bucket,name,size,updated,storageClass,crc32c,generation\n" +
		fmt.Sprintf("1,%s,%s,%s,%s,%s,%s,%s\n", s.Env.SourceBucket, names[1], o.Size, o.Updated, o.StorageClass, o.Crc32c, o.Generation)
	p = s.plan("inventory", bulk.CompareNone, jobs.Names{Inventories: []string{file("report.csv", report)}})
	if p.Tally.ToCopy.Objects != 1 || p.Tally.Lookups+p.Tally.SourcePages != 0 {
		s.Errorf("an inventory report: %+v", p.Tally)
	}
	if _, r := s.run("inventory"); !r.Proven {
		s.Errorf("an inventory report: %+v", r.Progress)
	}
	err = s.jobs.Plan(s.ctx, s.jobs.Request("parquet"), jobs.Names{Inventories: []string{file("report.parquet", "PAR1")}}, 4)
	if err == nil || !strings.Contains(err.Error(), "is Apache Parquet") {
		s.Errorf("a report as Parquet: %v", err)
	}
}

// reconciles starts the state machine as a schedule does, and sees that what is missing at the
// destination is copied and named.
func (s *bulkStand) reconciles() {
	missing, _ := bulkObject(5)
	older, _ := bulkObject(6)
	other, _ := bulkObject(7)
	s.remove(missing)
	s.write(other, "somebody else's")
	newer, _ := bulkObject(8) // as if an event had come after the listing
	_, err := s.s3.PutObject(s.ctx, &s3.PutObjectInput{
		Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + newer), Body: strings.NewReader("newest"),
		Metadata: map[string]string{"gcs-generation": "9000000000000000"},
	})
	s.must(err)
	upload := "/upload/storage/v1/b/" + s.Env.SourceBucket + "/o?uploadType=media&name=" + url.QueryEscape(older)
	s.must(s.ask(s.ctx, "POST", upload, "text/plain", []byte("newer"), nil))
	client := sfn.NewFromConfig(s.admin())
	before, err := s.jobs.List(s.ctx)
	s.must(err)
	started, err := client.StartExecution(s.ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(s.Env.JobsARN()), Input: aws.String(bulk.ReconcileInput(bulk.Reconcile{Prefix: bulkPrefix, Concurrency: 4})),
	})
	s.must(err)
	for {
		out, err := client.DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
		s.must(err)
		if out.Status == types.ExecutionStatusSucceeded {
			break
		}
		if out.Status != types.ExecutionStatusRunning {
			s.Fatalf("the execution is %s: %s: %s", out.Status, aws.ToString(out.Error), aws.ToString(out.Cause))
		}
		s.must(clouds.Pause(s.ctx, 100*time.Millisecond))
	}
	all, err := s.jobs.List(s.ctx)
	s.must(err)
	all = slices.DeleteFunc(all, func(job string) bool { return slices.Contains(before, job) })
	if len(all) != 1 || !strings.HasPrefix(all[0], "reconcile-") {
		s.Fatalf("the new jobs are %v", all)
	}
	status := s.ended(all[0])
	r, err := bulk.MakeReport(s.ctx, s.jobs.Files, all[0])
	s.must(err)
	reasons := map[string]string{}
	for _, m := range r.Missed.Objects {
		reasons[m.Object] = m.Reason
	}
	want := map[string]string{missing: bulk.MissedAbsent, older: bulk.MissedOlder, other: bulk.MissedDifferent}
	if status.State != jobs.StateDone || !r.Proven || r.Progress.Copied.Objects != 3 || r.Progress.Newer.Objects != 1 || !maps.Equal(reasons, want) {
		s.Errorf("the reconciliation is %+v, %+v, missed %v", status, r.Progress, reasons)
	}
	out, err := s.s3.GetObject(s.ctx, &s3.GetObjectInput{Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + older)})
	s.must(err)
	defer out.Body.Close()
	if data, err := io.ReadAll(out.Body); string(data) != "newer" || err != nil {
		s.Errorf("the older object has %q, %v", data, err)
	}
}

// requesterPays lets whoever asks pay for the source, and sees that a plan says so.
func (s *bulkStand) requesterPays() {
	bucket := "/storage/v1/b/" + s.Env.SourceBucket
	set := func(query string, pays bool) {
		s.Helper()
		body := fmt.Appendf(nil, `{"billing":{"requesterPays":%v}}`, pays)
		s.must(s.ask(s.ctx, "PATCH", bucket+query, "application/json", body, nil))
	}
	set("", true)
	s.must(s.jobs.Plan(s.ctx, s.jobs.Request("unpaid"), jobs.Names{}, 4))
	if status := s.ended("unpaid"); status.State != jobs.StateFailed || !strings.Contains(status.Why, "requester pays") || !strings.Contains(status.Why, "set billingProject") {
		s.Errorf("a plan of a bucket whose requesters pay: %+v", status)
	}
	set("?userProject="+s.Env.GoogleProject, false)
}

// sets changes the limits of a job while it copies.
func (s *bulkStand) sets(g *triggers) {
	const job = "set"
	s.plan(job, bulk.CompareNone, jobs.Names{})
	g.after(40, func(service, method, path string) bool {
		return service == "aws/s3" && method == http.MethodPut && strings.Contains(path, "/"+s.Env.DestinationBucket+"/")
	}, func() {
		concurrency, rate := 2, int64(100<<20)
		if err := s.jobs.Set(s.ctx, job, jobs.Change{Concurrency: &concurrency, MaxRate: &rate}); err != nil {
			s.Error(err)
		}
		status, err := s.jobs.Status(s.ctx, job)
		if err != nil || status.Map == nil || status.Map.Concurrency != 2 {
			s.Errorf("after a change of the concurrency the job is %+v, %v", status.Map, err)
		}
		rate = 1 << 20
		if err := s.jobs.Set(s.ctx, job, jobs.Change{MaxRate: &rate}); err == nil || !strings.Contains(err.Error(), "set concurrency to 1 or less") {
			s.Errorf("a rate that is too low for two shards: %v", err)
		}
	})
	if status, r := s.run(job); status.State != jobs.StateDone || !r.Proven || r.Limits.Concurrency != 2 || r.Limits.MaxRate != 100<<20 || r.Progress.Used.Bytes < r.Progress.Copied.Bytes ||
		r.Progress.Used.Writes < r.Progress.Copied.Objects {
		s.Errorf("the job is %+v, %+v, with %+v", status, r.Progress, r.Limits)
	}
}

// oddNames returns names at random that are hard for one cloud or the other, each once.
func oddNames(random *rand.Rand, n int) []string {
	parts := []string{"a", "..", ".", "", "%2F", "%", "+", "&", "=", "?", "#", "é", "e\u0301", "日本語", "\U0001f600", " ", "'", "\"", "<x>", "]]>", "\\", "*", "\t", "~", "$$"}
	seen := map[string]bool{}
	var names []string
	for len(names) < n {
		name := "odd"
		for range 1 + random.IntN(4) {
			name += "/" + parts[random.IntN(len(parts))] + parts[random.IntN(len(parts))]
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// copiesAtRandom copies objects of odd names and sizes while functions are killed and both
// buckets are changed, and holds the report against both.
func (s *bulkStand) copiesAtRandom(g *triggers) {
	const job, count = "random", 300
	seed := uint64(time.Now().UnixNano())
	s.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	names := oddNames(random, count)
	upload := func(name string, content []byte) error {
		return s.ask(s.ctx, "POST", "/upload/storage/v1/b/"+s.Env.SourceBucket+"/o?uploadType=media&name="+url.QueryEscape(name), "text/plain", content, nil)
	}
	content := func() []byte {
		data := make([]byte, random.IntN(1<<(1+random.IntN(18))))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		return data
	}
	for _, name := range names {
		s.must(upload(name, content()))
	}
	request := s.jobs.Request(job)
	request.Prefix, request.ShardObjects = "odd", 25
	s.must(s.jobs.Plan(s.ctx, request, jobs.Names{}, 4))
	s.ended(job)
	plan, there, err := bulk.LoadPlan(s.ctx, s.jobs.Files, job)
	if err != nil || !there || plan.Tally.Found().Objects != count {
		s.Fatalf("planned %+v, %v", plan.Tally, err)
	}
	planned := map[string]string{} // CRC32C
	for key, err := range s.jobs.Files.Keys(s.ctx, bulk.Folder+job+"/shards/") {
		s.must(err)
		data, _, err := s.jobs.Files.Get(s.ctx, key)
		s.must(err)
		packed, err := gzip.NewReader(bytes.NewReader(data))
		s.must(err)
		for d := json.NewDecoder(packed); d.More(); {
			var line struct{ N, C string }
			s.must(d.Decode(&line))
			planned[line.N] = line.C
		}
	}
	changed := map[string]bool{}
	for range 20 {
		changed[names[random.IntN(count)]] = true
	}
	replaced := content()
	g.after(50+random.IntN(100), func(service, method, path string) bool {
		return service == "google/storage" && method == http.MethodGet && strings.Contains(path, "/odd/")
	}, func() {
		for name := range changed {
			if err := upload(name, replaced); err != nil {
				s.Error(err)
			}
		}
		killFunctions()
	})
	status, r := s.run(job)
	for range 3 { // a round may have brought nothing, since all of it was killed
		if r.Complete {
			break
		}
		status, r = s.run(job)
	}
	if !r.Complete || !r.Proven || r.Progress.Outcomes() != plan.Tally.ToCopy {
		s.Fatalf("the job is %+v, %+v", status, r.Progress)
	}
	failed := map[string]bool{}
	for _, f := range r.Failures {
		failed[f.Object] = true
		if !changed[f.Object] {
			s.Errorf("%q failed: %s: %s", f.Object, f.Cause, f.Error)
		}
	}
	for name, sum := range planned {
		if failed[name] {
			continue
		}
		out, err := s.s3.HeadObject(s.ctx, &s3.HeadObjectInput{
			Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + name), ChecksumMode: s3types.ChecksumModeEnabled,
		})
		if err != nil || aws.ToString(out.ChecksumCRC32C) != sum {
			s.Errorf("%q is not as it was planned: %v", name, err)
		}
	}
	if len(planned) != int(plan.Tally.ToCopy.Objects) {
		s.Errorf("%d objects in the shards, %d in the plan", len(planned), plan.Tally.ToCopy.Objects)
	}
	if v := s.verify(job); v.Unchecked != 0 || v.Same.Objects != r.Progress.Copied.Objects+r.Progress.Unchanged.Objects {
		s.Errorf("verified %+v", v)
	}
	for _, name := range names { // what else is at the destination is counted in the end
		s.remove(name)
	}
	s.Logf("%d of %d objects copied, %d failed of %d that were changed", r.Progress.Copied.Objects, count, len(failed), len(changed))
}

// spendsWhatItMay runs a job that costs more than it may.
func (s *bulkStand) spendsWhatItMay() {
	const job = "costly"
	p := s.plan(job, bulk.CompareNone, jobs.Names{})
	terms := bulk.Options{Shards: p.Shards}
	cost := bulk.Estimate(bulk.ListPrices(), p.Tally, terms).Estimated
	s.must(s.jobs.Run(s.ctx, job, bulk.Limits{Concurrency: 1, MaxCost: cost / 2, Terms: terms}))
	status := s.ended(job)
	r, err := bulk.MakeReport(s.ctx, s.jobs.Files, job)
	s.must(err)
	if status.State == jobs.StateDone || !strings.Contains(status.Why, "which is more than its --max-cost of") || r.Progress.Copied.Objects == 0 || r.Complete {
		s.Errorf("a job that may spend half of its price is %+v, %+v", status, r.Progress)
	}
	if status, r := s.run(job); status.State != jobs.StateDone || !r.Proven {
		s.Errorf("without a limit, it is %+v, %+v", status, r.Progress)
	}
}
