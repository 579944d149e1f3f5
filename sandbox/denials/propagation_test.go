package denials

import (
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// TestPropagation makes the federation in clouds whose policies take two minutes:
// what is refused meanwhile is refused like a mistake, step by step.
func TestPropagation(t *testing.T) {
	t.Parallel()
	const delay = 2 * time.Minute
	c := fresh(t, sandbox.Options{IAMDelay: delay})
	read := func() string {
		_, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
		if err == nil {
			return "read"
		}
		got, ok := refusalOf(err)
		if !ok {
			t.Fatal(err)
		}
		return got.message
	}
	const unbound = noGetToken
	const ungranted = "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)."
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"made just now", func() {}, unbound},
		{"two minutes later", func() { c.Advance(delay) }, "read"},
		{"the grant is taken away", func() { c.Call(t, "PUT", "/storage/v1/b/"+c.Names.SourceBucket+"/iam", map[string]any{}, nil) }, "read"},
		{"two minutes later", func() { c.Advance(delay) }, ungranted},
		{"it is given again", func() {
			c.BindBucket(t, c.Names.SourceBucket, "roles/storage.objectViewer", "serviceAccount:"+c.Names.ServiceAccountEmail())
		}, ungranted},
		{"a minute later", func() { c.Advance(delay / 2) }, ungranted},
		{"two minutes later", func() { c.Advance(delay / 2) }, "read"},
		{"the binding is taken away", func() {
			c.Call(t, "POST", accountPath(c)+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
		}, "read"},
		{"two minutes later", func() { c.Advance(delay) }, unbound},
	} {
		step.do()
		if got := read(); got != step.want {
			t.Fatalf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}
