package infra

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	principals = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-connect/attribute.aws_role/"
	theirRole  = "arn:aws:sts::210987654321:assumed-role/theirs"
)

func TestDirectAccessMakesNoServiceAccount(t *testing.T) {
	t.Parallel()
	for scope, tt := range map[string]struct {
		resource string
		want     map[string]any
	}{
		"bucket": {"gcp:storage/bucketIAMMember:BucketIAMMember gcs-to-s3-object-viewer",
			map[string]any{"bucket": "s3-gcs-connect", "role": "roles/storage.objectViewer", "member": principals + assumedRole}},
		"project": {"gcp:projects/iAMMember:IAMMember gcs-to-s3-object-viewer",
			map[string]any{"project": "demo-project", "role": "roles/storage.objectViewer", "member": principals + assumedRole}},
	} {
		got := build(t, t.TempDir(), false, map[string]string{"directAccess": "true", "viewerScope": scope})
		if diff := cmp.Diff(tt.want, got.resources[tt.resource]); diff != "" {
			t.Errorf("%s: grant (-want +got):\n%s", scope, diff)
		}
		for key := range got.resources {
			if strings.Contains(strings.ToLower(key), "serviceaccount") || strings.Contains(key, "iamcredentials") {
				t.Errorf("%s: there is %s", scope, key)
			}
		}
	}
}

// TestTrustedRoles: roles of the same account come by the same provider, those of
// another by one of their own, and what there was keeps its names.
func TestTrustedRoles(t *testing.T) {
	t.Parallel()
	const own = assumedRole
	plain := build(t, t.TempDir(), false, nil).resources
	got := build(t, t.TempDir(), false, map[string]string{"trustedRoles": "reader,210987654321:theirs,210987654321:more"}).resources

	added := map[string]map[string]any{}
	for key, inputs := range got {
		if _, ok := plain[key]; !ok {
			added[key] = inputs
		}
	}
	binding := func(role string) map[string]any {
		b := maps.Clone(plain["gcp:serviceaccount/iAMMember:IAMMember gcs-to-s3-workload-identity-user"])
		b["member"] = principals + role
		return b
	}
	provider := maps.Clone(plain["gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider gcs-to-s3"])
	provider["workloadIdentityPoolProviderId"], provider["displayName"] = "aws-connect-210987654321", "aws-connect-210987654321"
	provider["description"] = "Admits theirs and 1 more " + ownMark
	provider["aws"] = map[string]any{"accountId": "210987654321"}
	provider["attributeCondition"] = "attribute.aws_role == '" + theirRole + "' || attribute.aws_role == 'arn:aws:sts::210987654321:assumed-role/more'"
	want := map[string]map[string]any{
		"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider gcs-to-s3-210987654321":    provider,
		"gcp:serviceaccount/iAMMember:IAMMember gcs-to-s3-workload-identity-user-123456789012-reader": binding("arn:aws:sts::123456789012:assumed-role/reader"),
		"gcp:serviceaccount/iAMMember:IAMMember gcs-to-s3-workload-identity-user-210987654321-theirs": binding(theirRole),
		"gcp:serviceaccount/iAMMember:IAMMember gcs-to-s3-workload-identity-user-210987654321-more":   binding("arn:aws:sts::210987654321:assumed-role/more"),
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	for key, inputs := range plain {
		want := maps.Clone(inputs)
		switch {
		case strings.Contains(key, "PoolProvider "):
			want["description"] = "Admits gcs-to-s3-role and 1 more " + ownMark
			want["attributeCondition"] = "attribute.aws_role == '" + own + "' || attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/reader'"
		case strings.Contains(key, "Pool "):
			want["description"] = "Admits AWS account 123456789012 and 1 more " + ownMark
		}
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestTrustedRolesReadDirectly(t *testing.T) {
	t.Parallel()
	got := build(t, t.TempDir(), false, map[string]string{"trustedRoles": "210987654321:theirs", "directAccess": "true"}).resources
	var members []string
	for key, inputs := range got {
		if strings.Contains(key, "bucketIAMMember") {
			members = append(members, inputs["member"].(string))
		}
	}
	slices.Sort(members)
	if diff := cmp.Diff([]string{principals + assumedRole, principals + theirRole}, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}
