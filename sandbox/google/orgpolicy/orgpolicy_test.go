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

// TestNewAccounts: either form of the constraint stops new service accounts, and no others.
func TestNewAccounts(t *testing.T) {
	t.Parallel()
	for _, constraint := range []string{"iam.disableServiceAccountCreation", "iam.managed.disableServiceAccountCreation"} {
		s := googletest.Start(t)
		s.MakeAccount(t, "older-account")
		s.Must(t, "PATCH", policies+constraint, rules(map[string]any{"enforce": true}))
		accounts := "/v1/projects/" + googletest.Project + "/serviceAccounts"
		a := s.Admin(t, "POST", accounts, map[string]any{"accountId": "newer-account"})
		const refused = "400 FAILED_PRECONDITION: Service account creation is not allowed on this project."
		if got := a.Error(t); got != refused || !strings.Contains(a.Body, "constraints/"+constraint) {
			t.Errorf("%s: %s", constraint, a.Body)
		}
		s.Must(t, "GET", accounts+"/"+googletest.Email("older-account"), nil)
		s.Must(t, "PATCH", policies+constraint, rules(map[string]any{"enforce": false}))
		s.MakeAccount(t, "newer-account")
	}
}

// TestMembers: what policies may newly name.
func TestMembers(t *testing.T) {
	t.Parallel()
	const federated = "principalSet://iam.googleapis.com/projects/" + googletest.Number +
		"/locations/global/workloadIdentityPools/pool/attribute.aws_role/role"
	const refused = "400 FAILED_PRECONDITION: One or more users named in the policy do not belong to a permitted customer."
	managed := func(parameters map[string]any) map[string]any {
		return rules(map[string]any{"enforce": true, "parameters": parameters})
	}
	own, theirs := "serviceAccount:"+googletest.Email("reader"), "serviceAccount:reader@other.iam.gserviceaccount.com"
	const organization = "//cloudresourcemanager.googleapis.com/organizations/100000000001"
	const legacy, newer = "iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicyMembers"
	for _, tt := range []struct {
		name, constraint string
		policy           map[string]any
		want             map[string]bool // refused
	}{
		{"the organization's customer", legacy, values("allowedValues", "is:C0sandbox"),
			map[string]bool{federated: false, own: false, theirs: true}},
		{"the organization's principals", legacy, values("allowedValues", "is:principalSet://iam.googleapis.com/organizations/100000000001"),
			map[string]bool{federated: false, own: false, theirs: true}},
		{"another customer", legacy, values("allowedValues", "C0other"), map[string]bool{federated: true, own: true, theirs: true}},
		{"nobody", legacy, rules(map[string]any{"denyAll": true}), map[string]bool{federated: true, own: true, theirs: true}},
		{"managed, the organization", newer, managed(map[string]any{"allowedPrincipalSets": []string{organization}}),
			map[string]bool{federated: false, own: false, theirs: true}},
		{"managed, one member", newer, managed(map[string]any{"allowedMemberSubjects": []string{theirs}}),
			map[string]bool{federated: true, own: true, theirs: false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := googletest.Start(t)
			s.MakeAccount(t, "reader")
			s.MakeProvider(t, "pool", "provider", nil)
			account := "/v1/projects/" + googletest.Project + "/serviceAccounts/" + googletest.Email("reader")
			body := func(members ...string) map[string]any {
				binding := map[string]any{"role": "roles/iam.workloadIdentityUser", "members": members}
				return map[string]any{"policy": map[string]any{"bindings": []any{binding}}}
			}
			const older = "serviceAccount:older@other.iam.gserviceaccount.com"
			s.Must(t, "POST", account+":setIamPolicy", body(older))
			s.Must(t, "PATCH", policies+tt.constraint, tt.policy)
			for member, refuse := range tt.want {
				a := s.Admin(t, "POST", account+":setIamPolicy", body(older, member)) // which is not newly named
				switch {
				case !refuse && a.Status != 200:
					t.Errorf("%s: %s", member, a.Body)
				case refuse && (a.Error(t) != refused || !strings.Contains(a.Body, "is not in permitted organization.") ||
					!strings.Contains(a.Body, "constraints/"+tt.constraint)):
					t.Errorf("%s: %s\nwant %s", member, a.Body, refused)
				}
			}
		})
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
