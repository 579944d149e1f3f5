package credentials_test

import (
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const scope = "https://www.googleapis.com/auth/devstorage.read_only"

func TestGenerateAccessToken(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	path := "/v1/projects/-/serviceAccounts/" + googletest.Email("my-account") + ":generateAccessToken"
	out := s.Must(t, "POST", path, map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}, "lifetime": "600s"})
	expires, err := time.Parse("2006-01-02T15:04:05Z", out["expireTime"].(string))
	if left := expires.Sub(s.Now()); err != nil || left < 598*time.Second || left > 600*time.Second {
		t.Errorf("the token expires at %v, %v, in %v", out["expireTime"], err, left)
	}
	token := out["accessToken"].(string)
	ask := func() string {
		return s.Do(t, googletest.Request{Method: "GET", Path: "/v1/projects/demo-project", Token: token}).Error(t)
	}
	if got, want := ask(), "403 PERMISSION_DENIED: Permission 'resourcemanager.projects.get' denied on resource (or it may not exist)."; got != want {
		t.Errorf("the token is answered\n%s\nwant\n%s", got, want)
	}
	const invalid = "401 UNAUTHENTICATED: Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
	s.Must(t, "POST", googletest.Accounts+"/"+googletest.Email("my-account")+":disable", nil)
	if got := ask(); got != invalid {
		t.Errorf("the token of a disabled account is answered\n%s\nwant\n%s", got, invalid)
	}
	s.Must(t, "POST", googletest.Accounts+"/"+googletest.Email("my-account")+":enable", nil)
	s.Advance(600 * time.Second)
	if got := ask(); got != invalid {
		t.Errorf("the expired token is answered\n%s\nwant\n%s", got, invalid)
	}
}

// delegate names a service account as a chain of delegates does.
func delegate(id string) string { return "projects/-/serviceAccounts/" + googletest.Email(id) }

// TestDelegates goes through a chain in which each may act as the next.
func TestDelegates(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	for _, id := range []string{"caller-one", "delegate-one", "delegate-two", "target-one"} {
		s.MakeAccount(t, id)
	}
	for account, member := range map[string]string{"delegate-one": "caller-one", "delegate-two": "delegate-one", "target-one": "delegate-two"} {
		s.Bind(t, googletest.Accounts+"/"+googletest.Email(account), "roles/iam.serviceAccountTokenCreator", "serviceAccount:"+googletest.Email(member))
	}
	ask := func(delegates ...string) googletest.Answer {
		return s.Do(t, googletest.Request{
			Method: "POST", Path: "/v1/projects/-/serviceAccounts/" + googletest.Email("target-one") + ":generateAccessToken", Token: s.TokenOf(t, "caller-one"),
			Body: map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}, "delegates": delegates},
		})
	}
	if a := ask(delegate("delegate-one"), delegate("delegate-two")); a.Status != 200 {
		t.Errorf("the chain is answered %d: %s", a.Status, a.Body)
	}
	const denied = "403 PERMISSION_DENIED: Permission 'iam.serviceAccounts."
	for _, tt := range []struct {
		delegates []string
		want      string
	}{
		{nil, denied + "getAccessToken' denied on resource (or it may not exist)."},
		{[]string{delegate("delegate-one")}, denied + "getAccessToken' denied on resource (or it may not exist)."},
		{[]string{delegate("delegate-two")}, denied + "implicitDelegation' denied on resource (or it may not exist)."},
		{[]string{delegate("delegate-two"), delegate("delegate-one")}, denied + "implicitDelegation' denied on resource (or it may not exist)."},
	} {
		if got := ask(tt.delegates...).Error(t); got != tt.want {
			t.Errorf("the chain %v is answered\n%s\nwant\n%s", tt.delegates, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	for _, id := range []string{"my-account", "disabled-one", "deleted-one", "nobody-here"} {
		s.MakeAccount(t, id)
	}
	s.Must(t, "POST", googletest.Accounts+"/"+googletest.Email("disabled-one")+":disable", nil)
	s.Must(t, "DELETE", googletest.Accounts+"/"+googletest.Email("deleted-one"), nil)
	nobody, narrow := s.TokenOf(t, "nobody-here"), s.TokenOf(t, "my-account", scope)
	const invalid = "400 INVALID_ARGUMENT: Request contains an invalid argument."
	const denied = "403 PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
	for _, tt := range []struct {
		name, account, token string
		body                 map[string]any
		want                 string
	}{
		{"no scope", "my-account", s.AdminToken(), map[string]any{}, invalid},
		{"an empty scope", "my-account", s.AdminToken(), map[string]any{"scope": []string{""}}, invalid},
		{"too long", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "lifetime": "3601s"}, invalid},
		{"no time", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "lifetime": "0s"}, invalid},
		{"less than no time", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "lifetime": "-1s"}, invalid},
		{"another unit", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "lifetime": "1h"}, "400 INVALID_ARGUMENT: Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; duration must end with 's'"},
		{"a delegate by another name", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "delegates": []string{"x"}}, "400 INVALID_ARGUMENT: Invalid form of account ID x. Should be [Gaia ID |Email |Unique ID |] of the account"},
		{"a delegate that is not there", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "delegates": []string{delegate("missing-one")}}, "404 NOT_FOUND: Not found; Gaia id not found for email " + googletest.Email("missing-one")},
		{"a delegate without rights", "my-account", s.AdminToken(), map[string]any{"scope": []string{scope}, "delegates": []string{delegate("nobody-here")}}, denied},
		{"delegates that nobody made them", "my-account", nobody, map[string]any{"scope": []string{scope}, "delegates": []string{delegate("my-account")}}, "403 PERMISSION_DENIED: Permission 'iam.serviceAccounts.implicitDelegation' denied on resource (or it may not exist)."},
		{"another field", "my-account", s.AdminToken(), map[string]any{"scopes": []string{scope}}, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "scopes": Cannot find field.`},
		{"a disabled account", "disabled-one", s.AdminToken(), map[string]any{"scope": []string{scope}}, "400 FAILED_PRECONDITION: Service account is disabled."},
		{"a deleted account", "deleted-one", s.AdminToken(), map[string]any{"scope": []string{scope}}, "404 NOT_FOUND: Not found; Gaia id not found for email " + googletest.Email("deleted-one")},
		{"a deleted account, to somebody else", "deleted-one", nobody, map[string]any{"scope": []string{scope}}, denied},
		{"no binding", "my-account", nobody, map[string]any{"scope": []string{scope}}, denied},
		{"an account is not its own user", "nobody-here", nobody, map[string]any{"scope": []string{scope}}, denied},
		{"a token for less", "my-account", narrow, map[string]any{"scope": []string{scope}}, "403 PERMISSION_DENIED: Request had insufficient authentication scopes."},
		{"no token", "my-account", "", map[string]any{"scope": []string{scope}}, "401 UNAUTHENTICATED: Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.Do(t, googletest.Request{Method: "POST", Path: "/v1/projects/-/serviceAccounts/" + googletest.Email(tt.account) + ":generateAccessToken", Token: tt.token, Body: tt.body})
			if got := a.Error(t); got != tt.want {
				t.Errorf("answered\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	for _, name := range []string{"'" + googletest.Email("my-account") + "'", "%20" + googletest.Email("my-account"), googletest.Email("my-account") + "%20", "my-account"} {
		if got := s.Admin(t, "POST", "/v1/projects/-/serviceAccounts/"+name+":generateAccessToken", map[string]any{"scope": []string{scope}}).Error(t); got != invalid {
			t.Errorf("the account %q is answered\n%s\nwant\n%s", name, got, invalid)
		}
	}
	for _, method := range []string{"generateIdToken", "signBlob", "signJwt"} {
		path := "/v1/projects/-/serviceAccounts/" + googletest.Email("my-account") + ":" + method
		if got, want := s.Admin(t, "POST", path, nil).Error(t), "404 NOT_FOUND: The local Google Cloud does not model the method POST "+path+"."; got != want {
			t.Errorf("%s answered\n%s\nwant\n%s", method, got, want)
		}
	}
}
