package denials

import (
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

func TestRoleReadsTheObject(t *testing.T) {
	t.Parallel()
	c := fresh(t, sandbox.Options{})
	resp, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Download()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, err := io.ReadAll(resp.Body); err != nil || string(data) != sandboxtest.Sample {
		t.Errorf("the object is %q, %v, want %q", data, err, sandboxtest.Sample)
	}
	var through []string
	for _, e := range c.local.Journal.Entries() {
		if e.Service == "storage" && e.Principal == "serviceAccount:"+c.Names.ServiceAccountEmail() {
			through = e.Through
		}
	}
	want := []string{"principal://iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect/subject/" + c.Names.Subject(), c.Names.Subject()}
	if fmt.Sprint(through) != fmt.Sprint(want) {
		t.Errorf("the journal says the object was read through %v, want %v", through, want)
	}
}

// TestDirectAccessIsTheRoles: the journal tells that no service account came in
// between.
func TestDirectAccessIsTheRoles(t *testing.T) {
	t.Parallel()
	c := fresh(t, sandbox.Options{})
	c.BindBucket(t, c.Names.SourceBucket, "roles/storage.objectViewer", c.PrincipalSet(c.Names.AssumedRole()))
	l := &login{alone: true, creds: c.Session(t, c.Names.Role)}
	from := c.local.Journal.Position()
	if _, err := storageAs(t, c, l, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Download(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.local.Journal.Since(from) {
		got = append(got, e.Cloud+" "+e.Service+" as "+e.Principal)
	}
	federated := "principal://iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect/subject/" + c.Names.Subject()
	want := []string{"aws sts as " + c.Names.Subject(), "google sts as " + federated, "google storage as " + federated}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
