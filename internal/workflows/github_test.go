package workflows

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

const (
	issuerURL   = "https://token.actions.githubusercontent.com"
	stateBucket = "pulumi-state"
	roleName    = "github-environments"
	audienceAWS = "sts.amazonaws.com"
)

// repository is one on GitHub.
type repository struct {
	owner, name     string
	ownerID, nameID string
	// immutable is that its subjects have the ids: GitHub changelog, "Immutable subject
	// claims for GitHub Actions OIDC tokens".
	immutable bool
}

var ours = repository{"octo-org", "gcs-to-s3", "123456", "456789", false}

func (r repository) full() string { return r.owner + "/" + r.name }

// claims are those of a job's ID token: GitHub Docs, "OpenID Connect reference". What is
// behind the repository in its subject is the environment, or else the event.
func (r repository) claims(event, ref, environment string) oidc.Claims {
	owner, name := r.owner, r.name
	if r.immutable {
		owner, name = owner+"@"+r.ownerID, name+"@"+r.nameID
	}
	end := "ref:" + ref
	switch {
	case environment != "":
		end = "environment:" + environment
	case event == "pull_request":
		end = "pull_request"
	}
	now := time.Now()
	all := oidc.Claims{
		"sub": "repo:" + owner + "/" + name + ":" + end, "repository": r.full(), "repository_owner": r.owner, "repository_id": r.nameID,
		"repository_owner_id": r.ownerID, "event_name": event, "ref": ref, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	if environment != "" {
		all["environment"] = environment
	}
	return all
}

// github is GitHub's side of both clouds: its issuer, and what docs/operations.md sets up
// for a repository.
type github struct {
	*sandbox.Sandbox
	issuer   *oidc.Issuer
	provider string // projects/NUMBER/…/providers/PROVIDER
	account  string
	tokens   *httptest.Server // ACTIONS_ID_TOKEN_REQUEST_URL

	mu   sync.Mutex
	jobs map[string]func() oidc.Claims // by the token with which a job asks for ID tokens
}

// connect sets the clouds up as the documentation says.
func connect(t *testing.T, s *sandbox.Sandbox, issuer *oidc.Issuer, env environment.Environment) *github {
	t.Helper()
	g := &github{Sandbox: s, issuer: issuer, jobs: map[string]func() oidc.Claims{}}
	g.tokens = httptest.NewServer(http.HandlerFunc(g.token))
	t.Cleanup(g.tokens.Close)
	data, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer(
		"OWNER_ID", ours.ownerID, "REPOSITORY_ID", ours.nameID, "OWNER", ours.owner, "REPOSITORY", ours.name,
		"ACCOUNT", sandbox.Account, "PROJECT", sandbox.Project, "NUMBER", sandbox.ProjectNumber,
	).Replace(string(data))
	find := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("docs/operations.md has nothing like %s", pattern)
		}
		return m[1]
	}
	g.onAWS(t, find("(?s)```json\n(\\{[^`]*sts:AssumeRoleWithWebIdentity[^`]*)```"), env)

	project := "/v1/projects/" + sandbox.Project
	for _, name := range strings.Fields(find(`gcloud services enable ([a-z. ]+) --project`)) {
		g.google(t, "POST", project+"/services/"+name+":enable", map[string]any{}, nil)
	}
	pools := project + "/locations/global/workloadIdentityPools"
	pool := find(`gcloud iam workload-identity-pools create ([a-z]+) `)
	id := find(`providers create-oidc ([a-z]+) `)
	g.google(t, "POST", pools+"?workloadIdentityPoolId="+pool, map[string]any{}, nil)
	key, value, _ := strings.Cut(find(`--attribute-mapping="([^"]+)"`), "=")
	g.google(t, "POST", pools+"/"+pool+"/providers?workloadIdentityPoolProviderId="+id, map[string]any{
		"oidc":               map[string]any{"issuerUri": find(`--issuer-uri=(\S+)`)},
		"attributeMapping":   map[string]any{key: value},
		"attributeCondition": find(`--attribute-condition="([^"]+)"`),
	}, nil)
	g.provider = "projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/" + pool + "/providers/" + id
	account := find(`gcloud iam service-accounts create ([a-z]+)`)
	g.google(t, "POST", project+"/serviceAccounts", map[string]any{"accountId": account}, nil)
	g.account = account + "@" + sandbox.Project + ".iam.gserviceaccount.com"
	g.bind(t, project+"/serviceAccounts/"+g.account, find(`--role=(roles/iam.workloadIdentityUser)`), find(`--member=(principal://\S+)`))
	return g
}

// onAWS makes the identity provider, and the role that trusts it and has the documented
// rights.
func (g *github) onAWS(t *testing.T, trust string, env environment.Environment) {
	t.Helper()
	c := iam.NewFromConfig(g.AWSConfig(g.AWS.Admin()))
	if _, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String(issuerURL), ClientIDList: []string{audienceAWS},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(roleName), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatalf("%v\n%s", err, trust)
	}
	policy := rights.Fill(rights.Policy(rights.All()...), env, roleName, stateBucket)
	if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String(roleName), PolicyName: aws.String("rights"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(g.AWSConfig(g.AWS.Admin())).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    aws.String(stateBucket),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(sandbox.Region)},
	}); err != nil {
		t.Fatal(err)
	}
}

// grant gives the service account the documented roles.
func (g *github) grant(t *testing.T, bucket string) {
	t.Helper()
	for _, grant := range rights.Grants(rights.All()...) {
		if grant.Role == "roles/resourcemanager.projectIamAdmin" { // only with viewerScope: project
			continue
		}
		on := map[string]string{rights.Project: "/v1/projects/" + sandbox.Project, rights.SourceBucket: "/storage/v1/b/" + bucket}[grant.On]
		g.bind(t, on, grant.Role, "serviceAccount:"+g.account)
	}
}

// google asks the local Google Cloud as the project's owner.
func (g *github) google(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, out, err := g.post(t.Context(), method, path, g.Google.AdminToken(), "application/json", data)
	if err != nil || status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s answered %d: %s, %v", method, path, status, out, err)
	}
	if answer != nil {
		if err := json.Unmarshal(out, answer); err != nil {
			t.Fatal(err)
		}
	}
}

func (g *github) post(ctx context.Context, method, path, token, kind string, data []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, g.GoogleURL+path, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, out, err
}

// bind adds a member to a role in the policy of a resource.
func (g *github) bind(t *testing.T, on, role, member string) {
	t.Helper()
	get, set, method := on+":getIamPolicy", on+":setIamPolicy", "POST"
	onBucket := strings.HasPrefix(on, "/storage/")
	if onBucket {
		get, set, method = on+"/iam", on+"/iam", "GET"
	}
	policy := map[string]any{}
	g.google(t, method, get, map[string]any{}, &policy)
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": role, "members": []string{member}})
	if onBucket {
		g.google(t, "PUT", set, policy, nil)
		return
	}
	g.google(t, "POST", set, map[string]any{"policy": policy}, nil)
}

// token answers a job's request for an ID token: GitHub Docs, "OpenID Connect reference",
// methods for requesting the OIDC token.
func (g *github) token(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	claims := g.jobs[strings.TrimPrefix(strings.ToLower(r.Header.Get("Authorization")), "bearer ")]
	g.mu.Unlock()
	if claims == nil {
		http.Error(w, "unknown job", http.StatusUnauthorized)
		return
	}
	all := claims()
	all["aud"] = r.URL.Query().Get("audience")
	text, err := g.issuer.Sign(all)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"value": text}) // a client that is gone needs no answer
}

// idToken is a token for an audience.
func (g *github) idToken(claims oidc.Claims, audience string) (string, error) {
	claims["aud"] = audience
	return g.issuer.Sign(claims)
}

// assume opens a session of the role on AWS, with nothing but an ID token.
func (g *github) assume(ctx context.Context, role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	cfg := g.AWSConfig(api.Credentials{})
	cfg.Credentials = aws.AnonymousCredentials{}
	return sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("GitHubActions"), WebIdentityToken: &token, DurationSeconds: aws.Int32(3600),
	})
}

// job registers a job's right to ID tokens, and returns the token with which it asks.
func (g *github) job(claims func() oidc.Claims) string {
	secret := strings.ToLower(rand.Text())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.jobs[secret] = claims
	return secret
}

// errNoToken is what actions say where GitHub gives no ID token.
var errNoToken = errors.New("unable to get ACTIONS_ID_TOKEN_REQUEST_URL: the job has no right to an ID token")

// actions are the stand-ins for the actions of the workflows.
func (g *github) actions(root, tools, plugins string) map[string]Action {
	nothing := func(context.Context, *Machine, map[string]string) error { return nil }
	claims := func(m *Machine) func() oidc.Claims {
		text := func(name string) string { value, _ := m.Claims[name].(string); return value }
		return func() oidc.Claims { return ours.claims(text("event_name"), text("ref"), text("environment")) }
	}
	return map[string]Action{
		"actions/checkout": func(ctx context.Context, m *Machine, _ map[string]string) error {
			return checkOut(ctx, root, m.Workspace)
		},
		"actions/setup-go": func(_ context.Context, m *Machine, _ map[string]string) error {
			bin := filepath.Join(m.Dir, "bin")
			m.Set("GOBIN", bin)
			m.AddPath(bin)
			return nil
		},
		"actions/setup-node": nothing,
		"pulumi/actions": func(_ context.Context, m *Machine, _ map[string]string) error {
			home := filepath.Join(m.Dir, "pulumi")
			m.Set("PULUMI_HOME", home)
			m.AddPath(tools)
			return errors.Join(os.Mkdir(home, 0o755), os.Symlink(plugins, filepath.Join(home, "plugins")))
		},
		"aws-actions/configure-aws-credentials": func(ctx context.Context, m *Machine, with map[string]string) error {
			if m.Claims == nil {
				return errNoToken
			}
			token, err := g.idToken(claims(m)(), audienceAWS)
			if err != nil {
				return err
			}
			out, err := g.assume(ctx, with["role-to-assume"], token)
			if err != nil {
				return err
			}
			m.Set("AWS_ACCESS_KEY_ID", *out.Credentials.AccessKeyId)
			m.Set("AWS_SECRET_ACCESS_KEY", *out.Credentials.SecretAccessKey)
			m.Set("AWS_SESSION_TOKEN", *out.Credentials.SessionToken)
			m.Set("AWS_REGION", with["aws-region"])
			m.Set("AWS_DEFAULT_REGION", with["aws-region"])
			return nil
		},
		"google-github-actions/auth": func(_ context.Context, m *Machine, with map[string]string) error {
			if m.Claims == nil {
				return errNoToken
			}
			// The file that the action writes, with the addresses of the local clouds.
			file := filepath.Join(m.Workspace, "gha-creds-"+strings.ToLower(rand.Text())[:16]+".json")
			data, err := json.Marshal(map[string]any{
				"type": "external_account", "audience": "//iam.googleapis.com/" + with["workload_identity_provider"],
				"subject_token_type":                "urn:ietf:params:oauth:token-type:jwt",
				"token_url":                         g.GoogleURL + "/v1/token",
				"service_account_impersonation_url": g.GoogleURL + "/v1/projects/-/serviceAccounts/" + with["service_account"] + ":generateAccessToken",
				"credential_source": map[string]any{
					"url":     g.tokens.URL + "?audience=https://iam.googleapis.com/" + with["workload_identity_provider"],
					"headers": map[string]string{"Authorization": "Bearer " + g.job(claims(m))},
					"format":  map[string]string{"type": "json", "subject_token_field_name": "value"},
				},
			})
			if err != nil {
				return err
			}
			for _, name := range []string{"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_GHA_CREDS_PATH", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"} {
				m.Set(name, file)
			}
			return os.WriteFile(file, data, 0o600)
		},
	}
}

// point adds the addresses of the local clouds to the environments' files that a step has
// written, and what this machine needs; nothing else of the repository is changed.
func (g *github) point(arch string) func(workspace string) error {
	return func(workspace string) error {
		files, err := filepath.Glob(filepath.Join(workspace, "Pulumi.*.yaml"))
		for _, file := range files {
			data, problem := os.ReadFile(file)
			if err = errors.Join(err, problem); !bytes.Contains(data, []byte("\n  gcs-to-s3:suffix:")) || bytes.Contains(data, []byte("\n  gcs-to-s3:allowLoopbackEndpoints:")) {
				continue
			}
			lines := fmt.Sprintf("  gcs-to-s3:allowLoopbackEndpoints: \"true\"\n  gcs-to-s3:googleTokenURL: %[1]s/v1/token\n"+
				"  gcs-to-s3:iamCredentialsEndpoint: %[1]s\n  gcs-to-s3:storageEndpoint: %[1]s\n", g.GoogleURL) + rehearsal.Endpoints(g.GoogleURL)
			text := regexp.MustCompile(`(?m)^  gcs-to-s3:architecture:.*\n`).ReplaceAllString(string(data), "")
			text = strings.Replace(text, "config:\n", "config:\n"+lines+"  gcs-to-s3:architecture: "+arch+"\n", 1)
			err = errors.Join(err, os.WriteFile(file, []byte(text), 0o644))
		}
		return err
	}
}
