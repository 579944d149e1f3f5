package sts_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const arn = "arn:aws:sts::" + googletest.Account + ":assumed-role/my-role/my-function"

// problem is an error as OAuth 2.0 writes it.
func problem(code, description string) string {
	data, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
	if err != nil {
		panic(err) // strings alone: cannot happen
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(data))
}

func TestExchange(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	audience := s.MakeProvider(t, "pool-one", "prov-one", map[string]any{"attributeCondition": "attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/my-role' && google.subject == assertion.arn"})
	form := googletest.Exchange(audience, arn)
	body := map[string]string{}
	for name, key := range map[string]string{"grant_type": "grantType", "audience": "audience", "scope": "scope", "requested_token_type": "requestedTokenType", "subject_token": "subjectToken", "subject_token_type": "subjectTokenType"} {
		body[key] = form.Get(name)
	}
	body["options"] = `{"userProject":"demo-project"}`
	for name, a := range map[string]googletest.Answer{
		"a form": s.Form(t, "/v1/token", form),
		"JSON":   s.Do(t, googletest.Request{Method: "POST", Path: "/v1/token", Body: body, Header: map[string]string{"Content-Type": "application/json"}}),
	} {
		var out map[string]any
		a.Decode(t, &out)
		token, _ := out["access_token"].(string)
		delete(out, "access_token")
		want := map[string]any{"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600.0}
		if diff := cmp.Diff(want, out); diff != "" || a.Status != 200 || token == "" {
			t.Errorf("%s answered %d with the token %q (-want +got):\n%s", name, a.Status, token, diff)
		}
	}

	// What the principal is: by its subject, its attribute and its pool.
	token := s.Federate(t, audience, arn)
	pool := strings.TrimPrefix(strings.TrimSuffix(audience, "/providers/prov-one"), "//")
	get := func() int {
		return s.Do(t, googletest.Request{Method: "GET", Path: "/v1/projects/demo-project", Token: token}).Status
	}
	s.MakeProvider(t, "pool-onex", "prov-one", nil)
	for _, tt := range []struct {
		member string
		want   int
	}{
		{"principal://" + pool + "/subject/" + arn, 200},
		{"principal://" + pool + "/subject/" + arn + "x", 403},
		{"principalSet://" + pool + "/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/my-role", 200},
		{"principalSet://" + pool + "/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/my-role-evil", 403},
		{"principalSet://" + pool + "/attribute.account/123456789012", 403},
		{"principalSet://" + pool + "/*", 200},
		{"principalSet://" + pool + "x/*", 403},
		{"allAuthenticatedUsers", 200},
	} {
		s.Must(t, "POST", "/v1/projects/demo-project:setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{
			map[string]any{"role": "roles/owner", "members": []string{"user:sandbox-admin@example.com"}},
			map[string]any{"role": "roles/browser", "members": []string{tt.member}},
		}}})
		if got := get(); got != tt.want {
			t.Errorf("a binding for %s: answered %d, want %d", tt.member, got, tt.want)
		}
	}
	s.Advance(time.Hour)
	if got := get(); got != 401 {
		t.Errorf("the expired token is answered %d, want 401", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	audience := s.MakeProvider(t, "pool-one", "prov-one", map[string]any{"attributeCondition": "assertion.arn.startsWith('arn:aws:sts::123456789012:assumed-role/my-role/')"})
	other := func(key, value string) func(url.Values) {
		return func(f url.Values) { f.Set(key, value) }
	}
	subject := func(old, replacement string) func(url.Values) {
		return func(f url.Values) {
			text, err := url.QueryUnescape(f.Get("subject_token"))
			if err != nil || !strings.Contains(text, old) {
				t.Errorf("the subject token %s has no %s: %v", text, old, err)
			}
			f.Set("subject_token", url.QueryEscape(strings.Replace(text, old, replacement, 1)))
		}
	}
	const format = "AWS request has invalid format."
	const target = `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`
	const audienceForm = `Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.`
	const host = "sts.us-east-1.amazonaws.com"
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		want   string
	}{
		{"another grant", other("grant_type", "client_credentials"), problem("unsupported_grant_type", "Bad Request")},
		{"no grant", func(f url.Values) { f.Del("grant_type") }, problem("unsupported_grant_type", "Bad Request")},
		{"another token wanted", other("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), problem("invalid_request", `Invalid value for "requested_token_type": only urn:ietf:params:oauth:token-type:access_token is supported.`)},
		{"another token given", other("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), problem("invalid_request", `Invalid value for "subject_token_type".`)},
		{"no scope", other("scope", " "), problem("invalid_scope", "Missing required parameter: scope")},
		{"no subject token", other("subject_token", ""), problem("invalid_request", "Missing required parameter: subject_token")},
		{"an actor", other("actor_token", "x"), problem("invalid_request", "Invalid parameter: the local Google Cloud does not model the parameter actor_token.")},
		{"two audiences", func(f url.Values) { f.Add("audience", audience) }, problem("invalid_request", "Parameter audience is given more than once.")},
		{"other options", other("options", `{"x":1}`), problem("invalid_request", `Invalid value for "options". Invalid JSON payload received. Unknown name "x": Cannot find field.`)},
		{"no audience", other("audience", ""), problem("invalid_request", audienceForm)},
		{"an audience by project id", other("audience", strings.Replace(audience, googletest.Number, googletest.Project, 1)), problem("invalid_request", audienceForm)},
		{"an audience with https", other("audience", "https:"+audience), problem("invalid_request", audienceForm)},
		{"another project", other("audience", strings.Replace(audience, googletest.Number, "1", 1)), problem("invalid_target", target)},
		{"another pool", other("audience", strings.Replace(audience, "pool-one", "pool-two", 1)), problem("invalid_target", target)},
		{"another provider", other("audience", strings.Replace(audience, "prov-one", "prov-two", 1)), problem("invalid_target", target)},
		{"no JSON", other("subject_token", "x"), problem("invalid_grant", "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'\n")},
		{"http", subject("https://", "http://"), problem("invalid_grant", format)},
		{"another host", subject("https://"+host, "https://sts.amazonaws.com.evil.example"), problem("invalid_grant", format)},
		{"a port", subject("https://"+host, "https://"+host+":8443"), problem("invalid_grant", format)},
		{"a user", subject("https://"+host, "https://u@"+host), problem("invalid_grant", format)},
		{"another path", subject(host+"?", host+"/x?"), problem("invalid_grant", format)},
		{"another action", subject("GetCallerIdentity", "AssumeRole"), problem("invalid_grant", format)},
		{"two actions", subject("?Action=", "?Action=AssumeRole&Action="), problem("invalid_grant", format)},
		{"one more parameter", subject("?Action=", "?X=Y&Action="), problem("invalid_grant", format)},
		{"another method", subject(`"POST"`, `"GET"`), problem("invalid_grant", format)},
		{"a body", subject(`"method"`, `"body":"x","method"`), problem("invalid_grant", format)},
		{"another Host header", subject(`"value":"`+host, `"value":"sts.amazonaws.com`), problem("invalid_grant", format)},
		{"a header twice", subject(`"headers":[`, `"headers":[{"key":"authorization","value":""},`), problem("invalid_grant", format)},
		{"no date", subject("x-amz-date", "x-other"), problem("invalid_grant", format)},
		{"another target", subject(audience, audience+"x"), problem("invalid_grant", "The value of the header x-goog-cloud-target-resource must be the audience of the token exchange.")},
		{"AWS refuses", subject(arn, "deny"), problem("invalid_grant", "Received invalid AWS response of type AccessDenied with error message: no")},
		{"AWS garbles", subject(arn, "garble"), problem("invalid_grant", "Received invalid AWS response.")},
		{"another account", subject(arn, strings.Replace(arn, googletest.Account, "999999999999", 1)), problem("invalid_grant", "The AWS account of the given credential (999999999999) is not the account that the provider trusts.")},
		{"the condition", subject(arn, strings.Replace(arn, "my-role", "my-role-evil", 1)), problem("unauthorized_client", "The given credential is rejected by the attribute condition.")},
		{"a long subject", subject(arn, arn+strings.Repeat("x", 128-len(arn))), problem("invalid_request", "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := googletest.Exchange(audience, arn)
			tt.change(form)
			a := s.Form(t, "/v1/token", form)
			if got := strings.TrimSpace(a.Body); a.Status != 400 || got != tt.want {
				t.Errorf("answered %d\n%s\nwant 400\n%s", a.Status, got, tt.want)
			}
		})
	}
	if a := s.Form(t, "/v1/token", googletest.Exchange(audience, arn+strings.Repeat("x", 127-len(arn)))); a.Status != 200 {
		t.Errorf("a subject of 127 bytes is answered %d: %s", a.Status, a.Body)
	}
	if got, want := s.Do(t, googletest.Request{Method: "GET", Path: "/v1/token"}).Error(t), "404 NOT_FOUND: The local Google Cloud does not model the method GET /v1/token."; got != want {
		t.Errorf("GET answered\n%s\nwant\n%s", got, want)
	}
}

func TestMappings(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	for _, tt := range []struct {
		name    string
		mapping map[string]string
		want    string // empty where it works
	}{
		{"groups", map[string]string{"google.subject": "'s'", "google.groups": "assertion.arn.split('/')"}, ""},
		{"no subject", map[string]string{"google.subject": "''"}, problem("unauthorized_client", "The mapped attribute google.subject must not be empty.")},
		{"no string", map[string]string{"google.subject": "assertion.arn == 'x'"}, problem("unauthorized_client", "The mapped attribute 'google.subject' must be of type STRING.")},
		{"a list", map[string]string{"google.subject": "'s'", "attribute.x": "assertion.arn.split('/')"}, problem("unauthorized_client", "The mapped attribute 'attribute.x' must be of type STRING.")},
		{"groups that are none", map[string]string{"google.subject": "'s'", "google.groups": "assertion.arn"}, problem("unauthorized_client", "The mapped attribute 'google.groups' must be of type LIST.")},
		{"what is not there", map[string]string{"google.subject": "assertion.sub"}, problem("unauthorized_client", "Error evaluating the mapping of google.subject: no such key: sub")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := "pool-" + strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(t.Name()[strings.Index(t.Name(), "/")+1:]), "_", "-"), "/", "-")
			audience := s.MakeProvider(t, pool, "prov-one", map[string]any{"attributeMapping": tt.mapping})
			a := s.Form(t, "/v1/token", googletest.Exchange(audience, arn))
			if tt.want == "" {
				if a.Status != 200 {
					t.Errorf("answered %d: %s", a.Status, a.Body)
				}
				return
			}
			if got := strings.TrimSpace(a.Body); a.Status != 400 || got != tt.want {
				t.Errorf("answered %d\n%s\nwant 400\n%s", a.Status, got, tt.want)
			}
		})
	}
}

// TestClosed exchanges at a provider that admits nobody, and again once it does.
func TestClosed(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	audience := s.MakeProvider(t, "pool-one", "prov-one", nil)
	pool, provider := googletest.Pools+"/pool-one", googletest.Pools+"/pool-one/providers/prov-one"
	want := problem("invalid_target", `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`)
	for _, tt := range []struct {
		name                         string
		closing, path, opening, back string // methods and paths
	}{
		{"a disabled pool", "PATCH", pool + "?updateMask=disabled", "PATCH", pool + "?updateMask=disabled"},
		{"a disabled provider", "PATCH", provider + "?updateMask=disabled", "PATCH", provider + "?updateMask=disabled"},
		{"a deleted pool", "DELETE", pool, "POST", pool + ":undelete"},
		{"a deleted provider", "DELETE", provider, "POST", provider + ":undelete"},
	} {
		var closing any
		if tt.closing == "PATCH" {
			closing = map[string]any{"disabled": true}
		}
		s.Must(t, tt.closing, tt.path, closing)
		if a := s.Form(t, "/v1/token", googletest.Exchange(audience, arn)); a.Status != 400 || strings.TrimSpace(a.Body) != want {
			t.Errorf("%s answered %d: %s", tt.name, a.Status, a.Body)
		}
		s.Must(t, tt.opening, tt.back, map[string]any{})
		s.Federate(t, audience, arn)
	}
}
