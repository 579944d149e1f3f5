package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

// TestIDTokens exchanges tokens of an issuer as GitHub's is.
func TestIDTokens(t *testing.T) {
	t.Parallel()
	const url = "https://token.actions.githubusercontent.com"
	issuer, err := oidc.NewIssuer(url)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := oidc.NewIssuer(url)
	if err != nil {
		t.Fatal(err)
	}
	s := googletest.Start(t, func(o *google.Options) { o.Web = issuer })
	settings := func(more map[string]any) map[string]any {
		provider := map[string]any{"issuerUri": url}
		for name, value := range more {
			provider[name] = value
		}
		return map[string]any{
			"aws": nil, "oidc": provider,
			"attributeMapping":   map[string]any{"google.subject": "'repository/' + assertion.repository_id + '/' + assertion.environment"},
			"attributeCondition": "assertion.repository_id == '42' && assertion.environment == 'clouds'",
		}
	}
	audience := s.MakeProvider(t, "github", "actions", settings(nil))
	chosen := s.MakeProvider(t, "chosen", "actions", settings(map[string]any{"allowedAudiences": []string{"mine"}}))
	uploaded := s.MakeProvider(t, "uploaded", "actions", settings(map[string]any{"jwksJson": forger.KeySet()}))
	broken := s.MakeProvider(t, "broken", "actions", settings(map[string]any{"jwksJson": "{"}))
	amazon := s.MakeProvider(t, "amazon", "aws-connect", nil)
	now := s.Now().Unix()
	sign := func(i *oidc.Issuer, changes oidc.Claims) string {
		t.Helper()
		claims := oidc.Claims{
			"sub": "repo:o/r:environment:clouds", "repository_id": "42", "environment": "clouds", "aud": "https:" + audience, "iat": now, "exp": now + 300,
		}
		for name, value := range changes {
			claims[name] = value
		}
		text, err := i.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	exchange := func(to, token string) googletest.Answer {
		form := googletest.Exchange(to, "")
		form.Set("subject_token", token)
		form.Set("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
		return s.Form(t, "/v1/token", form)
	}
	day := int64(24 * time.Hour / time.Second)
	for name, tt := range map[string]struct {
		to, token string
		want      string // of a refusal
	}{
		"its own name":             {audience, sign(issuer, nil), ""},
		"without a scheme":         {audience, sign(issuer, oidc.Claims{"aud": audience}), ""},
		"a chosen audience":        {chosen, sign(issuer, oidc.Claims{"aud": []string{"other", "mine"}}), ""},
		"uploaded keys":            {uploaded, sign(forger, oidc.Claims{"aud": uploaded}), ""},
		"another audience":         {chosen, sign(issuer, nil), problem("invalid_grant", "The audience in ID Token [https:"+audience+"] does not match the expected audience mine.")},
		"another environment":      {audience, sign(issuer, oidc.Claims{"environment": "production"}), problem("unauthorized_client", "The given credential is rejected by the attribute condition.")},
		"another repository":       {audience, sign(issuer, oidc.Claims{"repository_id": "43"}), problem("unauthorized_client", "The given credential is rejected by the attribute condition.")},
		"another issuer":           {audience, sign(issuer, oidc.Claims{"iss": "https://issuer.example"}), problem("invalid_grant", "The issuer in ID Token https://issuer.example does not match the expected ones: "+url+".")},
		"expired":                  {audience, sign(issuer, oidc.Claims{"iat": 100, "exp": 400}), problem("invalid_grant", "ID Token issued at 100 is stale to sign-in.")},
		"of more than a day":       {audience, sign(issuer, oidc.Claims{"exp": now + day + 1}), problem("invalid_grant", "The lifetime of the ID Token must be at most 24 hours.")},
		"signed by another":        {audience, sign(forger, nil), problem("invalid_grant", "Invalid signature of the ID Token.")},
		"a key set that is none":   {broken, sign(issuer, oidc.Claims{"aud": broken}), problem("invalid_grant", "Error connecting to the given credential's issuer.")},
		"an access token":          {audience, "ghs_1234", problem("invalid_grant", "Invalid JWT.")},
		"for a provider of AWS":    {amazon, sign(issuer, oidc.Claims{"aud": amazon}), problem("invalid_request", `Invalid value for "subject_token_type".`)},
		"without the mapped claim": {audience, sign(issuer, oidc.Claims{"environment": nil}), "Error evaluating the mapping of google.subject"},
	} {
		got := exchange(tt.to, tt.token)
		switch body := string(got.Body); {
		case tt.want == "" && got.Status != 200:
			t.Errorf("%s: answered %d %s", name, got.Status, body)
		case tt.want != "" && (got.Status != 400 || !strings.Contains(body, tt.want)):
			t.Errorf("%s: answered %d\n%s\nwant\n%s", name, got.Status, body, tt.want)
		}
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	exchange(audience, sign(issuer, nil)).Decode(t, &out)
	s.Bind(t, "/v1/projects/demo-project", "roles/browser", "principal://"+strings.TrimSuffix(strings.TrimPrefix(audience, "//"), "/providers/actions")+"/subject/repository/42/clouds")
	if got := s.Do(t, googletest.Request{Method: "GET", Path: "/v1/projects/demo-project", Token: out.AccessToken}); got.Status != 200 {
		t.Errorf("the principal is not its subject: %d %s", got.Status, got.Body)
	}
	issuer.Down = true
	if got := exchange(audience, sign(issuer, nil)); !strings.Contains(string(got.Body), "Error connecting to the given credential's issuer.") {
		t.Errorf("with an issuer that is down: %s", got.Body)
	}
}
