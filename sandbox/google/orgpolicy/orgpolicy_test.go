package orgpolicy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const policies = "/v2/projects/" + googletest.Project + "/policies/"

func rules(rule map[string]any) map[string]any {
	return map[string]any{"spec": map[string]any{"rules": []any{rule}}}
}

func values(kind string, list ...string) map[string]any {
	return rules(map[string]any{"values": map[string]any{kind: list}})
}

// TestProviders holds providers to both constraints.
func TestProviders(t *testing.T) {
	t.Parallel()
	const violated = "400 FAILED_PRECONDITION: Precondition check failed."
	for _, tt := range []struct {
		name, constraint string
		policy           map[string]any
		want             string // the error; empty for none
		detail           string
	}{
		{"no policy", "", nil, "", ""},
		{"this account", "iam.workloadIdentityPoolAwsAccounts", values("allowedValues", "999999999999", googletest.Account), "", ""},
		{"this account, with a prefix", "iam.workloadIdentityPoolAwsAccounts", values("allowedValues", "is:"+googletest.Account), "", ""},
		{"other accounts", "iam.workloadIdentityPoolAwsAccounts", values("allowedValues", "999999999999"), violated, "Org Policy violated for value: '" + googletest.Account + "'."},
		{"not this account", "iam.workloadIdentityPoolAwsAccounts", values("deniedValues", googletest.Account), violated, "constraints/iam.workloadIdentityPoolAwsAccounts"},
		{"no account", "iam.workloadIdentityPoolAwsAccounts", rules(map[string]any{"denyAll": true}), violated, ""},
		{"AWS", "iam.workloadIdentityPoolProviders", values("allowedValues", "https://sts.amazonaws.com"), "", ""},
		{"GitHub alone", "iam.workloadIdentityPoolProviders", values("allowedValues", "https://token.actions.githubusercontent.com"), violated, "Org Policy violated for value: 'https://sts.amazonaws.com'."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := googletest.Start(t)
			s.Must(t, "POST", googletest.Pools+"?workloadIdentityPoolId=pool", map[string]any{})
			provider := googletest.Pools + "/pool/providers"
			body := map[string]any{"aws": map[string]any{"accountId": googletest.Account}}
			s.Must(t, "POST", provider+"?workloadIdentityPoolProviderId=older", body)
			if tt.policy != nil {
				s.Must(t, "PATCH", policies+tt.constraint, tt.policy)
			}
			for what, a := range map[string]googletest.Answer{
				"create": s.Admin(t, "POST", provider+"?workloadIdentityPoolProviderId=newer", body),
				"update": s.Admin(t, "PATCH", provider+"/older?updateMask=aws.accountId", body),
			} {
				got := ""
				if a.Status >= 300 {
					got = a.Error(t)
				}
				if got != tt.want || !strings.Contains(a.Body, tt.detail) {
					t.Errorf("%s: %s\nwant %q with %q", what, a.Body, tt.want, tt.detail)
				}
			}
		})
	}
}

// TestLifetime lets one account alone have tokens of more than an hour.
func TestLifetime(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "long-lived")
	s.MakeAccount(t, "short-lived")
	s.Must(t, "PATCH", policies+"iam.allowServiceAccountCredentialLifetimeExtension", values("allowedValues", googletest.Email("long-lived")))
	for _, tt := range []struct {
		account, lifetime string
		want              int
	}{
		{"long-lived", "43200s", 200},
		{"long-lived", "43201s", 400},
		{"short-lived", "3601s", 400},
		{"short-lived", "3600s", 200},
	} {
		a := s.Admin(t, "POST", "/v1/projects/-/serviceAccounts/"+googletest.Email(tt.account)+":generateAccessToken",
			map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}, "lifetime": tt.lifetime})
		if a.Status != tt.want {
			t.Errorf("%s for %s: %d, want %d: %s", tt.account, tt.lifetime, a.Status, tt.want, a.Body)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	const name = "iam.workloadIdentityPoolProviders"
	effective := func() any {
		spec, _ := s.Must(t, "GET", policies+name+":getEffectivePolicy", nil)["spec"].(map[string]any)
		return spec["rules"]
	}
	all := []any{map[string]any{"allowAll": true}}
	if diff := cmp.Diff(any(all), effective()); diff != "" {
		t.Errorf("by default (-want +got):\n%s", diff)
	}
	if got := s.Admin(t, "GET", policies+name, nil).Error(t); got != "404 NOT_FOUND: Requested entity was not found." {
		t.Errorf("a policy that was not set: %s", got)
	}
	body := values("allowedValues", "https://sts.amazonaws.com")
	body["name"] = "projects/" + googletest.Project + "/policies/" + name
	s.Must(t, "POST", strings.TrimSuffix(policies, "/"), body)
	if got := s.Admin(t, "POST", strings.TrimSuffix(policies, "/"), body).Error(t); got != "409 ALREADY_EXISTS: Requested entity already exists" {
		t.Errorf("a second policy: %s", got)
	}
	want := any([]any{map[string]any{"values": map[string]any{"allowedValues": []any{"https://sts.amazonaws.com"}}}})
	if diff := cmp.Diff(want, effective()); diff != "" {
		t.Errorf("once set (-want +got):\n%s", diff)
	}
	s.Must(t, "DELETE", policies+name, nil)
	if diff := cmp.Diff(any(all), effective()); diff != "" {
		t.Errorf("once deleted (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{
		policies + "iam.unheardOf:getEffectivePolicy":                    "404 NOT_FOUND: The local Google Cloud does not model the constraint iam.unheardOf.",
		strings.Replace(policies, googletest.Project, "other", 1) + name: "403 PERMISSION_DENIED: Permission 'orgpolicy.policy.get' denied on resource (or it may not exist).",
	} {
		if got := s.Admin(t, "GET", path, nil).Error(t); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	s.MakeAccount(t, "nobody")
	a := s.Do(t, googletest.Request{Method: "GET", Path: policies + name + ":getEffectivePolicy", Token: s.TokenOf(t, "nobody")})
	if got := a.Error(t); got != "403 PERMISSION_DENIED: Permission 'orgpolicy.policy.get' denied on resource (or it may not exist)." {
		t.Errorf("somebody without rights: %s", got)
	}
}
