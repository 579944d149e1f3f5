// Package credential makes, reads and checks the credential configuration with
// which an AWS workload becomes a Google service account: the JSON file of type
// external_account that `gcloud iam workload-identity-pools create-cred-config
// --aws` writes. The file holds no secret. But it controls where a signed AWS
// request and a Google token are sent, so every URL in it is checked against an
// allow-list when it is made and again when it is loaded.
//
// The package exchanges no tokens; Google's auth library does that with the file.
package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// Fixed values of the format. Google Cloud documentation, "Configure Workload
// Identity Federation with AWS or Azure VMs", and AIP-4117, "External Account
// Credentials (Workload Identity Federation)".
const (
	universeDomain   = "googleapis.com"
	typeExternal     = "external_account"
	subjectTokenType = "urn:ietf:params:aws:token-type:aws4_request"
	environmentID    = "aws1"

	// VerificationURL is where Google replays the signed request. Clients only
	// sign it, so it remains AWS's own even when all other endpoints are local.
	VerificationURL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

	impersonationPath = "/v1/projects/-/serviceAccounts/"
	impersonationVerb = ":generateAccessToken"

	// DefaultTokenURL and DefaultIAMCredentialsEndpoint are Google's own.
	DefaultTokenURL               = "https://sts.googleapis.com/v1/token"
	DefaultIAMCredentialsEndpoint = "https://iamcredentials.googleapis.com"

	// The paths of token exchange and introspection: Google's STS API
	// reference, "introspect".
	tokenPath, tokenInfoPath = "/token", "/introspect"
)

// Configuration is the file, with its keys in gcloud's order.
type Configuration struct {
	UniverseDomain                 string         `json:"universe_domain"`
	Type                           string         `json:"type"`
	Audience                       string         `json:"audience"`
	SubjectTokenType               string         `json:"subject_token_type"`
	TokenURL                       string         `json:"token_url"`
	CredentialSource               Source         `json:"credential_source"`
	ServiceAccountImpersonationURL string         `json:"service_account_impersonation_url,omitempty"`
	ServiceAccountImpersonation    *Impersonation `json:"service_account_impersonation,omitempty"`
	TokenInfoURL                   string         `json:"token_info_url,omitempty"`
}

// Source configures where the AWS credentials come from. On Lambda they come from
// the process environment; the three URLs of the instance metadata service, which
// Lambda does not have, stay empty.
type Source struct {
	EnvironmentID               string `json:"environment_id"`
	RegionURL                   string `json:"region_url,omitempty"`
	URL                         string `json:"url,omitempty"`
	RegionalCredVerificationURL string `json:"regional_cred_verification_url"`
	IMDSv2SessionTokenURL       string `json:"imdsv2_session_token_url,omitempty"`
}

// Impersonation holds the options of the service account's access token.
type Impersonation struct {
	TokenLifetimeSeconds int `json:"token_lifetime_seconds"` // 600 to 43200
}

// Names are the Google resources named in a configuration.
type Names struct {
	ProjectNumber  string // digits; the number, not the id, of the pool's project
	Pool           string // workload identity pool id
	Provider       string // provider id
	ServiceAccount string // e-mail address; empty if the role itself has the permissions
}

// Audience returns the provider's full resource name, as used in token requests.
func (n Names) Audience() string {
	return fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s", n.ProjectNumber, n.Pool, n.Provider)
}

// Options are the parts of a configuration that do not name resources. The zero
// value is Google's own endpoints and default lifetime.
type Options struct {
	TokenURL               string
	IAMCredentialsEndpoint string // scheme and host, without path
	TokenLifetimeSeconds   int    // 0 omits the key: Google's default of one hour
	AllowLoopback          bool   // endpoints may be on this machine
}

// New returns the configuration for a Lambda function. It fails if an endpoint is
// not on the allow-list or a name would not survive in the URLs.
func New(names Names, opts Options) (Configuration, error) {
	if opts.TokenURL == "" {
		opts.TokenURL = DefaultTokenURL
	}
	if opts.IAMCredentialsEndpoint == "" {
		opts.IAMCredentialsEndpoint = DefaultIAMCredentialsEndpoint
	}
	c := Configuration{
		UniverseDomain:   universeDomain,
		Type:             typeExternal,
		Audience:         names.Audience(),
		SubjectTokenType: subjectTokenType,
		TokenURL:         opts.TokenURL,
		CredentialSource: Source{
			EnvironmentID:               environmentID,
			RegionalCredVerificationURL: VerificationURL,
		},
	}
	if names.ServiceAccount != "" {
		c.ServiceAccountImpersonationURL = strings.TrimSuffix(opts.IAMCredentialsEndpoint, "/") + impersonationPath + names.ServiceAccount + impersonationVerb
	} else if service, ok := strings.CutSuffix(opts.TokenURL, tokenPath); ok {
		// As gcloud does; only gcloud itself uses it.
		c.TokenInfoURL = service + tokenInfoPath
	}
	if opts.TokenLifetimeSeconds != 0 {
		c.ServiceAccountImpersonation = &Impersonation{opts.TokenLifetimeSeconds}
	}
	if err := c.Check(opts.AllowLoopback); err != nil {
		return Configuration{}, fmt.Errorf("making credential configuration: %w", err)
	}
	if got, err := c.Names(); err != nil || got != names {
		return Configuration{}, fmt.Errorf("making credential configuration: the names %+v do not survive in its URLs", names)
	}
	return c, nil
}

// JSON returns the file's content, formatted as by gcloud.
func (c Configuration) JSON() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // keep the & of the verification URL
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		panic(err) // only strings and ints: cannot happen
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Parse reads a configuration. An unknown key is an error: it could name another
// source of tokens, such as a program to run.
func Parse(data []byte) (Configuration, error) {
	var c Configuration
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Configuration{}, fmt.Errorf("reading credential configuration: %w; hint: `pulumi up` writes a new file", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Configuration{}, errors.New("reading credential configuration: there is more after the JSON object; hint: `pulumi up` writes a new file")
	}
	return c, nil
}

var audiencePattern = regexp.MustCompile(`^//iam\.googleapis\.com/projects/([0-9]+)/locations/global/workloadIdentityPools/([a-z0-9-]+)/providers/([a-z0-9-]+)$`)

var emailPattern = regexp.MustCompile(`^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$`)

// Names extracts the resource names from the audience and the impersonation URL.
// Without that URL, a configuration names no service account.
func (c Configuration) Names() (Names, error) {
	m := audiencePattern.FindStringSubmatch(c.Audience)
	if m == nil {
		return Names{}, fmt.Errorf("audience: %q: must be //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER", c.Audience)
	}
	if c.ServiceAccountImpersonationURL == "" {
		return Names{ProjectNumber: m[1], Pool: m[2], Provider: m[3]}, nil
	}
	u, err := url.Parse(c.ServiceAccountImpersonationURL)
	if err != nil {
		return Names{}, fmt.Errorf("service_account_impersonation_url: %w", err)
	}
	email, ok := strings.CutPrefix(u.Path, impersonationPath)
	if ok {
		email, ok = strings.CutSuffix(email, impersonationVerb)
	}
	if !ok || !emailPattern.MatchString(email) {
		return Names{}, fmt.Errorf("service_account_impersonation_url: %q: must end in %sEMAIL%s", c.ServiceAccountImpersonationURL, impersonationPath, impersonationVerb)
	}
	return Names{ProjectNumber: m[1], Pool: m[2], Provider: m[3], ServiceAccount: email}, nil
}

// Check checks a configuration against what a Lambda function may load. All
// mistakes are reported together.
func (c Configuration) Check(allowLoopback bool) error {
	var errs []error
	fixed := func(field, got, want string) {
		if got != want {
			errs = append(errs, fmt.Errorf("%s: %q: must be %q", field, got, want))
		}
	}
	fixed("universe_domain", c.UniverseDomain, universeDomain)
	fixed("type", c.Type, typeExternal)
	fixed("subject_token_type", c.SubjectTokenType, subjectTokenType)
	fixed("credential_source.environment_id", c.CredentialSource.EnvironmentID, environmentID)
	fixed("credential_source.regional_cred_verification_url", c.CredentialSource.RegionalCredVerificationURL, VerificationURL)
	for _, imds := range [][2]string{
		{"credential_source.region_url", c.CredentialSource.RegionURL},
		{"credential_source.url", c.CredentialSource.URL},
		{"credential_source.imdsv2_session_token_url", c.CredentialSource.IMDSv2SessionTokenURL},
	} {
		if imds[1] != "" {
			errs = append(errs, fmt.Errorf("%s: %q: must be absent; hint: Lambda has no instance metadata service, its credentials come from the environment", imds[0], imds[1]))
		}
	}
	for _, endpoint := range [][2]string{
		{"token_url", c.TokenURL},
		{"service_account_impersonation_url", c.ServiceAccountImpersonationURL},
		{"token_info_url", c.TokenInfoURL},
	} {
		if endpoint[1] == "" && endpoint[0] != "token_url" {
			continue
		}
		u, err := url.Parse(endpoint[1])
		if err == nil {
			err = CheckEndpoint(u, allowLoopback)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", endpoint[0], endpoint[1], err))
		}
	}
	if _, err := c.Names(); err != nil {
		errs = append(errs, err)
	}
	if c.ServiceAccountImpersonation != nil && c.ServiceAccountImpersonationURL == "" {
		errs = append(errs, errors.New("service_account_impersonation: must be absent without service_account_impersonation_url; hint: the lifetime of a federated token cannot be chosen"))
	}
	if i := c.ServiceAccountImpersonation; i != nil && (i.TokenLifetimeSeconds < 600 || i.TokenLifetimeSeconds > 43200) {
		errs = append(errs, fmt.Errorf("service_account_impersonation.token_lifetime_seconds: %d: must be from 600 to 43200", i.TokenLifetimeSeconds))
	}
	return errors.Join(errs...)
}
