package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// TestTheCloudsAreAsked lets Google refuse with codes and words that were never seen. What
// is wrong is found all the same, since the clouds are asked.
func TestTheCloudsAreAsked(t *testing.T) {
	account := func(s *stand) string {
		return "/v1/projects/" + s.Env.GoogleProject + "/serviceAccounts/" + s.Env.ServiceAccountEmail()
	}
	type refusal = faults.Refusal
	for _, tt := range []struct {
		name    string
		spoil   func(t *testing.T, s *stand)
		service string
		answers []refusal
		hop     string
		cause   string
		found   string
	}{
		{"a provider of another account", func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=aws.accountId", map[string]any{"aws": map[string]any{"accountId": "999999999999"}}, nil)
		}, "sts", []refusal{{Status: 400, Code: "invalid_grant"}, {Status: 400, Code: "unauthorized_client"}, {Status: 400, Code: "invalid_target"}, {Status: 400, Code: "access_denied"}},
			invocation.HopPrincipal, "provider-account", "does not trust the AWS account"},
		{"a mapping without the role", func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=attributeMapping,attributeCondition", map[string]any{"attributeMapping": map[string]any{"google.subject": "assertion.arn"}}, nil)
		}, "sts", []refusal{{Status: 400, Code: "invalid_grant"}, {Status: 400, Code: "unauthorized_client"}},
			invocation.HopPrincipal, "provider-mapping", "makes attribute.aws_role of"},
		{"a disabled account", func(t *testing.T, s *stand) { s.Call(t, "POST", account(s)+":disable", nil, nil) },
			"iamcredentials", []refusal{{Status: 400, Code: "FAILED_PRECONDITION"}, {Status: 400, Code: "INVALID_ARGUMENT"}, {Status: 403, Code: "PERMISSION_DENIED"}, {Status: 401, Code: "UNAUTHENTICATED"}, {Status: 404, Code: "NOT_FOUND"}},
			invocation.HopAccount, "account-disabled", "is disabled"},
		{"a lifetime that no policy allows", func(_ *testing.T, s *stand) { s.options.Environment.TokenLifetimeSeconds = 7200 },
			"iamcredentials", []refusal{{Status: 400, Code: "INVALID_ARGUMENT"}},
			invocation.HopAccount, "lifetime", "iam.allowServiceAccountCredentialLifetimeExtension does not allow"},
		{"a billing account that was closed", func(t *testing.T, s *stand) {},
			"storage", []refusal{{Status: 403, Code: "AccountProblem"}}, invocation.HopRead, "billing", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, sandbox.Options{})
			s.Deploy(t)
			tt.spoil(t, s)
			for _, answer := range tt.answers {
				answer.Message = "It cannot be done."
				rule := faults.Rule{Service: tt.service, Fault: faults.Fault{Refuse: &answer}}
				if tt.service == "storage" {
					rule.Path = "/" + s.Env.SourceBucket + "/*"
				}
				s.Fail(rule)
				r, err := Run(context.Background(), s.options)
				if err != nil {
					t.Fatal(err)
				}
				f := r.Failure
				if f == nil || f.Hop != tt.hop || f.Causes[0].ID != tt.cause || !strings.Contains(f.Found, tt.found) {
					t.Errorf("after %d %s the failure is %+v, want %s at %s first, %q found", answer.Status, answer.Code, f, tt.cause, tt.hop, tt.found)
				}
				if s.slept != 0 {
					t.Errorf("after %d %s it waited %s", answer.Status, answer.Code, s.slept)
				}
			}
		})
	}
}

// TestWhatCannotBeToldApart: the provider is as it must be, and Google refuses without
// words that are known. It is said to be one of several, each with its check.
func TestWhatCannotBeToldApart(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	s.Fail(faults.Rule{Service: "sts", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 400, Code: "invalid_grant", Message: "It cannot be done."}}})
	r := s.run(t)
	var ids []string
	for _, c := range r.Failure.Causes {
		if ids = append(ids, c.ID); c.Found || c.Check == "" {
			t.Errorf("the cause %s is said to be found, or has no check: %+v", c.ID, c)
		}
	}
	if got, want := strings.Join(ids, " "), "not-yet provider-account provider-mapping aws-refused other-configuration"; got != want || s.slept == 0 {
		t.Errorf("after waiting %s the causes are %s, want %s", s.slept, got, want)
	}
}
