package denials

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/option"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// TestInjectedRefusals asks services, through their SDKs, that are told to refuse:
// each does so in its own form and, where nothing else is said, its own words.
func TestInjectedRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name, rule string
		do         func(t *testing.T, c *Clouds) error
		want       refusal
	}{
		{"S3", "aws/s3 HEAD: status=503", func(t *testing.T, c *Clouds) error {
			_, err := s3.NewFromConfig(c.Configure(c.Owner)).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &c.Names.DestinationBucket})
			return err
		}, refusal{503, "ServiceUnavailable", "Service Unavailable"}}, // a HEAD has no body to say more
		{"S3, with a body", "s3 GET /s3-gcs-connect*: status=503 retry-after=1s", func(t *testing.T, c *Clouds) error {
			client := s3.NewFromConfig(c.Configure(c.Owner), func(o *s3.Options) { o.UsePathStyle = true })
			_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.Names.DestinationBucket})
			return err
		}, refusal{503, "SlowDown", "Please reduce your request rate."}},
		{"S3, by code", "s3 PUT: status=400 code=ExpiredToken", putsAnObject, refusal{400, "ExpiredToken", "The provided token has expired."}},
		{"S3, within the body", "s3 PUT /*/k?x-id=PutObject: status=403 after=300000", putsAnObject,
			refusal{403, "AccessDenied", "Access Denied"}},
		{"IAM", "aws/iam: status=400", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(c.Configure(c.Owner)).GetRole(ctx, &iam.GetRoleInput{RoleName: &c.Names.Role})
			return err
		}, refusal{400, "Throttling", "Rate exceeded"}},
		{"Lambda", "lambda: status=429", func(t *testing.T, c *Clouds) error {
			_, err := lambda.NewFromConfig(c.Configure(c.Owner)).ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}, refusal{429, "TooManyRequestsException", "Rate Exceeded."}},
		// Its client would try again, and wait in between.
		{"the token exchange", "google/sts: status=429", func(t *testing.T, c *Clouds) error {
			resp, err := http.PostForm(c.Endpoint("")+"/v1/token", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := readGoogle(resp.StatusCode, body)
			return &got
		}, refusal{429, "quota_exceeded", "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few seconds."}},
		{"Service Account Credentials", "iamcredentials: status=403 code=PERMISSION_DENIED", func(t *testing.T, c *Clouds) error {
			service, err := iamcredentials.NewService(ctx, option.WithAuthCredentials(fixed(c.local.Google.AdminToken())), option.WithEndpoint(c.Endpoint("")))
			if err != nil {
				t.Fatal(err)
			}
			_, err = service.Projects.ServiceAccounts.GenerateAccessToken("projects/-/serviceAccounts/"+c.Names.ServiceAccountEmail(), &iamcredentials.GenerateAccessTokenRequest{Scope: []string{readOnly}}).Do()
			return err
		}, refusal{403, "PERMISSION_DENIED", "The service is currently unavailable."}},
		{"Cloud Storage", "google/storage GET: status=412 code=conditionNotMet", func(t *testing.T, c *Clouds) error {
			_, err := storageAs(t, c, nil, c.local.Google.AdminToken()).Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
			return err
		}, refusal{412, "conditionNotMet", "Backend Error"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rule, err := faults.Parse(tt.rule)
			if err != nil {
				t.Fatal(err)
			}
			c := fresh(t, sandbox.Options{})
			c.Fail(rule)
			got, ok := refusalOf(tt.do(t, c))
			if !ok || got != tt.want {
				t.Errorf("answered %v, want %v", got, tt.want)
			}
			entries := c.local.Journal.Entries()
			if last := entries[len(entries)-1]; !last.Injected || last.Status != tt.want.status {
				t.Errorf("the journal ends with %+v, which is not said to be injected", last)
			}
		})
	}
}

// putsAnObject of 8 MiB, once.
func putsAnObject(t *testing.T, c *Clouds) error {
	client := s3.NewFromConfig(c.Configure(c.Owner), func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), Body: bytes.NewReader(make([]byte, 8<<20))})
	return err
}
