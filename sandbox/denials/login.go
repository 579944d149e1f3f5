package denials

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials/externalaccount"
	"google.golang.org/api/option"
	gcs "google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// login is one way to become the service account with Google's auth library. The
// zero value is the article's, which works.
type login struct {
	creds    api.Credentials // AWS's; default: a session of the environment's role
	audience string          // default: the environment's provider
	scopes   []string        // of the token; default: to read objects
	lifetime int             // of the token, in seconds; default: an hour

	account string // the service account to become; default: the environment's
	alone   bool   // stay the federated principal

	// What happens to the exchange on its way: to the request that was signed, to
	// the subject token that it became, and to the form that carries it.
	request func(*signed)
	subject func(string) string
	form    func(url.Values)
}

// signed is the request that a subject token carries.
type signed struct {
	URL     string   `json:"url"`
	Method  string   `json:"method"`
	Body    string   `json:"body,omitempty"`
	Headers []header `json:"headers"`
}

type header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// header finds one header of the request.
func (s *signed) header(name string) *header {
	for i := range s.Headers {
		if strings.EqualFold(s.Headers[i].Key, name) {
			return &s.Headers[i]
		}
	}
	panic("the auth library sends no header " + name)
}

// without removes one header of the request.
func (s *signed) without(name string) {
	var kept []header
	for _, h := range s.Headers {
		if !strings.EqualFold(h.Key, name) {
			kept = append(kept, h)
		}
	}
	s.Headers = kept
}

const readOnly = "https://www.googleapis.com/auth/devstorage.read_only"

// credentials are those of the login; no call is made yet.
func (l login) credentials(t *testing.T, c *Clouds) *auth.Credentials {
	t.Helper()
	if l.creds == (api.Credentials{}) {
		l.creds = c.Session(t, c.Names.Role)
	}
	if l.audience == "" {
		l.audience = c.Names.Audience()
	}
	if len(l.scopes) == 0 {
		l.scopes = []string{readOnly}
	}
	if l.account == "" {
		l.account = c.Names.ServiceAccountEmail()
	}
	options := &externalaccount.Options{
		Audience:                       l.audience,
		SubjectTokenType:               "urn:ietf:params:aws:token-type:aws4_request",
		TokenURL:                       c.Endpoint("sts") + "/v1/token",
		AwsSecurityCredentialsProvider: session{l.creds, c.Names.Region},
		ServiceAccountImpersonationURL: c.Endpoint("iamcredentials") + "/v1/projects/-/serviceAccounts/" + l.account + ":generateAccessToken",
		ServiceAccountImpersonationLifetimeSeconds: l.lifetime,
		Scopes: l.scopes,
		Client: &http.Client{Transport: l},
	}
	if l.alone {
		options.ServiceAccountImpersonationURL = ""
	}
	creds, err := externalaccount.NewCredentials(options)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// token obtains an access token, or the error of the step that refused.
func (l login) token(t *testing.T, c *Clouds) (string, error) {
	t.Helper()
	token, err := l.credentials(t, c).Token(context.Background())
	if err != nil {
		return "", err
	}
	return token.Value, nil
}

// denied obtains a token, which is to be refused.
func (l login) denied(t *testing.T, c *Clouds) error {
	t.Helper()
	_, err := l.token(t, c)
	return err
}

// RoundTrip changes a token exchange on its way, and nothing else.
func (l login) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/v1/token" {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if l.request != nil {
		text, err := url.QueryUnescape(form.Get("subject_token"))
		if err != nil {
			return nil, err
		}
		var s signed
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return nil, err
		}
		l.request(&s)
		data, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		form.Set("subject_token", url.QueryEscape(string(data)))
	}
	if l.subject != nil {
		form.Set("subject_token", l.subject(form.Get("subject_token")))
	}
	if l.form != nil {
		l.form(form)
	}
	r = r.Clone(r.Context())
	encoded := form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	return http.DefaultTransport.RoundTrip(r)
}

// session gives the auth library the credentials that Lambda would.
type session struct {
	api.Credentials
	region string
}

func (s session) AwsRegion(context.Context, *externalaccount.RequestOptions) (string, error) {
	return s.region, nil
}

func (s session) AwsSecurityCredentials(context.Context, *externalaccount.RequestOptions) (*externalaccount.AwsSecurityCredentials, error) {
	return &externalaccount.AwsSecurityCredentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken}, nil
}

// storageAs is Google's client of Cloud Storage with the login's token; with
// another token where one is given, and with none for a login of nil.
func storageAs(t *testing.T, c *Clouds, l *login, token string) *gcs.Service {
	t.Helper()
	options := []option.ClientOption{option.WithEndpoint(c.Endpoint("storage") + "/storage/v1/")}
	switch {
	case token != "":
		options = append(options, option.WithAuthCredentials(fixed(token)))
	case l != nil:
		options = append(options, option.WithAuthCredentials(l.credentials(t, c)))
	default:
		options = append(options, option.WithoutAuthentication())
	}
	service, err := gcs.NewService(context.Background(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// fixed are credentials of one token.
func fixed(token string) *auth.Credentials {
	return auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: constant(token)})
}

type constant string

func (c constant) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: string(c)}, nil
}
