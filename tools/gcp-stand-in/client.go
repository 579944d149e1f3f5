package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// The supported configuration keys: Pulumi Registry, "Google Cloud installation &
// configuration", and their defaults, Google's own addresses.
var endpoints = map[string]string{
	"iamCustomEndpoint":                  "https://iam.googleapis.com/v1/",
	"iamBetaCustomEndpoint":              "https://iam.googleapis.com/v1/",
	"storageCustomEndpoint":              "https://storage.googleapis.com/storage/v1/",
	"pubsubCustomEndpoint":               "https://pubsub.googleapis.com/v1/",
	"resourceManagerCustomEndpoint":      "https://cloudresourcemanager.googleapis.com/v1/",
	"cloudResourceManagerCustomEndpoint": "https://cloudresourcemanager.googleapis.com/v1/",
	"serviceUsageCustomEndpoint":         "https://serviceusage.googleapis.com/v1/",
	"orgPolicyCustomEndpoint":            "https://orgpolicy.googleapis.com/v2/",
}

// endpointPattern is what the real plugin takes for an address.
var endpointPattern = regexp.MustCompile(`^https?://.*/$|^$`)

// passed are keys that the engine or a user may set but that have no effect here.
var passed = []string{"accessToken", "project", "region", "zone", "version", "pluginDownloadURL"}

func checkConfig(config fields) []provider.CheckFailure {
	var failures []provider.CheckFailure
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if endpoints[key] != "" && !endpointPattern.MatchString(config.text(key)) {
			failures = append(failures, provider.CheckFailure{Property: key, Reason: "must be an address that ends with a slash"})
		}
		if _, ok := endpoints[key]; !ok && !slices.Contains(passed, key) {
			failures = append(failures, provider.CheckFailure{Property: key, Reason: "is not known to the stand-in for the Google Cloud provider"})
		}
	}
	return failures
}

// client calls Google's APIs.
type client struct {
	config   fields
	tokens   oauth2.TokenSource
	http     *http.Client
	services *services
}

// newClient finds credentials as the real plugin does, as far as local clouds have them:
// an access token, or else Application Default Credentials.
func newClient(config fields) (*client, error) {
	c := &client{config: config, http: &http.Client{Timeout: time.Minute}, services: &services{listings: map[string]*listing{}, enablings: map[string]*enabling{}}}
	token := config.text("accessToken")
	if token == "" {
		token = os.Getenv("GOOGLE_OAUTH_ACCESS_TOKEN")
	}
	if token != "" {
		c.tokens = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
		return c, nil
	}
	// The file is read here: without one, the library asks the metadata server of Google's
	// own machines.
	data, err := os.ReadFile(os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"))
	if err != nil {
		return nil, fmt.Errorf("the stand-in for the Google Cloud provider needs gcp:accessToken, GOOGLE_OAUTH_ACCESS_TOKEN or GOOGLE_APPLICATION_CREDENTIALS: %w", err)
	}
	found, err := google.CredentialsFromJSONWithType(context.Background(), data, google.ExternalAccount, "https://www.googleapis.com/auth/cloud-platform")
	if err != nil {
		return nil, fmt.Errorf("reading Application Default Credentials: %w", err)
	}
	c.tokens = found.TokenSource
	return c, nil
}

// apiError is an error response from an API.
type apiError struct {
	Status  int
	Message string
}

func (e *apiError) Error() string { return fmt.Sprintf("Error %d: %s", e.Status, e.Message) }

// call makes a request; path is relative to the endpoint of the configuration
// key. A missing resource is errGone.
func (c *client) call(ctx context.Context, endpoint, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base(endpoint)+path, body)
	if err != nil {
		return err
	}
	token, err := c.tokens.Token()
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var failure struct {
			Error struct{ Message string }
		}
		if json.Unmarshal(data, &failure) != nil || failure.Error.Message == "" {
			failure.Error.Message = string(data)
		}
		answered := &apiError{resp.StatusCode, failure.Error.Message}
		if resp.StatusCode == http.StatusNotFound {
			return errors.Join(errGone, answered)
		}
		return answered
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, out)
}

// versioned matches an address that ends with a version. Like the real plugin, it
// overlooks that of one over plain http: hashicorp/terraform-provider-google, issue 26600.
var versioned = regexp.MustCompile(`^(https://.*)/[^/]+/$`)

// ofClient marks an endpoint of which the real plugin asks in both ways, here by a client of
// google.golang.org/api.
const ofClient = " (client)"

// base is the address before a path. The real plugin's clients of google.golang.org/api take
// the version off the address and add it themselves; pools, providers and buckets are asked
// for at the address as it is.
func (c *client) base(endpoint string) string {
	if endpoint == identities {
		return cmp.Or(c.config.text(serviceUsage), "https://serviceusage.googleapis.com/v1beta1/")
	}
	client := strings.HasSuffix(endpoint, ofClient)
	endpoint = strings.TrimSuffix(endpoint, ofClient)
	base := cmp.Or(c.config.text(endpoint), endpoints[endpoint])
	switch {
	case client, endpoint == iam, endpoint == resourceManager, endpoint == serviceUsage:
		return versioned.ReplaceAllString(base, "$1/") + "v1/"
	}
	return base
}

// pause waits, or says why it does not.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// pollInterval is how often an unfinished operation is polled.
const pollInterval = 200 * time.Millisecond

// operate makes a request that starts a long-running operation, and waits for it.
func (c *client) operate(ctx context.Context, endpoint, method, path string, in any) error {
	var op struct {
		Name  string
		Done  bool
		Error *struct{ Message string }
	}
	if err := c.call(ctx, endpoint, method, path, in, &op); err != nil {
		return err
	}
	for wait := time.Duration(0); !op.Done; wait = pollInterval {
		if err := pause(ctx, wait); err != nil {
			return err
		}
		if err := c.call(ctx, endpoint, http.MethodGet, op.Name, nil, &op); err != nil {
			return err
		}
	}
	if op.Error != nil {
		return errors.New(op.Error.Message)
	}
	return nil
}
