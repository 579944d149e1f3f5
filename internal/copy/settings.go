package copy

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// settings are the parsed environment variables.
type settings struct {
	credentials credential.Configuration
	project     string

	// Defaults that an event may override.
	sourceBucket, destinationBucket string
	object                          string
	overwrite, sourceChange         string

	prefix        string
	keys          objectkey.Template
	kmsKey        string // ARN; empty for the bucket's own encryption
	payer         string // the Google project that pays for requests; empty: the bucket's owner pays
	concurrency   int    // objects copied in parallel
	streams       int    // ranges of one large object in parallel
	function      string
	storage       *url.URL
	allowLoopback bool
	scopes        []string // of the Google token

	aws awsSettings
}

// awsSettings are the variables that Lambda sets (Lambda Developer Guide,
// "Defined runtime environment variables"), and the endpoint variables that AWS
// SDKs share (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
type awsSettings struct {
	region       string
	accessKeyID  string
	secretKey    string
	sessionToken string
	endpoint     *url.URL // for S3; nil for AWS's own
	identity     *url.URL // for STS; nil for AWS's own
}

// secrets returns the settings that no log may contain. The access key's id alone
// is not secret, but it does not belong in a log either.
func (s settings) secrets() secrets {
	return newSecrets(s.aws.secretKey, s.aws.sessionToken, s.aws.accessKeyID)
}

// readSettings reads and validates all variables; its error names every mistake.
func readSettings(getenv func(string) string) (settings, error) {
	var errs []error
	need := func(name, hint string) string {
		v := getenv(name)
		if v == "" {
			errs = append(errs, fmt.Errorf("%s: must be set; hint: %s", name, hint))
		}
		return v
	}
	const redeploy = "`cdk deploy` of the function's stack sets it"
	s := settings{
		project:           need(invocation.EnvGoogleProject, redeploy),
		object:            need(invocation.EnvObject, redeploy),
		sourceBucket:      need(invocation.EnvSourceBucket, redeploy),
		destinationBucket: need(invocation.EnvDestinationBucket, redeploy),
		prefix:            getenv(invocation.EnvDestinationPrefix),
		kmsKey:            getenv(invocation.EnvKMSKey),
		payer:             getenv(invocation.EnvBillingProject),
		aws: awsSettings{
			region:       need("AWS_REGION", "Lambda sets it"),
			accessKeyID:  need("AWS_ACCESS_KEY_ID", "Lambda sets it from the function's role"),
			secretKey:    need("AWS_SECRET_ACCESS_KEY", "Lambda sets it from the function's role"),
			sessionToken: getenv("AWS_SESSION_TOKEN"),
		},
		function: getenv("AWS_LAMBDA_FUNCTION_NAME"),
	}
	s.scopes = []string{readScope}
	if getenv(invocation.EnvEventsSubscription) != "" {
		s.scopes = append(s.scopes, queueScope)
	}
	endpoint := func(names ...string) (found *url.URL) {
		for _, name := range names {
			text := getenv(name)
			if text == "" || found != nil {
				continue
			}
			var err error
			if found, err = url.Parse(text); err != nil || found.Host == "" || (found.Scheme != "https" && found.Scheme != "http") {
				errs = append(errs, fmt.Errorf("%s: %q: must be an http or https URL", name, text))
			}
		}
		return found
	}
	s.aws.endpoint = endpoint("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
	s.aws.identity = endpoint("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
	if text := getenv(invocation.EnvKeyTemplate); text != "" {
		var err error
		if s.keys, err = objectkey.Parse(text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", invocation.EnvKeyTemplate, text, err))
		}
	}
	choice := func(name, fallback string, choices []string) string {
		v := cmp.Or(getenv(name), fallback)
		errs = append(errs, invocation.CheckChoice(name, v, choices))
		return v
	}
	s.overwrite = choice(invocation.EnvOverwrite, invocation.OverwriteAlways, invocation.Overwrites())
	s.sourceChange = choice(invocation.EnvSourceChange, invocation.ChangeFails, invocation.SourceChanges())
	number := func(name string, fallback, most int) int {
		n, err := strconv.Atoi(cmp.Or(getenv(name), strconv.Itoa(fallback)))
		if err != nil || n < 1 || n > most {
			errs = append(errs, fmt.Errorf("%s: %q: must be a number from 1 to %d", name, getenv(name), most))
		}
		return n
	}
	s.concurrency = number(invocation.EnvConcurrency, invocation.DefaultConcurrency, invocation.MaxConcurrency)
	s.streams = number(invocation.EnvStreams, invocation.DefaultStreams, invocation.MaxStreams)
	if v := getenv(invocation.EnvAllowLoopback); v != "" {
		allow, err := strconv.ParseBool(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: must be true or false", invocation.EnvAllowLoopback, v))
		}
		s.allowLoopback = allow
	}
	if text := need(invocation.EnvStorageEndpoint, redeploy); text != "" {
		endpoint, err := url.Parse(text)
		if err == nil {
			err = credential.CheckEndpoint(endpoint, s.allowLoopback)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", invocation.EnvStorageEndpoint, text, err))
		}
		s.storage = endpoint
	}
	if file := need(invocation.EnvGoogleCredentials, redeploy); file != "" {
		var err error
		if s.credentials, err = readCredentials(file, s.allowLoopback); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", invocation.EnvGoogleCredentials, file, err))
		}
	}
	return s, errors.Join(errs...)
}

func readCredentials(file string, allowLoopback bool) (credential.Configuration, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return credential.Configuration{}, err
	}
	c, err := credential.Parse(data)
	if err != nil {
		return credential.Configuration{}, err
	}
	return c, c.Check(allowLoopback)
}
