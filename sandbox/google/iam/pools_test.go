package iam_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const poolName = "projects/" + googletest.Number + "/locations/global/workloadIdentityPools/pool-one"

// operate makes a change, polls its operation and returns the operation's response.
func operate(t *testing.T, s *googletest.Server, method, path string, body any) map[string]any {
	t.Helper()
	started := s.Must(t, method, path, body)
	name, _ := started["name"].(string)
	if diff := cmp.Diff(map[string]any{"name": name}, started); diff != "" || !strings.Contains(name, "/operations/") {
		t.Errorf("%s %s started an operation that is more than a name (-want +got):\n%s", method, path, diff)
	}
	var response map[string]any
	for _, path := range []string{"/v1/" + name, "/v1beta/" + strings.Replace(name, googletest.Number, googletest.Project, 1)} {
		op := s.Must(t, "GET", path, nil)
		if op["done"] != true || op["name"] != name {
			t.Errorf("GET %s answered %v, want it done", path, op)
		}
		response, _ = op["response"].(map[string]any)
	}
	return response
}

func TestPool(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	one := googletest.Pools + "/pool-one"
	made := operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", map[string]any{"displayName": "One", "state": "DELETED"})
	want := map[string]any{"@type": "type.googleapis.com/google.iam.v1.WorkloadIdentityPool", "name": poolName, "displayName": "One", "state": "ACTIVE"}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the pool made (-want +got):\n%s", diff)
	}
	delete(want, "@type")
	for _, path := range []string{one, "/v1beta/" + poolName, "/v1/" + poolName} {
		if diff := cmp.Diff(want, s.Must(t, "GET", path, nil)); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	// Disabled is in the body, but not in the mask.
	operate(t, s, "PATCH", one+"?updateMask=description,displayName", map[string]any{"description": "d", "displayName": "Two", "disabled": true})
	want["description"], want["displayName"] = "d", "Two"
	if diff := cmp.Diff(want, s.Must(t, "GET", one, nil)); diff != "" {
		t.Errorf("the pool patched (-want +got):\n%s", diff)
	}
	list := func(query string) int {
		pools, _ := s.Must(t, "GET", googletest.Pools+query, nil)["workloadIdentityPools"].([]any)
		return len(pools)
	}
	if got := list(""); got != 1 {
		t.Errorf("%d pools are listed, want 1", got)
	}
	operate(t, s, "DELETE", one, nil)
	deleted := s.Must(t, "GET", one, nil)
	if deleted["state"] != "DELETED" || deleted["expireTime"] == nil {
		t.Errorf("the deleted pool is %v", deleted)
	}
	if got := []int{list(""), list("?showDeleted=False"), list("?showDeleted=True"), list("?showDeleted=true")}; !cmp.Equal(got, []int{0, 0, 1, 1}) {
		t.Errorf("pools listed without, and with deleted ones: %v", got)
	}
	refused(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", map[string]any{}, "409 ALREADY_EXISTS: Requested entity already exists")
	refused(t, s, "DELETE", one, nil, "404 NOT_FOUND: Requested entity was not found.")
	refused(t, s, "PATCH", one+"?updateMask=description", map[string]any{}, "404 NOT_FOUND: Requested entity was not found.")
	refused(t, s, "POST", one+"/providers?workloadIdentityPoolProviderId=prov-one", map[string]any{}, "404 NOT_FOUND: Requested entity was not found.")
	operate(t, s, "POST", one+":undelete", map[string]any{})
	if diff := cmp.Diff(want, s.Must(t, "GET", one, nil)); diff != "" {
		t.Errorf("the pool undeleted (-want +got):\n%s", diff)
	}
	refused(t, s, "POST", one+":undelete", nil, "400 FAILED_PRECONDITION: Precondition check failed.")

	operate(t, s, "DELETE", one, nil)
	s.Advance(30*24*time.Hour - time.Minute)
	refused(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", map[string]any{}, "409 ALREADY_EXISTS: Requested entity already exists")
	s.Advance(2 * time.Minute)
	refused(t, s, "GET", one, nil, "404 NOT_FOUND: Requested entity was not found.")
	operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", map[string]any{})
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	for _, id := range []string{"pool-a", "pool-b", "pool-c"} {
		operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId="+id, nil)
	}
	var sizes []int
	token := ""
	for range 5 {
		out := s.Must(t, "GET", googletest.Pools+"?pageSize=2&pageToken="+token, nil)
		pools, _ := out["workloadIdentityPools"].([]any)
		sizes = append(sizes, len(pools))
		if token, _ = out["nextPageToken"].(string); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]int{2, 1}, sizes); diff != "" {
		t.Errorf("the pages (-want +got):\n%s", diff)
	}
	refused(t, s, "GET", googletest.Pools+"?pageToken=x", nil, "400 INVALID_ARGUMENT: Invalid value for pageToken: x")
}

func TestPoolRefusals(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", nil)
	const rule = "must be 4 to 32 lower-case letters, digits and hyphens, and must not start with gcp-."
	for id, want := range map[string]string{
		"":                      `400 INVALID_ARGUMENT: Workload identity pool id "" ` + rule,
		"abc":                   `400 INVALID_ARGUMENT: Workload identity pool id "abc" ` + rule,
		"Pool-one":              `400 INVALID_ARGUMENT: Workload identity pool id "Pool-one" ` + rule,
		"gcp-pool":              `400 INVALID_ARGUMENT: Workload identity pool id "gcp-pool" ` + rule,
		strings.Repeat("a", 33): `400 INVALID_ARGUMENT: Workload identity pool id "` + strings.Repeat("a", 33) + `" ` + rule,
	} {
		refused(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId="+id, map[string]any{}, want)
	}
	one := googletest.Pools + "/pool-one"
	refused(t, s, "PATCH", one, map[string]any{}, "400 INVALID_ARGUMENT: update_mask is required.")
	refused(t, s, "PATCH", one+"?updateMask=name", map[string]any{}, `400 INVALID_ARGUMENT: Invalid update mask: "name".`)
	refused(t, s, "PATCH", one+"?updateMask=displayName", map[string]any{"displayName": strings.Repeat("x", 33)}, "400 INVALID_ARGUMENT: display name must be less than or equal to 32 characters")
	refused(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-two", map[string]any{"mode": "TRUST_DOMAIN"}, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "mode": Cannot find field.`)
	refused(t, s, "GET", "/v1/v1/"+poolName, nil, "404 NOT_FOUND: The local Google Cloud does not model the method GET /v1/v1/"+poolName+".")
	refused(t, s, "GET", one+"/operations/1", nil, "404 NOT_FOUND: Requested entity was not found.")
	refused(t, s, "GET", "/v1/projects/1/locations/global/workloadIdentityPools", nil, "403 PERMISSION_DENIED: Permission 'resourcemanager.projects.get' denied on resource (or it may not exist).")
}

const defaultRole = "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"

func TestProvider(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", nil)
	providers := googletest.Pools + "/pool-one/providers"
	one := providers + "/prov-one"
	aws := map[string]any{"accountId": "123456789012"}
	made := operate(t, s, "POST", providers+"?workloadIdentityPoolProviderId=prov-one", map[string]any{"aws": aws})
	want := map[string]any{
		"@type": "type.googleapis.com/google.iam.v1.WorkloadIdentityPoolProvider", "name": poolName + "/providers/prov-one", "state": "ACTIVE", "aws": aws,
		"attributeMapping": map[string]any{"google.subject": "assertion.arn", "attribute.aws_role": defaultRole},
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the provider made (-want +got):\n%s", diff)
	}
	delete(want, "@type")

	// gcloud sends more than it names, the account and the mapping among it.
	operate(t, s, "PATCH", one+"?updateMask=attributeCondition", map[string]any{"attributeCondition": "assertion.account == '1'", "aws": map[string]any{"accountId": "999999999999"}, "attributeMapping": map[string]string{"google.subject": "'x'"}})
	want["attributeCondition"] = "assertion.account == '1'"
	if diff := cmp.Diff(want, s.Must(t, "GET", one, nil)); diff != "" {
		t.Errorf("the provider with a condition (-want +got):\n%s", diff)
	}
	operate(t, s, "PATCH", one+"?updateMask=attributeMapping,aws.accountId", map[string]any{"aws": map[string]any{"accountId": "999999999999"}, "attributeMapping": map[string]string{"google.subject": "assertion.userid"}})
	want["aws"], want["attributeMapping"] = map[string]any{"accountId": "999999999999"}, map[string]any{"google.subject": "assertion.userid"}
	if diff := cmp.Diff(want, s.Must(t, "GET", one, nil)); diff != "" {
		t.Errorf("the provider with a mapping of its own, which removes the default (-want +got):\n%s", diff)
	}
	operate(t, s, "PATCH", one+"?updateMask=attributeMapping", map[string]any{})
	mapping, _ := s.Must(t, "GET", one, nil)["attributeMapping"].(map[string]any)
	if diff := cmp.Diff([]string{"attribute.aws_role", "google.subject"}, slices.Sorted(maps.Keys(mapping))); diff != "" {
		t.Errorf("the mapping after none was given (-want +got):\n%s", diff)
	}

	operate(t, s, "DELETE", one, nil)
	refused(t, s, "POST", providers+"?workloadIdentityPoolProviderId=prov-one", map[string]any{"aws": aws}, "409 ALREADY_EXISTS: Requested entity already exists")
	list := func(query string) int {
		all, _ := s.Must(t, "GET", providers+query, nil)["workloadIdentityPoolProviders"].([]any)
		return len(all)
	}
	if got := []int{list(""), list("?showDeleted=True")}; !cmp.Equal(got, []int{0, 1}) {
		t.Errorf("providers listed without, and with deleted ones: %v", got)
	}
	operate(t, s, "POST", one+":undelete", nil)
	if got := s.Must(t, "GET", one, nil)["state"]; got != "ACTIVE" {
		t.Errorf("the provider undeleted is %v", got)
	}

	// A deleted pool keeps its providers, which nobody changes meanwhile.
	operate(t, s, "DELETE", googletest.Pools+"/pool-one", nil)
	refused(t, s, "DELETE", one, nil, "404 NOT_FOUND: Requested entity was not found.")
	operate(t, s, "POST", googletest.Pools+"/pool-one:undelete", nil)
	operate(t, s, "DELETE", one, nil)
	s.Advance(30 * 24 * time.Hour)
	refused(t, s, "GET", one, nil, "404 NOT_FOUND: Requested entity was not found.")
}

func TestProviderRefusals(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	operate(t, s, "POST", googletest.Pools+"?workloadIdentityPoolId=pool-one", nil)
	many := map[string]string{"google.subject": "assertion.arn"}
	for i := range 50 {
		many["attribute.a"+strings.Repeat("a", i)] = "'x'"
	}
	for _, tt := range []struct {
		name string
		body map[string]any
		want string // the beginning
	}{
		{"nothing", nil, "aws.account_id must be 12 digits."},
		{"a short account", map[string]any{"aws": map[string]any{"accountId": "12"}}, "aws.account_id must be 12 digits."},
		{"OIDC without a mapping", map[string]any{"aws": nil, "oidc": map[string]any{"issuerUri": "https://example.com"}}, "The attribute mapping must map google.subject."},
		{"OIDC without TLS", map[string]any{"aws": nil, "oidc": map[string]any{"issuerUri": "http://example.com"}}, `oidc.issuer_uri "http://example.com" must be an https URL.`},
		{"two kinds", map[string]any{"aws": map[string]any{"accountId": "123456789012"}, "oidc": map[string]any{"issuerUri": "https://example.com"}}, "The provider must have one configuration: aws or oidc."},
		{"SAML", map[string]any{"saml": map[string]any{}}, "The local Google Cloud does not model the provider saml."},
		{"no subject", map[string]any{"attributeMapping": map[string]string{"attribute.x": "assertion.arn"}}, "The attribute mapping must map google.subject."},
		{"an unknown target", map[string]any{"attributeMapping": map[string]string{"google.subject": "assertion.arn", "google.name": "assertion.arn"}}, "Invalid mapped attribute key: google.name. Custom mapped attributes must be in format 'attribute.{custom_attribute}'"},
		{"an upper-case target", map[string]any{"attributeMapping": map[string]string{"google.subject": "assertion.arn", "attribute.Role": "assertion.arn"}}, "Invalid mapped attribute key: attribute.Role. Custom mapped attributes must be in format 'attribute.{custom_attribute}'"},
		{"too many targets", map[string]any{"attributeMapping": many}, "The attribute mapping has 51 keys, more than 50."},
		{"a mapping that does not parse", map[string]any{"attributeMapping": map[string]string{"google.subject": "assertion."}}, "Invalid mapping of google.subject: "},
		{"a mapping of what is not there", map[string]any{"attributeMapping": map[string]string{"google.subject": "attribute.x"}}, "Invalid mapping of google.subject: "},
		{"a long mapping", map[string]any{"attributeMapping": map[string]string{"google.subject": "'" + strings.Repeat("x", 2047) + "'"}}, "The mapping of google.subject is longer than 2048 characters."},
		{"a condition that does not parse", map[string]any{"attributeCondition": "attribute.x =="}, "Invalid attribute condition: "},
		{"a condition that is none", map[string]any{"attributeCondition": "'yes'"}, "Invalid attribute condition: the expression gives string, not bool"},
		{"a long condition", map[string]any{"attributeCondition": "'" + strings.Repeat("x", 4096) + "' == ''"}, "attribute_condition is longer than 4096 characters."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := map[string]any{}
			if tt.body["attributeMapping"] != nil || tt.body["attributeCondition"] != nil {
				body["aws"] = map[string]any{"accountId": "123456789012"}
			}
			maps.Copy(body, tt.body)
			got := s.Admin(t, "POST", googletest.Pools+"/pool-one/providers?workloadIdentityPoolProviderId=prov-one", body).Error(t)
			if want := "400 INVALID_ARGUMENT: " + tt.want; !strings.HasPrefix(got, want) {
				t.Errorf("answered\n%s\nwant\n%s", got, want)
			}
		})
	}
}
