package credential

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var demo = Names{
	ProjectNumber:  "123456789012",
	Pool:           "aws-connect",
	Provider:       "aws-connect",
	ServiceAccount: "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com",
}

// withoutIMDS reads gcloud's file and removes the lines with keys that a Lambda
// function must not have, leaving every other byte as gcloud wrote it.
func withoutIMDS(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		key := strings.TrimSpace(line)
		if strings.HasPrefix(key, `"region_url"`) || strings.HasPrefix(key, `"url"`) || strings.HasPrefix(key, `"imdsv2_session_token_url"`) {
			continue
		}
		kept = append(kept, line)
	}
	// The key before the removed last one loses its comma.
	return strings.ReplaceAll(strings.Join(kept, ""), "2011-06-15\",\n  }", "2011-06-15\"\n  }")
}

func TestNewEqualsGcloud(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		golden string
		opts   Options
	}{
		{"testdata/gcloud-aws-sa.json", Options{}},
		{"testdata/gcloud-aws-sa-imdsv2.json", Options{}},
		{"testdata/gcloud-aws-sa-imdsv2-lifetime.json", Options{TokenLifetimeSeconds: 2700}},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			c, err := New(demo, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutIMDS(t, tt.golden), string(c.JSON())); diff != "" {
				t.Errorf("credential configuration differs from gcloud's (-gcloud +ours):\n%s", diff)
			}
			back, err := Parse(c.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, back); diff != "" {
				t.Errorf("reading back (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNewWithoutServiceAccount is for a role that itself has the permissions.
func TestNewWithoutServiceAccount(t *testing.T) {
	t.Parallel()
	direct := demo
	direct.ServiceAccount = ""
	c, err := New(direct, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withoutIMDS(t, "testdata/gcloud-aws.json"), string(c.JSON())); diff != "" {
		t.Errorf("credential configuration differs from gcloud's (-gcloud +ours):\n%s", diff)
	}
	if names, err := c.Names(); err != nil || names != direct {
		t.Errorf("Names() = %+v, %v, want %+v", names, err, direct)
	}
	if _, err := New(direct, Options{TokenLifetimeSeconds: 1800}); err == nil || !strings.Contains(err.Error(), "the lifetime of a federated token cannot be chosen") {
		t.Errorf("New() with a lifetime = %v, want it refused", err)
	}
	local, err := New(direct, Options{TokenURL: "http://127.0.0.1:4567/v1/token", AllowLoopback: true})
	if err != nil || local.TokenInfoURL != "http://127.0.0.1:4567/v1/introspect" {
		t.Errorf("New() with another token URL has the token info URL %q, %v", local.TokenInfoURL, err)
	}
}

func TestParseReadsGcloudsFiles(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"aws.json", "aws-imdsv2.json", "aws-sa.json", "aws-sa-imdsv2.json", "aws-sa-imdsv2-lifetime.json"} {
		data, err := os.ReadFile("testdata/gcloud-" + file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(string(data), string(c.JSON())); diff != "" {
			t.Errorf("%s does not survive reading and writing (-want +got):\n%s", file, diff)
		}
		if err := c.Check(false); err == nil || !strings.Contains(err.Error(), "credential_source.url") {
			t.Errorf("%s: Check() = %v, want the instance metadata URLs refused", file, err)
		}
	}
}

func TestEndpointsMoveTokenAndImpersonationOnly(t *testing.T) {
	t.Parallel()
	c, err := New(demo, Options{TokenURL: "http://127.0.0.1:4567/v1/token", IAMCredentialsEndpoint: "http://127.0.0.1:4567/", AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.ServiceAccountImpersonationURL, "http://127.0.0.1:4567/v1/projects/-/serviceAccounts/"+demo.ServiceAccount+":generateAccessToken"; got != want {
		t.Errorf("impersonation URL = %q, want %q", got, want)
	}
	if got := c.CredentialSource.RegionalCredVerificationURL; got != VerificationURL {
		t.Errorf("verification URL = %q, want AWS's own", got)
	}
	if names, err := c.Names(); err != nil || names != demo {
		t.Errorf("Names() = %+v, %v, want %+v", names, err, demo)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Configuration)
		want   string
	}{
		{"another type", func(c *Configuration) { c.Type = "service_account" }, `type: "service_account": must be "external_account"`},
		{"another universe", func(c *Configuration) { c.UniverseDomain = "example.com" }, `universe_domain: "example.com"`},
		{"a token sent elsewhere", func(c *Configuration) { c.TokenURL = "https://sts.googleapis.com.evil.example/v1/token" }, "token_url: \"https://sts.googleapis.com.evil.example/v1/token\": must be a host of googleapis.com"},
		{"a look-alike domain", func(c *Configuration) { c.TokenURL = "https://evilgoogleapis.com/v1/token" }, "must be a host of googleapis.com"},
		{"an introspection elsewhere", func(c *Configuration) { c.TokenInfoURL = "https://sts.example.com/v1/introspect" }, "token_info_url: \"https://sts.example.com/v1/introspect\": must be a host of googleapis.com"},
		{"no token URL", func(c *Configuration) { c.TokenURL = "" }, "token_url: \"\": must use https"},
		{"a user in the URL", func(c *Configuration) { c.TokenURL = "https://sts.googleapis.com@evil.example/v1/token" }, "must have no user"},
		{"another port", func(c *Configuration) { c.TokenURL = "https://sts.googleapis.com:8443/v1/token" }, "must be a host of googleapis.com"},
		{"plain http", func(c *Configuration) { c.TokenURL = "http://sts.googleapis.com/v1/token" }, "must use https"},
		{"this machine", func(c *Configuration) { c.TokenURL = "http://127.0.0.1:1/v1/token" }, "hint: set allowLoopbackEndpoints"},
		{"a signed request for another service", func(c *Configuration) {
			c.CredentialSource.RegionalCredVerificationURL = "https://sts.{region}.amazonaws.com?Action=AssumeRole"
		}, "credential_source.regional_cred_verification_url"},
		{"no service account", func(c *Configuration) { c.ServiceAccountImpersonationURL = "https://iamcredentials.googleapis.com/" }, "service_account_impersonation_url"},
		{"a project id in the audience", func(c *Configuration) { c.Audience = strings.Replace(c.Audience, "123456789012", "demo-project", 1) }, "audience"},
		{"a lifetime over twelve hours", func(c *Configuration) { c.ServiceAccountImpersonation = &Impersonation{43201} }, "token_lifetime_seconds: 43201: must be from 600 to 43200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := New(demo, Options{})
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&c)
			if err := c.Check(false); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check() = %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	c, err := New(demo, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(c.JSON(), &m); err != nil {
		t.Fatal(err)
	}
	m["credential_source"].(map[string]any)["executable"] = map[string]any{"command": "/bin/sh"}
	executable, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"a program as the source": string(executable),
		"not JSON":                "{",
		"two objects":             string(c.JSON()) + "{}",
		"another shape":           `{"type": 1}`,
	} {
		if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), "reading credential configuration") {
			t.Errorf("%s: Parse() = %v, want an error", name, err)
		}
	}
}

func TestNewRefusesNamesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Names){
		"project id for number": func(n *Names) { n.ProjectNumber = "demo-project" },
		"pool with a slash":     func(n *Names) { n.Pool = "a/b" },
		"account with a query":  func(n *Names) { n.ServiceAccount = "a?b@c.iam.gserviceaccount.com" },
		"empty":                 func(n *Names) { *n = Names{} },
	} {
		names := demo
		change(&names)
		if c, err := New(names, Options{}); err == nil {
			t.Errorf("%s: New() = %s, want an error", name, c.JSON())
		}
	}
}

func TestCheckEndpointAllows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url      string
		loopback bool
	}{
		{"https://sts.googleapis.com/v1/token", false},
		{"https://storage.googleapis.com", false},
		{"https://storage.europe-west3.rep.googleapis.com", false},
		{"http://127.0.0.1:4567", true},
		{"http://localhost:4567", true},
		{"http://[::1]:4567", true},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckEndpoint(u, tt.loopback); err != nil {
			t.Errorf("CheckEndpoint(%s, %v) = %v", tt.url, tt.loopback, err)
		}
	}
}
