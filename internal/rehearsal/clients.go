package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// admin returns the configuration of the account's administrator.
func (s *Stand) admin() aws.Config { return s.Sandbox.AWSConfig(s.Sandbox.AWS.Admin()) }

// makeBucket makes a bucket of S3 in the environment's region.
func (s *Stand) makeBucket(ctx context.Context, name string) error {
	_, err := s3.NewFromConfig(s.admin()).CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(s.Env.AWSRegion)},
	})
	return err
}

// google makes a request to Google Cloud with a token, or without one if it is
// empty, and returns the status and the body.
func (s *Stand) google(ctx context.Context, token, method, path, contentType string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Sandbox.GoogleURL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// ask makes a request as the project's owner; any failure is an error.
func (s *Stand) ask(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	status, data, err := s.google(ctx, s.Sandbox.Google.AdminToken(), method, path, contentType, body)
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("%s %s answered %d: %s", method, path, status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}
