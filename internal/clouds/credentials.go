package clouds

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials"
	"golang.org/x/oauth2"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/option"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// The variables from which Pulumi's Google Cloud plugin takes credentials, if the
// environment's file has neither gcp:accessToken nor gcp:credentials: Pulumi Registry,
// "Google Cloud installation & configuration".
const (
	accessToken     = "GOOGLE_OAUTH_ACCESS_TOKEN"
	impersonation   = "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"
	credentialsFile = "GOOGLE_APPLICATION_CREDENTIALS" // of Application Default Credentials
)

var credentialsVariables = []string{"GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"}

// scope limits what the clients can do with the caller's permissions.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// findCredentials finds the credentials that Pulumi's plugin works with, in its order:
// gcp:accessToken or gcp:credentials of the file; without both, the access token of a
// variable, credentials of a variable, and Application Default Credentials. With
// gcp:impersonateServiceAccount, or its variable, those impersonate a service account. It
// also returns the quota project that they name, or an empty text.
func findCredentials(ctx context.Context, env environment.Environment, getenv func(string) string) (option.ClientOption, string, error) {
	apis := env.Google
	if key := apis.Unreadable; key != "" {
		return nil, "", fmt.Errorf("%s: must be a plain value in %s: only Pulumi can read secrets; "+
			"hint: remove it there, and %[3]s", key, environment.FileName(env.Name), instead(key))
	}
	if apis.AccessToken != "" && apis.Credentials != "" {
		return nil, "", fmt.Errorf("gcp:accessToken: must not be given together with gcp:credentials; hint: remove one of them from %s", environment.FileName(env.Name))
	}
	token, key := apis.AccessToken, apis.Credentials
	if token == "" && key == "" {
		token = getenv(accessToken)
		for _, name := range credentialsVariables {
			key = cmp.Or(key, getenv(name))
		}
	}
	base, quota, err := open(ctx, token, key, getenv)
	target := cmp.Or(apis.Impersonate, getenv(impersonation))
	if err != nil || target == "" {
		return base, quota, err
	}
	var delegates []string
	if apis.Delegates != "" {
		if err := json.Unmarshal([]byte(apis.Delegates), &delegates); err != nil {
			return nil, "", fmt.Errorf("gcp:impersonateServiceAccountDelegates: %q: must be a list in JSON: %w", apis.Delegates, err)
		}
	}
	service, err := iamcredentials.NewService(ctx, base, option.WithEndpoint(env.IAMCredentialsEndpoint), option.WithUserAgent(userAgent))
	if err != nil {
		return nil, "", fmt.Errorf("making the client that impersonates %s: %w", target, err)
	}
	source := impersonated{ctx, service, target, delegates}
	return option.WithTokenSource(oauth2.ReuseTokenSource(nil, source)), "", nil
}

// instead says what to do for an entry of the file that cannot be read.
func instead(key string) string {
	switch key {
	case "gcp:accessToken":
		return "export " + accessToken
	case "gcp:credentials":
		return "export " + credentialsVariables[0]
	case "gcp:impersonateServiceAccount":
		return "export " + impersonation
	}
	return "set it with `pulumi config set`"
}

// open opens the credentials of a token or, if it is empty, of a key, both given as they
// are or as the name of a file, or else Application Default Credentials.
func open(ctx context.Context, token, key string, getenv func(string) string) (option.ClientOption, string, error) {
	if token != "" {
		text, err := content(token, getenv)
		return option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: strings.TrimSpace(text)})), "", err
	}
	file, text := getenv(credentialsFile), ""
	if key != "" {
		var err error
		if text, err = content(key, getenv); err != nil {
			return nil, "", err
		}
		file = ""
	}
	found, err := credentials.DetectDefault(
		&credentials.DetectOptions{Scopes: []string{scope}, CredentialsFile: file, CredentialsJSON: []byte(text)},
	)
	var quota string
	if err == nil {
		quota, err = found.QuotaProjectID(ctx)
	}
	if err != nil && key != "" {
		return nil, "", fmt.Errorf("reading the Google credentials of gcp:credentials or %s: %w; "+
			"hint: give the content of a credentials file, or its path", strings.Join(credentialsVariables, ", "), err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("finding Google credentials: %w; hint: `gcloud auth application-default login`", err)
	}
	return option.WithAuthCredentials(found), quota, nil
}

// content is the content of a file, if value names one, or value itself.
func content(value string, getenv func(string) string) (string, error) {
	path := value
	if rest, found := strings.CutPrefix(value, "~/"); found {
		path = filepath.Join(getenv("HOME"), rest)
	}
	if _, err := os.Stat(path); err != nil {
		return value, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading Google credentials: %w", err)
	}
	return string(data), nil
}

// impersonated makes tokens of a service account.
type impersonated struct {
	ctx       context.Context
	service   *iamcredentials.Service
	target    string
	delegates []string
}

func (s impersonated) Token() (*oauth2.Token, error) {
	const all = "projects/-/serviceAccounts/"
	request := &iamcredentials.GenerateAccessTokenRequest{Scope: []string{scope}}
	for _, delegate := range s.delegates {
		request.Delegates = append(request.Delegates, all+delegate)
	}
	out, err := s.service.Projects.ServiceAccounts.GenerateAccessToken(all+s.target, request).Context(s.ctx).Do()
	if err != nil {
		// Not wrapped: this answer is not that of the API which was to be called.
		return nil, fmt.Errorf("%s %s: %v", cannotImpersonate, s.target, err)
	}
	expiry, err := time.Parse(time.RFC3339, out.ExpireTime)
	return &oauth2.Token{AccessToken: out.AccessToken, Expiry: expiry}, err
}

// cannotImpersonate is by what such an error is known.
const cannotImpersonate = "cannot impersonate the service account"
