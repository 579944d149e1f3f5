package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/sandboxtest"
)

// attempt is one way of asking the Google side for a token and an object.
type attempt struct {
	creds    api.Credentials
	audience string
	target   string // x-goog-cloud-target-resource; default: the audience
	at       time.Time
	tamper   func(*http.Request)
}

type header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// subjectToken signs a GetCallerIdentity request as Google's auth libraries do.
func subjectToken(t *testing.T, a attempt) string {
	t.Helper()
	if a.target == "" {
		a.target = a.audience
	}
	if a.at.IsZero() {
		a.at = time.Now()
	}
	req, err := http.NewRequest("POST", "https://sts."+sandbox.Region+".amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-goog-cloud-target-resource", a.target)
	creds := aws.Credentials{AccessKeyID: a.creds.AccessKeyID, SecretAccessKey: a.creds.SecretAccessKey, SessionToken: a.creds.SessionToken}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, req, emptyHash, "sts", sandbox.Region, a.at); err != nil {
		t.Fatal(err)
	}
	if a.tamper != nil {
		a.tamper(req)
	}
	headers := []header{{"host", req.URL.Host}}
	for key := range req.Header {
		headers = append(headers, header{key, req.Header.Get(key)})
	}
	data, err := json.Marshal(map[string]any{"url": req.URL.String(), "method": req.Method, "headers": headers})
	if err != nil {
		t.Fatal(err)
	}
	return url.QueryEscape(string(data))
}

// post sends a request and returns its status and body.
func post(t *testing.T, method, address, token, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// exchange asks for a federated token.
func exchange(t *testing.T, c *sandboxtest.Clouds, audience, subject string) (int, string) {
	t.Helper()
	return post(t, "POST", c.GoogleURL+"/v1/token", "", "application/x-www-form-urlencoded", url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"audience":             {audience},
		"scope":                {"https://www.googleapis.com/auth/cloud-platform"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token":        {subject},
		"subject_token_type":   {"urn:ietf:params:aws:token-type:aws4_request"},
	}.Encode())
}

// journey goes the whole way from a session to an object, until a step refuses.
func journey(t *testing.T, c *sandboxtest.Clouds, a attempt) (step string, status int, body string) {
	t.Helper()
	if a.audience == "" {
		a.audience = c.Names().Audience()
	}
	status, body = exchange(t, c, a.audience, subjectToken(t, a))
	if status != http.StatusOK {
		return "exchange", status, body
	}
	var federated struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &federated); err != nil {
		t.Fatal(err)
	}
	status, body = post(t, "POST", c.GoogleURL+"/v1/projects/-/serviceAccounts/"+c.Env.ServiceAccountEmail()+":generateAccessToken", federated.AccessToken, "application/json",
		`{"scope":["https://www.googleapis.com/auth/devstorage.read_only"],"lifetime":"3600s"}`)
	if status != http.StatusOK {
		return "impersonation", status, body
	}
	var account struct {
		AccessToken string `json:"accessToken"`
		ExpireTime  string `json:"expireTime"`
	}
	if err := json.Unmarshal([]byte(body), &account); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", account.ExpireTime); err != nil {
		t.Errorf("expireTime %q has not Google's form: %v", account.ExpireTime, err)
	}
	status, body = post(t, "GET", c.GoogleURL+"/storage/v1/b/"+c.Env.SourceBucket+"/o/"+c.Env.Object+"?alt=media", account.AccessToken, "", "")
	return "object", status, body
}

func TestRoleReadsTheObject(t *testing.T) {
	t.Parallel()
	c := sandboxtest.New(t, nil)
	step, status, body := journey(t, c, attempt{creds: c.Session(t, c.Env.Role)})
	if step != "object" || status != http.StatusOK || body != sandboxtest.Sample {
		t.Fatalf("%s answered %d: %s", step, status, body)
	}
	var through []string
	for _, e := range c.Journal.Entries() {
		if e.Service == "storage" && e.Principal == "serviceAccount:"+c.Env.ServiceAccountEmail() {
			through = e.Through
		}
	}
	want := []string{"principal://iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect/subject/" + c.Env.Subject(), c.Env.Subject()}
	if fmt.Sprint(through) != fmt.Sprint(want) {
		t.Errorf("the journal says the object was read through %v, want %v", through, want)
	}
}

// TestDenials goes the whole way in vain, each time for one reason, and holds the
// answer to the real service's.
func TestDenials(t *testing.T) {
	t.Parallel()
	oauth := func(code, description string) string {
		data, err := json.Marshal(map[string]string{"error": code, "error_description": description})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const rejected = "The given credential is rejected by the attribute condition."
	const invalidTarget = `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`
	const noToken = `Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).`
	for _, tt := range []struct {
		name   string
		set    func(t *testing.T, c *sandboxtest.Clouds) attempt
		step   string
		status int
		body   string // for the exchange the whole body, else a part of it
	}{
		{"another role of the account", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.MakeRole(t, "other-role", "")
			return attempt{creds: c.Session(t, "other-role")}
		}, "exchange", 400, oauth("unauthorized_client", rejected)},
		{"a role whose name begins alike", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.MakeRole(t, c.Env.Role+"-evil", "")
			return attempt{creds: c.Session(t, c.Env.Role+"-evil")}
		}, "exchange", 400, oauth("unauthorized_client", rejected)},
		{"another account", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PATCH", c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=aws", map[string]any{"aws": map[string]any{"accountId": "999999999999"}}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "exchange", 400, oauth("invalid_grant", "The AWS account of the given credential (123456789012) is not the account that the provider trusts.")},
		{"a tampered signature", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			return attempt{creds: c.Session(t, c.Env.Role), tamper: func(r *http.Request) {
				a := r.Header.Get("Authorization")
				last := "0"
				if strings.HasSuffix(a, "0") {
					last = "1"
				}
				r.Header.Set("Authorization", a[:len(a)-1]+last)
			}}
		}, "exchange", 400, oauth("invalid_grant", "Received invalid AWS response of type SignatureDoesNotMatch with error message: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		{"another secret", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			creds := c.Session(t, c.Env.Role)
			creds.SecretAccessKey = strings.Repeat("x", 40)
			return attempt{creds: creds}
		}, "exchange", 400, oauth("invalid_grant", "Received invalid AWS response of type SignatureDoesNotMatch with error message: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		{"an unknown key", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			return attempt{creds: api.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}}
		}, "exchange", 400, oauth("invalid_grant", "Received invalid AWS response of type InvalidClientTokenId with error message: The security token included in the request is invalid.")},
		{"a wrong target resource", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			names := c.Names()
			names.Provider = "other-provider"
			return attempt{creds: c.Session(t, c.Env.Role), target: names.Audience()}
		}, "exchange", 400, oauth("invalid_grant", "The value of the header x-goog-cloud-target-resource must be the audience of the token exchange.")},
		{"a replay at another provider", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "POST", c.PoolPath()+"/providers?workloadIdentityPoolProviderId=second", map[string]any{"aws": map[string]any{"accountId": c.Env.AWSAccount}}, nil)
			names := c.Names()
			first := names.Audience()
			names.Provider = "second"
			return attempt{creds: c.Session(t, c.Env.Role), audience: names.Audience(), target: first}
		}, "exchange", 400, oauth("invalid_grant", "The value of the header x-goog-cloud-target-resource must be the audience of the token exchange.")},
		{"another action", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			return attempt{creds: c.Session(t, c.Env.Role), tamper: func(r *http.Request) { r.URL.RawQuery = "Action=GetSessionToken&Version=2011-06-15" }}
		}, "exchange", 400, oauth("invalid_grant", "AWS request has invalid format.")},
		{"another host", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			return attempt{creds: c.Session(t, c.Env.Role), tamper: func(r *http.Request) { r.URL.Host = "sts.amazonaws.com.evil.example" }}
		}, "exchange", 400, oauth("invalid_grant", "AWS request has invalid format.")},
		{"a condition that does not hold", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PATCH", c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=attributeCondition", map[string]any{"attributeCondition": "assertion.account == '000000000000'"}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "exchange", 400, oauth("unauthorized_client", rejected)},
		{"a disabled provider", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PATCH", c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "exchange", 400, oauth("invalid_target", invalidTarget)},
		{"a deleted pool", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "DELETE", c.PoolPath(), nil, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "exchange", 400, oauth("invalid_target", invalidTarget)},
		{"a subject of over 127 bytes", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PATCH", c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=attributeMapping", map[string]any{"attributeMapping": map[string]string{"google.subject": "assertion.arn + assertion.arn + assertion.account", "attribute.aws_role": "assertion.arn"}}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "exchange", 400, oauth("invalid_request", "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.")},
		{"no binding", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail()+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "impersonation", 403, noToken},
		{"a binding of another role", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			path := "/v1/projects/" + c.Env.GoogleProject + "/serviceAccounts/" + c.Env.ServiceAccountEmail()
			c.Call(t, "POST", path+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
			c.Bind(t, path, "roles/iam.workloadIdentityUser", c.PrincipalSet(c.Env.AssumedRole()+"-evil"))
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "impersonation", 403, noToken},
		{"no grant on the bucket", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PUT", "/storage/v1/b/"+c.Env.SourceBucket+"/iam", map[string]any{}, nil)
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "object", 403, "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)."},
		{"a grant on another bucket", func(t *testing.T, c *sandboxtest.Clouds) attempt {
			c.Call(t, "PUT", "/storage/v1/b/"+c.Env.SourceBucket+"/iam", map[string]any{}, nil)
			c.Call(t, "POST", "/storage/v1/b?project="+c.Env.GoogleProject, map[string]any{"name": "other-bucket"}, nil)
			c.BindBucket(t, "other-bucket", "roles/storage.objectViewer", "serviceAccount:"+c.Env.ServiceAccountEmail())
			return attempt{creds: c.Session(t, c.Env.Role)}
		}, "object", 403, "does not have storage.objects.get access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := sandboxtest.New(t, nil)
			step, status, body := journey(t, c, tt.set(t, c))
			if step != tt.step || status != tt.status {
				t.Fatalf("%s answered %d: %s\nwant %s to answer %d", step, status, body, tt.step, tt.status)
			}
			if step == "exchange" {
				if got := strings.TrimSpace(body); got != tt.body {
					t.Errorf("exchange answered\n%s\nwant\n%s", got, tt.body)
				}
				return
			}
			var answer struct {
				Error struct {
					Code    int
					Message string
				}
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%s answered %s: %v", step, body, err)
			}
			if answer.Error.Code != tt.status || !strings.Contains(answer.Error.Message, tt.body) {
				t.Errorf("%s answered %+v, want %d with %q", step, answer.Error, tt.status, tt.body)
			}
		})
	}
}

func TestStaleAndExpired(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, tt := range []struct {
		name   string
		clock  time.Time // the clouds' when the token is exchanged
		signed time.Time
		want   string
	}{
		{"a stale date", start, start.Add(-16 * time.Minute), "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: "},
		{"a date ahead", start, start.Add(16 * time.Minute), "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature not yet current: "},
		{"an expired session", start.Add(61 * time.Minute), start.Add(61 * time.Minute), "Received invalid AWS response of type ExpiredToken with error message: The security token included in the request is expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := start
			c := sandboxtest.New(t, func() time.Time { return clock })
			creds := c.Session(t, c.Env.Role)
			clock = tt.clock
			step, status, body := journey(t, c, attempt{creds: creds, at: tt.signed})
			var answer struct {
				Error       string
				Description string `json:"error_description"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%s answered %d %s: %v", step, status, body, err)
			}
			if step != "exchange" || status != 400 || answer.Error != "invalid_grant" || !strings.HasPrefix(answer.Description, tt.want) {
				t.Errorf("%s answered %d %s, want invalid_grant with %q", step, status, body, tt.want)
			}
		})
	}
}
