package conformance

import (
	"context"
	"fmt"
	"net/http"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// OpenReal is the access to the real clouds with the credentials of the shell: the AWS
// SDK's and Application Default Credentials. It makes no request.
func OpenReal(ctx context.Context, place Place) (sandboxtest.Access, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(place.Region))
	if err != nil {
		return sandboxtest.Access{}, fmt.Errorf("loading AWS credentials: %w", err)
	}
	if cfg.BaseEndpoint != nil {
		return sandboxtest.Access{}, fmt.Errorf("AWS_ENDPOINT_URL: %q: must not be set for the real clouds; hint: unset it", *cfg.BaseEndpoint)
	}
	keys, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return sandboxtest.Access{}, fmt.Errorf("loading AWS credentials: %w", err)
	}
	google, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}})
	if err != nil {
		return sandboxtest.Access{}, fmt.Errorf("loading Google credentials: %w; hint: `gcloud auth application-default login`", err)
	}
	return sandboxtest.Access{
		Names: place.names(""),
		Owner: api.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken},
		Configure: func(c api.Credentials) aws.Config {
			return aws.Config{
				Region:      place.Region,
				Credentials: awscredentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
				Retryer:     func() aws.Retryer { return aws.NopRetryer{} }, // a refusal is an answer
			}
		},
		S3URL:    "https://s3." + place.Region + ".amazonaws.com",
		Endpoint: func(api string) string { return "https://" + api + ".googleapis.com" },
		Client:   &http.Client{Transport: authorizing{google, place.Project}},
	}, nil
}

// authorizing authorizes requests to Google, on the quota of the project.
type authorizing struct {
	credentials *auth.Credentials
	project     string
}

// RoundTrip sends the request with a token.
func (a authorizing) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.credentials.Token(r.Context())
	if err != nil {
		return nil, fmt.Errorf("getting a Google access token: %w", err)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token.Value)
	r.Header.Set("X-Goog-User-Project", a.project)
	return http.DefaultTransport.RoundTrip(r)
}
