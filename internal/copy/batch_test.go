package copy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// A listing shows everything that a plan needs, of pages with as much metadata as Cloud
// Storage allows, and of any part of a bucket.
func TestListsShowWhatPlansNeed(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	const count = 1005
	long := strings.Repeat("é", 3500)
	for i := range count {
		name := fmt.Sprintf("many/%05d", i)
		l.Upload(t, l.Env.SourceBucket, name, "text/plain", strings.NewReader(name))
		if i%2 == 0 {
			l.Call(t, http.MethodPatch, "/storage/v1/b/"+l.Env.SourceBucket+"/o/many%2F"+fmt.Sprintf("%05d", i), map[string]any{"metadata": map[string]string{"k": long}}, nil)
		}
	}
	for _, test := range []struct {
		r           Range
		first, last int
	}{
		{Range{Prefix: "many/"}, 0, count - 1},
		{Range{Prefix: "many/", After: "many/00009"}, 10, count - 1},
		{Range{Prefix: "many/", After: "many/00009", Before: "many/00020"}, 10, 19},
		{Range{After: "many/", Before: "many/00003 "}, 0, 3},
	} {
		i := test.first
		for o, err := range h.List(t.Context(), l.Env.SourceBucket, test.r) {
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("many/%05d", i)
			if o.Name != name || o.Size != int64(len(name)) || o.CRC32C != sumOf([]byte(name)) || o.Class != "STANDARD" || o.Updated.IsZero() || (o.Metadata["k"] == long) != (i%2 == 0) {
				t.Fatalf("%+v: got %+v", test.r, o)
			}
			i++
		}
		if i != test.last+1 {
			t.Errorf("%+v: ended before %d", test.r, i)
		}
	}
}

// Files keep what a job needs between invocations, and are written once if they are to be.
func TestFiles(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	f, ctx := h.Files(l.Env.DestinationBucket), t.Context()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::` + l.Env.DestinationBucket + `"}]}`
	if _, err := iam.NewFromConfig(l.AWSConfig(l.AWS.Admin())).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &l.Env.Role, PolicyName: aws.String("list"), PolicyDocument: &policy,
	}); err != nil {
		t.Fatal(err)
	}
	if data, there, err := f.Get(ctx, "jobs/none"); data != nil || there || err != nil {
		t.Errorf("no file: %q, %v, %v", data, there, err)
	}
	for i, want := range []bool{true, false} {
		if created, err := f.Create(ctx, "jobs/once <é>", []byte{byte(i)}); created != want || err != nil {
			t.Errorf("created %v, %v", created, err)
		}
	}
	if err := f.Put(ctx, "jobs/twice", []byte("<Error>one</Error>")); err != nil {
		t.Fatal(err)
	}
	if data, there, err := f.Get(ctx, "jobs/twice"); string(data) != "<Error>one</Error>" || !there || err != nil {
		t.Errorf("got %q, %v, %v", data, there, err)
	}
	var keys []string
	for key, err := range f.Keys(ctx, "jobs/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if got := strings.Join(keys, ", "); got != "jobs/once <é>, jobs/twice" {
		t.Errorf("keys: %s", got)
	}
}

// A batch lists every object, however many there are, and starts no more once its caller
// says so.
func TestBatches(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	h.settings.concurrency = 1
	event := invocation.Event{Objects: []invocation.Item{}}
	for i := range 20 {
		name := fmt.Sprintf("batch/%02d", i)
		if i != 3 {
			l.Upload(t, l.Env.SourceBucket, name, "text/plain", strings.NewReader(name))
		}
		event.Objects = append(event.Objects, invocation.Item{Object: name})
	}
	seen := 0
	got, err := h.Batch(t.Context(), event, func(invocation.ObjectResult) bool { seen++; return seen < 10 })
	if err != nil || len(got.Objects) != 10 || got.Complete || got.Cursor == "" {
		t.Fatalf("got %d objects, %v", len(got.Objects), err)
	}
	if o := got.Objects[3]; o.Cause != "Cloud Storage 404 NoSuchKey" || o.Transient {
		t.Errorf("the missing object: %+v", o)
	}
	event.Cursor = got.Cursor
	got, err = h.Batch(t.Context(), event, func(invocation.ObjectResult) bool { return true })
	if err != nil || len(got.Objects) != 10 || !got.Complete {
		t.Errorf("got %d objects, %v", len(got.Objects), err)
	}
	if log := l.log.String(); strings.Count(log, `"outcome":"failed"`) != 1 || strings.Contains(log, `"outcome":"copied"`) {
		t.Errorf("the log:\n%s", log)
	}
}

// A single object is looked at as a listing shows it, whatever its name is; listings begin
// with a name.
func TestLooksShowWhatListsShow(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	names := []string{"look/a b+%2F?#.txt", "look/../é", "look/z"}
	for _, name := range names {
		l.Upload(t, l.Env.SourceBucket, name, "text/plain", strings.NewReader(name))
	}
	seen := 0
	for want, err := range h.List(t.Context(), l.Env.SourceBucket, Range{From: "look/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(want.Name, "look/") {
			break
		}
		seen++
		for _, generation := range []int64{0, want.Generation} {
			got, there, err := h.Look(t.Context(), l.Env.SourceBucket, want.Name, generation)
			if diff := cmp.Diff(want, got); err != nil || !there || diff != "" {
				t.Errorf("%q: %v, %v (-listed +looked at):\n%s", want.Name, there, err, diff)
			}
		}
		if _, there, err := h.Look(t.Context(), l.Env.SourceBucket, want.Name, 1); err != nil || there {
			t.Errorf("another generation of %q: %v, %v", want.Name, there, err)
		}
	}
	if _, there, err := h.Look(t.Context(), l.Env.SourceBucket, "look/missing", 0); err != nil || there || seen != len(names) {
		t.Errorf("a missing object: %v, %v; %d listed", there, err, seen)
	}
	for o, err := range h.List(t.Context(), l.Env.SourceBucket, Range{From: "look/z"}) {
		if err != nil || o.Name != "look/z" {
			t.Errorf("a listing from a name begins with %q, %v", o.Name, err)
		}
		break
	}
}

// An object that is hidden from the role is an error, and not one that is missing.
func TestChecksumsTellDeniedFromMissing(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	ctx, policies := t.Context(), iam.NewFromConfig(l.AWSConfig(l.AWS.Admin()))
	l.put(t, "there", 10)
	if _, err := copyOne(h, invocation.Event{Object: "there"}); err != nil {
		t.Fatal(err)
	}
	put := func(effect, action, resource string) {
		t.Helper()
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":["arn:aws:s3:::%s"]}]}`, effect, action, resource)
		if _, err := policies.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &l.Env.Role, PolicyName: aws.String(effect), PolicyDocument: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	bucket := l.Env.DestinationBucket
	put("Allow", "s3:ListBucket", bucket)
	if size, _, _, there, err := h.Checksum(ctx, bucket, "there"); size != 10 || !there || err != nil {
		t.Errorf("an object: %d bytes, %v, %v", size, there, err)
	}
	put("Deny", "s3:GetObject", bucket+"/*")
	if _, _, _, there, err := h.Checksum(ctx, bucket, "there"); there || err == nil || !strings.Contains(err.Error(), "S3 lists it, and denies access to it") {
		t.Errorf("an object that is denied: %v, %v", there, err)
	}
	if _, _, _, there, err := h.Checksum(ctx, bucket, "missing"); there || err != nil {
		t.Errorf("a missing object: %v, %v", there, err)
	}
	put("Deny", "s3:*", bucket+`/*","arn:aws:s3:::`+bucket)
	if _, _, _, there, err := h.Checksum(ctx, bucket, "missing"); there || err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a bucket that is denied: %v, %v", there, err)
	}
}
