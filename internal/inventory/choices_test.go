package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// TestOfDirectAccess: without a service account none is asked for, and every
// account's provider is listed.
func TestOfDirectAccess(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Mark(t, c.Env.Mark())
	c.Call(t, "DELETE", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), nil, nil)
	c.Env.DirectAccess, c.Env.TrustedRoles = true, "210987654321:theirs,reader"
	c.Call(
		t,
		"POST",
		c.PoolPath()+"/providers?workloadIdentityPoolProviderId=aws-connect-210987654321",
		map[string]any{
			"description": "Admits the role theirs " + c.Env.Mark().String(),
			"aws":         map[string]any{"accountId": "210987654321"},
		},
		nil,
	)
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", c.PrincipalSet(c.Env.AssumedRole()))
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", c.PrincipalSet("arn:aws:sts::210987654321:assumed-role/theirs"))
	from := c.Journal.Position()
	items, err := Of(t.Context(), clients(t, c.Sandbox, c.Env), c.Env)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"binding " + c.PrincipalSet(c.Env.AssumedRole()) + ": granted",
		"binding " + c.PrincipalSet("arn:aws:sts::210987654321:assumed-role/theirs") + ": granted",
		"provider aws-connect/aws-connect: ACTIVE",
		"provider aws-connect/aws-connect-210987654321: ACTIVE",
		"workload identity pool aws-connect: ACTIVE",
		"role gcs-to-s3-role: exists",
	}
	if diff := cmp.Diff(want, shown(items)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	for _, e := range c.Journal.Since(from) {
		if e.Cloud == "google" && e.Status >= 400 {
			t.Errorf("%s was answered %d %s", e.Operation, e.Status, e.Code)
		}
	}
}
