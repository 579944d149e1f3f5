package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/variables"
)

// settings are what the environment variables say.
type settings struct {
	credentials   credential.Configuration
	project       string
	defaults      Event
	prefix        string
	storage       *url.URL
	allowLoopback bool

	aws awsSettings
}

// awsSettings are the variables that Lambda itself sets (Lambda Developer Guide,
// "Defined runtime environment variables"), and the endpoint that AWS SDKs share
// (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
type awsSettings struct {
	region       string
	accessKeyID  string
	secretKey    string
	sessionToken string
	endpoint     string // empty for AWS's own
}

// readSettings reads and checks all variables; its error names every mistake.
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
		project: need(variables.GoogleProject, redeploy),
		defaults: Event{
			Object:            need(variables.Object, redeploy),
			SourceBucket:      need(variables.SourceBucket, redeploy),
			DestinationBucket: need(variables.DestinationBucket, redeploy),
		},
		prefix: getenv(variables.DestinationPrefix),
		aws: awsSettings{
			region:       need("AWS_REGION", "Lambda sets it"),
			accessKeyID:  need("AWS_ACCESS_KEY_ID", "Lambda sets it from the function's role"),
			secretKey:    need("AWS_SECRET_ACCESS_KEY", "Lambda sets it from the function's role"),
			sessionToken: getenv("AWS_SESSION_TOKEN"),
			endpoint:     getenv("AWS_ENDPOINT_URL_S3"),
		},
	}
	if s.aws.endpoint == "" {
		s.aws.endpoint = getenv("AWS_ENDPOINT_URL")
	}
	if v := getenv(variables.AllowLoopback); v != "" {
		allow, err := strconv.ParseBool(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: must be true or false", variables.AllowLoopback, v))
		}
		s.allowLoopback = allow
	}
	if text := need(variables.StorageEndpoint, redeploy); text != "" {
		endpoint, err := url.Parse(text)
		if err == nil {
			err = credential.CheckEndpoint(endpoint, s.allowLoopback)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", variables.StorageEndpoint, text, err))
		}
		s.storage = endpoint
	}
	if file := need(variables.GoogleCredentials, redeploy); file != "" {
		var err error
		if s.credentials, err = readCredentials(file, s.allowLoopback); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", variables.GoogleCredentials, file, err))
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
