package workflows

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// TestTrust shows tokens of all kinds to both clouds, which are set up as
// docs/operations.md says.
func TestTrust(t *testing.T) {
	t.Parallel()
	issuer, err := oidc.NewIssuer(issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := oidc.NewIssuer(issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	s := sandboxtest.Empty(t, sandbox.Options{Web: issuer})
	env, err := environment.Parse("test", map[string]string{"awsAccount": sandbox.Account, "awsRegion": sandbox.Region, "googleProject": sandbox.Project})
	if err != nil {
		t.Fatal(err)
	}
	g := connect(t, s, issuer, env)

	renamed, fork, successor := ours, ours, ours
	renamed.immutable = true
	fork.owner, fork.ownerID, fork.nameID = "mallory", "666", "667"
	successor.ownerID, successor.nameID, successor.immutable = "999", "998", true // somebody took the name over
	const main, pull = "refs/heads/main", "refs/pull/7/merge"
	expired := ours.claims("schedule", main, "clouds")
	expired["iat"], expired["exp"] = time.Now().Add(-time.Hour).Unix(), time.Now().Add(-time.Minute).Unix()
	for name, tt := range map[string]struct {
		claims oidc.Claims
		by     *oidc.Issuer
		in     bool
	}{
		"the nightly job":                        {ours.claims("schedule", main, "clouds"), issuer, true},
		"a pull request":                         {ours.claims("pull_request", pull, "clouds"), issuer, true},
		"the nightly job, with ids":              {renamed.claims("schedule", main, "clouds"), issuer, true},
		"a pull request, with ids":               {renamed.claims("pull_request", pull, "clouds"), issuer, true},
		"a pull request without the environment": {ours.claims("pull_request", pull, ""), issuer, false},
		"Dependabot without the environment":     {ours.claims("pull_request", "refs/pull/8/merge", ""), issuer, false},
		"the main branch":                        {ours.claims("push", main, ""), issuer, false},
		"another branch, with ids":               {renamed.claims("push", "refs/heads/feature", ""), issuer, false},
		"another environment":                    {ours.claims("push", main, "production"), issuer, false},
		"an environment of a longer name":        {ours.claims("push", main, "clouds-2"), issuer, false},
		"a fork":                                 {fork.claims("pull_request", pull, "clouds"), issuer, false},
		"a repository of the same name":          {successor.claims("pull_request", pull, "clouds"), issuer, false},
		"a forged token":                         {ours.claims("schedule", main, "clouds"), forger, false},
		"an expired token":                       {expired, issuer, false},
	} {
		g.issuer = tt.by
		token, err := g.idToken(tt.claims, audienceAWS)
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.assume(t.Context(), "arn:aws:iam::"+sandbox.Account+":role/"+roleName, token)
		if (err == nil) != tt.in {
			t.Errorf("%s, %s: AWS says %v", name, tt.claims["sub"], err)
		}
		if token, err = g.idToken(tt.claims, "https://iam.googleapis.com/"+g.provider); err != nil {
			t.Fatal(err)
		}
		if why := g.impersonate(t, token); (why == "") != tt.in {
			t.Errorf("%s, repository %s, environment %v: Google Cloud says %q", name, tt.claims["repository_id"], tt.claims["environment"], why)
		}
	}
	g.issuer = issuer
	token, err := g.idToken(ours.claims("schedule", main, "clouds"), "https://iam.googleapis.com/"+g.provider)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.assume(t.Context(), "arn:aws:iam::"+sandbox.Account+":role/"+roleName, token); err == nil || !strings.Contains(err.Error(), "Incorrect token audience") {
		t.Errorf("AWS takes a token for Google: %v", err)
	}
}

// impersonate becomes the service account with an ID token, and returns why it cannot.
func (g *github) impersonate(t *testing.T, token string) string {
	t.Helper()
	const scope = "https://www.googleapis.com/auth/cloud-platform"
	status, out, err := g.post(t.Context(), http.MethodPost, "/v1/token", "", "application/x-www-form-urlencoded", []byte(url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {"//iam.googleapis.com/" + g.provider}, "scope": {scope},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
	}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK {
		return string(out)
	}
	var federated struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(out, &federated); err != nil {
		t.Fatal(err)
	}
	status, out, err = g.post(t.Context(), http.MethodPost, "/v1/projects/-/serviceAccounts/"+g.account+":generateAccessToken", federated.AccessToken,
		"application/json", []byte(`{"scope":["`+scope+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK {
		return string(out)
	}
	return ""
}
