package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// stand is an environment in local clouds, with what a verification of it takes.
// The verification waits on the clouds' clock.
type stand struct {
	*integration.Clouds
	options Options
	shown   bytes.Buffer
	slept   time.Duration
}

func newStand(t *testing.T, opts sandbox.Options) *stand {
	t.Helper()
	t.Parallel()
	s := &stand{Clouds: integration.New(t, opts)}
	s.options = Options{
		Environment: s.Env, AWS: s.AWSConfig(s.AWS.Admin()), Google: s.google(t, s.Google.AdminToken()),
		Progress: progress.Plain(&s.shown), Now: s.Now,
		Sleep: func(_ context.Context, d time.Duration) error {
			s.slept += d
			s.Advance(d)
			return nil
		},
	}
	return s
}

// google are the clients of whom a token belongs to.
func (s *stand) google(t *testing.T, token string) *clouds.Google {
	t.Helper()
	env := s.Env
	env.Google.IAM, env.Google.ResourceManager, env.Google.ServiceUsage = s.GoogleURL+"/v1/", s.GoogleURL+"/v1/", s.GoogleURL+"/v1/"
	env.Google.OrgPolicy, env.Google.Storage, env.Google.AccessToken = s.GoogleURL+"/v2/", s.GoogleURL+"/storage/v1/", token
	g, err := clouds.OpenGoogle(context.Background(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (s *stand) fail(t *testing.T, texts ...string) {
	t.Helper()
	var rules []faults.Rule
	for _, text := range texts {
		rule, err := faults.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	s.Fail(rules...)
}

func (s *stand) run(t *testing.T) Report {
	t.Helper()
	r, err := Run(context.Background(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clean checks that no probe is left in either bucket.
func (s *stand) clean(t *testing.T) {
	t.Helper()
	var list struct{ Items []struct{ Name string } }
	s.Call(t, "GET", "/storage/v1/b/"+s.Env.SourceBucket+"/o?prefix="+Prefix, nil, &list)
	if len(list.Items) > 0 {
		t.Errorf("probes are left in the source bucket: %v", list.Items)
	}
	out, err := s3.NewFromConfig(s.AWSConfig(s.AWS.Admin())).ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &s.Env.DestinationBucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		if strings.Contains(*o.Key, Prefix) {
			t.Errorf("a copy is left: %s", *o.Key)
		}
	}
}

func TestVerification(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	r := s.run(t)
	if !r.OK || r.Failure != nil || r.Attempts != 1 {
		t.Fatalf("the report is %+v", r)
	}
	var hops []string
	for _, h := range r.Hops {
		hops = append(hops, h.Hop)
		if h.Outcome != "ok" {
			t.Errorf("the hop %s: %s", h.Hop, h.Error)
		}
	}
	if diff := cmp.Diff([]string{HopSource, HopFunction, invocation.HopSession, invocation.HopPrincipal, invocation.HopAccount, invocation.HopRead, invocation.HopWritten, HopChecked, HopRemoved}, hops); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
	s.clean(t)
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{r.Source, r.Destination, s.Env.Subject(), s.Env.ServiceAccountEmail(), "test works: the test object was copied."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, text.String())
		}
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"ok":true`) {
		t.Errorf("as JSON: %s, %v", data, err)
	}
}

// TestVerificationOfAnObject is for people without permission to write to the source
// bucket.
func TestVerificationOfAnObject(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	s.options.Object = s.Env.Object
	if r := s.run(t); !r.OK || r.Source != "gs://"+s.Env.SourceBucket+"/"+s.Env.Object || !strings.Contains(r.Destination, Prefix) {
		t.Errorf("the report is %+v", r)
	}
	s.clean(t)
	s.Call(t, "GET", "/storage/v1/b/"+s.Env.SourceBucket+"/o/"+s.Env.Object, nil, nil) // it is there
}

// TestVerificationOfAnObjectThatIsNotToBeSeen is for people who cannot read it either: the
// function's word about its generation has to do.
func TestVerificationOfAnObjectThatIsNotToBeSeen(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/serviceAccounts", map[string]any{"accountId": "nobody"}, nil)
	s.options.Google = s.google(t, tokenOf(t, s, "nobody"))
	s.options.Object = s.Env.Object
	if r := s.run(t); !r.OK {
		t.Errorf("the report is %+v, its failure %+v", r, r.Failure)
	}
	s.clean(t)
}

func (s *stand) policy(t *testing.T, path string, body any) {
	t.Helper()
	method := "POST"
	if strings.HasSuffix(path, "/iam") {
		method = "PUT"
	}
	s.Call(t, method, path, body, nil)
}

// TestMistakes breaks one thing after the other: the verification stops at once,
// names the hop and puts the cause first, and leaves nothing behind.
func TestMistakes(t *testing.T) {
	account := func(s *stand) string {
		return "/v1/projects/" + s.Env.GoogleProject + "/serviceAccounts/" + s.Env.ServiceAccountEmail()
	}
	admin := func(s *stand) *iam.Client { return iam.NewFromConfig(s.AWSConfig(s.AWS.Admin())) }
	for _, tt := range []struct {
		name   string
		set    func(t *testing.T, s *stand) // before the function is deployed, or in its place
		spoil  func(t *testing.T, s *stand)
		hop    string
		status int
		cause  string // the first one
		found  string // a part of what the clouds say
	}{
		{name: "an expired Google token", spoil: func(t *testing.T, s *stand) { s.options.Google = s.google(t, "expired") }, hop: HopSource, status: 401, cause: "google-login"},
		{name: "no permission to write", spoil: func(t *testing.T, s *stand) {
			s.options.Google = s.google(t, tokenOf(t, s, s.Env.ServiceAccount))
		}, hop: HopSource, status: 403, cause: "put-denied"},
		{name: "no source bucket", spoil: func(t *testing.T, s *stand) { s.options.Environment.SourceBucket = "no-such-bucket" }, hop: HopSource, status: 404, cause: "source-bucket"},
		{name: "no such object", spoil: func(t *testing.T, s *stand) { s.options.Object = "missing" }, hop: HopSource, status: 404, cause: "object-missing"},
		{name: "storage is not enabled", spoil: func(t *testing.T, s *stand) { disable(t, s, "storage") }, hop: HopSource, status: 403, cause: "storage-api", found: "storage.googleapis.com is not enabled"},

		{name: "no billing", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PUT", "/v1/projects/"+s.Env.GoogleProject+"/billingInfo", map[string]any{"billingAccountName": ""}, nil)
		}, hop: HopSource, status: 403, cause: "billing", found: "has no billing"},

		{name: "no function", set: func(*testing.T, *stand) {}, hop: HopFunction, status: 404, cause: "not-deployed"},
		{name: "credentials of another account", set: func(*testing.T, *stand) {}, spoil: func(_ *testing.T, s *stand) { s.options.Environment.AWSAccount = "999999999999" }, hop: HopFunction, status: 404, cause: "aws-account", found: "for the account 123456789012"},
		{name: "an AWS access key id with a blank", spoil: func(_ *testing.T, s *stand) {
			key := s.AWS.Admin()
			key.AccessKeyID = " " + key.AccessKeyID
			s.options.AWS = s.AWSConfig(key)
		}, hop: HopFunction, status: 403, cause: "aws-login"},
		{name: "expired AWS credentials", spoil: func(t *testing.T, s *stand) {
			session := s.Session(t, s.Env.Role)
			session.SessionToken = "another"
			s.options.AWS = s.AWSConfig(session)
		}, hop: HopFunction, status: 403, cause: "aws-login"},
		{name: "no permission to invoke", spoil: func(t *testing.T, s *stand) { s.options.AWS = s.AWSConfig(s.Session(t, s.Env.Role)) }, hop: HopFunction, status: 403, cause: "invoke-denied"},
		{name: "a function that does not start", set: func(t *testing.T, s *stand) {
			s.Deploy(t, func(in *lambda.CreateFunctionInput) { delete(in.Environment.Variables, "SOURCE_BUCKET") })
		}, hop: HopFunction, status: 200, cause: "did-not-start"},
		{name: "an older function", set: func(t *testing.T, s *stand) {
			s.Deploy(t, func(in *lambda.CreateFunctionInput) {
				in.Code.ZipFile = integration.Bundle(t, map[string][]byte{"bootstrap": []byte(older)})
			})
		}, hop: HopFunction, status: 200, cause: "old-function"},
		{name: "a function that takes too long", set: func(t *testing.T, s *stand) {
			s.Deploy(t, func(in *lambda.CreateFunctionInput) {
				in.Code.ZipFile = integration.Bundle(t, map[string][]byte{"bootstrap": []byte(silent)})
				in.Timeout = aws.Int32(1)
			})
		}, hop: HopFunction, status: 200, cause: "timeout"},
		{name: "a role that Lambda cannot assume", spoil: func(t *testing.T, s *stand) {
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
			if _, err := admin(s).UpdateAssumeRolePolicy(context.Background(), &iam.UpdateAssumeRolePolicyInput{RoleName: &s.Env.Role, PolicyDocument: &document}); err != nil {
				t.Fatal(err)
			}
		}, hop: HopFunction, status: 403, cause: "role-trust", found: "ec2.amazonaws.com"},

		{name: "a disabled pool", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "pool-disabled", found: "is disabled"},
		{name: "a deleted pool", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.PoolPath(), nil, nil) }, hop: invocation.HopPrincipal, status: 400, cause: "pool-deleted", found: "free again at"},
		{name: "a disabled provider", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "provider-disabled"},
		{name: "a deleted provider", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.PoolPath()+"/providers/"+s.Env.Provider, nil, nil) }, hop: invocation.HopPrincipal, status: 400, cause: "provider-deleted"},
		{name: "a provider of another account", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=aws.accountId", map[string]any{"aws": map[string]any{"accountId": "999999999999"}}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "provider-account"},
		{name: "a condition of another role", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=attributeCondition", map[string]any{"attributeCondition": "attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/other'"}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "provider-condition", found: "assumed-role/other"},
		{name: "a mapping to another type", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=attributeMapping,attributeCondition", map[string]any{"attributeMapping": map[string]any{"google.subject": "assertion.arn == 'x'"}}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "provider-mapping", found: "makes attribute.aws_role of"},
		{name: "a subject of another type", spoil: func(t *testing.T, s *stand) {
			mapping := names.Mapping()
			mapping["google.subject"] = "assertion.arn == 'x'"
			s.Call(t, "PATCH", s.PoolPath()+"/providers/"+s.Env.Provider+"?updateMask=attributeMapping", map[string]any{"attributeMapping": mapping}, nil)
		}, hop: invocation.HopPrincipal, status: 400, cause: "provider-mapping", found: "makes google.subject of"},
		{name: "a function with another role", set: func(t *testing.T, s *stand) {
			s.MakeRole(t, "other-role", "")
			s.Deploy(t, func(in *lambda.CreateFunctionInput) {
				in.Role = aws.String("arn:aws:iam::" + sandbox.Account + ":role/other-role")
			})
		}, hop: invocation.HopPrincipal, status: 400, cause: "other-role", found: "assumed-role/other-role"},
		{name: "token exchange is not enabled", spoil: func(t *testing.T, s *stand) { disable(t, s, "sts") }, hop: invocation.HopPrincipal, status: 403, cause: "sts-api"},

		{name: "no binding", spoil: func(t *testing.T, s *stand) {
			s.policy(t, account(s)+":setIamPolicy", map[string]any{"policy": map[string]any{}})
		},
			hop: invocation.HopAccount, status: 403, cause: "binding-missing", found: "no binding lets"},
		{name: "a binding of another role", spoil: func(t *testing.T, s *stand) {
			s.policy(t, account(s)+":setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{map[string]any{"role": "roles/iam.workloadIdentityUser", "members": []string{s.PrincipalSet(s.Env.AssumedRole() + "-other")}}}}})
		}, hop: invocation.HopAccount, status: 403, cause: "binding-other", found: "-other"},
		{name: "a deleted service account", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", account(s), nil, nil) }, hop: invocation.HopAccount, status: 403, cause: "account-missing"},
		{name: "a disabled service account", spoil: func(t *testing.T, s *stand) { s.Call(t, "POST", account(s)+":disable", nil, nil) }, hop: invocation.HopAccount, status: 400, cause: "account-disabled", found: "is disabled"},
		{name: "credentials API is not enabled", spoil: func(t *testing.T, s *stand) { disable(t, s, "iamcredentials") }, hop: invocation.HopAccount, status: 403, cause: "credentials-api"},
		{name: "a token of two hours", set: func(t *testing.T, s *stand) {
			c := s.Configuration(t)
			text := strings.Replace(string(c.JSON()), "\n}", ",\n  \"service_account_impersonation\": {\"token_lifetime_seconds\": 7200}\n}", 1)
			s.deployWith(t, text)
		}, hop: invocation.HopAccount, status: 400, cause: "lifetime"},
		{name: "a bundle of another environment", set: func(t *testing.T, s *stand) {
			s.deployWith(t, strings.ReplaceAll(string(s.Configuration(t).JSON()), s.Env.ServiceAccount, "somebody-else"))
		}, hop: invocation.HopAccount, status: 403, cause: "other-configuration", found: "somebody-else@"},
		{name: "a bundle without a service account", set: func(t *testing.T, s *stand) {
			names := s.CredentialNames()
			names.ServiceAccount = ""
			c, err := credential.New(names, credential.Options{TokenURL: s.Env.GoogleTokenURL, AllowLoopback: true})
			if err != nil {
				t.Fatal(err)
			}
			s.deployWith(t, string(c.JSON()))
		}, hop: invocation.HopRead, status: 403, cause: "other-configuration", found: "no service account, not for gcs-to-s3-service-account@"},

		{name: "no grant", spoil: func(t *testing.T, s *stand) {
			s.policy(t, "/storage/v1/b/"+s.Env.SourceBucket+"/iam", map[string]any{})
		},
			hop: invocation.HopRead, status: 403, cause: "viewer-missing", found: "no binding of the bucket or the project"},
		{name: "a bucket whose requesters pay", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", "/storage/v1/b/"+s.Env.SourceBucket, map[string]any{"billing": map[string]any{"requesterPays": true}}, nil)
		}, hop: invocation.HopRead, status: 400, cause: "payer-missing"},
		{name: "a project to bill that the service account is not allowed to use", set: func(t *testing.T, s *stand) {
			s.Deploy(t, func(in *lambda.CreateFunctionInput) {
				in.Environment.Variables[invocation.EnvBillingProject] = s.Env.GoogleProject
			})
		}, hop: invocation.HopRead, status: 403, cause: "payer-denied"},
		{name: "a perimeter", spoil: func(_ *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Service: "storage", Method: "GET", Path: "/" + s.Env.SourceBucket + "/*", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "SecurityPolicyViolated",
				Message: "Request violates VPC Service Controls."}}}))
		}, hop: invocation.HopRead, status: 403, cause: "perimeter"},
		{name: "a grant to the deleted account of the same name", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "DELETE", account(s), nil, nil)
			s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/serviceAccounts", map[string]any{"accountId": s.Env.ServiceAccount}, nil)
			s.Bind(t, account(s), "roles/iam.workloadIdentityUser", s.PrincipalSet(s.Env.AssumedRole()))
		}, hop: invocation.HopRead, status: 403, cause: "viewer-deleted", found: "deleted:serviceAccount:"},

		{name: "a role without permission to write", spoil: func(t *testing.T, s *stand) {
			if _, err := admin(s).DeleteRolePolicy(context.Background(), &iam.DeleteRolePolicyInput{RoleName: &s.Env.Role, PolicyName: aws.String("rights")}); err != nil {
				t.Fatal(err)
			}
		}, hop: invocation.HopWritten, status: 403, cause: "role-policy", found: "implicitDeny"},
		{name: "a bucket that denies", spoil: func(t *testing.T, s *stand) {
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + s.Env.DestinationBucket + `/*"}]}`
			if _, err := s3.NewFromConfig(s.AWSConfig(s.AWS.Admin())).PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &s.Env.DestinationBucket, Policy: &document}); err != nil {
				t.Fatal(err)
			}
		}, hop: invocation.HopWritten, status: 403, cause: "bucket-policy"},
		{name: "no destination bucket", spoil: func(t *testing.T, s *stand) {
			if _, err := s3.NewFromConfig(s.AWSConfig(s.AWS.Admin())).DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: &s.Env.DestinationBucket}); err != nil {
				t.Fatal(err)
			}
		}, hop: invocation.HopWritten, status: 404, cause: "destination-bucket"},
		{name: "a key that the role cannot use", spoil: func(t *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Service: "s3", Method: "PUT", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied",
				Message: "User: " + s.Env.Subject() + " is not authorized to perform: kms:GenerateDataKey on the resource associated with this ciphertext"}}}))
		}, hop: invocation.HopWritten, status: 403, cause: "aws-kms"},
		{name: "a key that Cloud Storage cannot use", spoil: func(t *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Service: "storage", Method: "GET", Path: "/" + s.Env.SourceBucket + "/*", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied",
				Message: "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key."}}}))
		}, hop: invocation.HopRead, status: 403, cause: "gcs-kms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, sandbox.Options{})
			if tt.set != nil {
				tt.set(t, s)
			} else {
				s.Deploy(t)
			}
			if tt.spoil != nil {
				tt.spoil(t, s)
			}
			r := s.run(t)
			if r.OK || r.Failure == nil {
				t.Fatalf("the report is %+v", r)
			}
			f := r.Failure
			if f.Hop != tt.hop || f.Status != tt.status || len(f.Causes) == 0 || f.Causes[0].ID != tt.cause || !strings.Contains(f.Found, tt.found) {
				t.Errorf("%s: %d %s: %s\n  found: %s\n  causes: %v\nwant %s, %d, %s first, %q found", f.Hop, f.Status, f.Code, f.Error, f.Found, f.Causes, tt.hop, tt.status, tt.cause, tt.found)
			}
			if tt.found != "" && !f.Causes[0].Found {
				t.Errorf("the cause %s is not said to be found", f.Causes[0].ID)
			}
			if s.slept != 0 || r.Attempts > 1 {
				t.Errorf("waited %s in %d attempts for a mistake", s.slept, r.Attempts)
			}
			var text strings.Builder
			if err := r.Write(&text); err != nil || !strings.Contains(text.String(), "remedy: ") || strings.ContainsAny(text.String(), "{}") && !strings.Contains(f.Error+f.Found, "{") {
				t.Errorf("the table is not whole: %v\n%s", err, text.String())
			}
			s.Fail()
			if tt.cause != "destination-bucket" && tt.cause != "storage-api" && tt.cause != "billing" {
				s.clean(t)
			}
		})
	}
}

// silent is a function that takes an event and never answers.
const silent = `#!/bin/sh
curl -s -o /dev/null "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
exec tail -f /dev/null
`

// older is a function from before there were traces: it answers every event alike.
const older = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -o /dev/null -D - "$api/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -s -d '{"statusCode":200,"body":"File transferred successfully"}' "$api/$id/response" >/dev/null
done
`

func (s *stand) deployWith(t *testing.T, configuration string) {
	t.Helper()
	s.Deploy(t, func(in *lambda.CreateFunctionInput) {
		in.Code.ZipFile = integration.Replace(t, in.Code.ZipFile, s.Env.CredentialFileName(), []byte(configuration))
	})
}

func disable(t *testing.T, s *stand, api string) {
	t.Helper()
	s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/services/"+api+".googleapis.com:disable", map[string]any{}, nil)
}

// tokenOf is a token of a service account, which may do what that may.
func tokenOf(t *testing.T, s *stand, account string) string {
	t.Helper()
	var out struct{ AccessToken string }
	s.Call(t, "POST", "/v1/projects/-/serviceAccounts/"+account+"@"+s.Env.GoogleProject+".iam.gserviceaccount.com:generateAccessToken",
		map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}}, &out)
	return out.AccessToken
}

// TestPropagation waits for what is granted and has no effect yet, on the clouds'
// clock, and says why.
func TestPropagation(t *testing.T) {
	s := newStand(t, sandbox.Options{IAMDelay: 2 * time.Minute})
	s.Deploy(t)
	r := s.run(t)
	if !r.OK || r.Attempts < 2 || s.slept < 2*time.Minute || s.slept > DefaultPatience {
		t.Errorf("slept %s in %d attempts; the report is %+v", s.slept, r.Attempts, r)
	}
	if want := "service account: the binding for " + s.Env.AssumedRole() + " is there (seen at "; !strings.Contains(s.shown.String(), want) || !strings.Contains(s.shown.String(), "about 2 minutes, at worst 7") {
		t.Errorf("what was shown lacks %q:\n%s", want, s.shown.String())
	}
	s.clean(t)
}

// TestPatienceEnds gives up when what is granted has no effect for too long. The
// clouds' clock stays within the 15 minutes that a signature is good for.
func TestPatienceEnds(t *testing.T) {
	s := newStand(t, sandbox.Options{IAMDelay: DefaultPatience + 30*time.Second})
	s.Deploy(t)
	r := s.run(t)
	f := r.Failure
	if r.OK || f == nil || f.Hop != invocation.HopAccount || !f.Patience || f.Causes[0].ID != "not-yet" || s.slept != DefaultPatience {
		t.Errorf("slept %s; the report is %+v, its failure %+v", s.slept, r, f)
	}
	s.clean(t)
}

// TestServicesThatAreBusy: verify waits a while for a service that is unavailable.
func TestServicesThatAreBusy(t *testing.T) {
	t.Run("it passes", func(t *testing.T) {
		s := newStand(t, sandbox.Options{})
		s.Deploy(t)
		s.fail(t, "google/sts: status=429 times=6", "aws/lambda POST /2015-03-31/functions/*/invocations: status=503 times=1")
		if r := s.run(t); !r.OK || r.Attempts != 3 {
			t.Errorf("the report is %+v, its failure %+v", r, r.Failure)
		}
		s.clean(t)
	})
	t.Run("it does not pass", func(t *testing.T) {
		s := newStand(t, sandbox.Options{})
		s.Deploy(t)
		s.options.Patience = 3 * time.Second
		s.fail(t, "google/sts: status=429")
		r := s.run(t)
		if r.OK || r.Failure == nil || r.Failure.Causes[0].ID != "sts-quota" || !r.Failure.Patience || s.slept != 3*time.Second {
			t.Errorf("slept %s; the report is %+v, its failure %+v", s.slept, r, r.Failure)
		}
		s.Fail()
		s.clean(t)
	})
}

// TestACopyThatIsNotRight finds what the function says nothing of.
func TestACopyThatIsNotRight(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	s.fail(t, "aws/s3 GET: corrupt=3")
	r := s.run(t)
	if r.OK || r.Failure == nil || r.Failure.Hop != HopChecked {
		t.Errorf("the report is %+v, its failure %+v", r, r.Failure)
	}
	s.Fail()
	s.clean(t)
}

// TestWhatCannotBeRemoved is reported.
func TestWhatCannotBeRemoved(t *testing.T) {
	s := newStand(t, sandbox.Options{})
	s.Deploy(t)
	s.fail(t, "aws/s3 DELETE: status=403 code=AccessDenied")
	r := s.run(t)
	if r.OK || r.Failure == nil || r.Failure.Hop != HopRemoved || len(r.Left) != 1 || r.Left[0] != r.Destination {
		t.Errorf("the report is %+v, its failure %+v", r, r.Failure)
	}
}

// TestInterruption removes the probes when the run is interrupted: while the
// function copies, and while a change is waited for.
func TestInterruption(t *testing.T) {
	errStop := errors.New("interrupted")
	t.Run("while the function copies", func(t *testing.T) {
		s := newStand(t, sandbox.Options{})
		s.Deploy(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		s.FailAs(func(service string, _ *http.Request) *faults.Fault {
			if service == "google/iamcredentials" {
				cancel(errStop)
			}
			return nil
		})
		if r, err := Run(ctx, s.options); !errors.Is(err, errStop) || r.OK {
			t.Errorf("Run() = %+v, %v, want %v", r, err, errStop)
		}
		s.clean(t)
	})
	t.Run("while a change is waited for", func(t *testing.T) {
		s := newStand(t, sandbox.Options{IAMDelay: 2 * time.Minute})
		s.Deploy(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		s.options.Sleep = func(ctx context.Context, _ time.Duration) error {
			cancel(errStop)
			return ctx.Err()
		}
		if r, err := Run(ctx, s.options); !errors.Is(err, errStop) || r.OK {
			t.Errorf("Run() = %+v, %v, want %v", r, err, errStop)
		}
		s.clean(t)
	})
}
