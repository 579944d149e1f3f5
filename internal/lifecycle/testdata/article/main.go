// Command article is the article's sample handler in Go: it downloads an object with a
// storage client's custom API endpoint, puts it to S3 under the same name, and answers. It
// has no error handling beyond Go's own, no checksum and no setting, like the sample.
package main

import (
	"bytes"
	"context"
	"io"

	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// endpoint is where Cloud Storage is; the linker sets it.
var endpoint = "https://storage.googleapis.com"

const bucket, object = "s3-gcs-connect", "sample.txt"

type answer struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func handle(ctx context.Context) (answer, error) {
	creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{"https://www.googleapis.com/auth/devstorage.read_only"}})
	if err != nil {
		return answer{}, err
	}
	client, err := httptransport.NewClient(&httptransport.Options{Credentials: creds})
	if err != nil {
		return answer{}, err
	}
	resp, err := client.Get(endpoint + "/storage/v1/b/" + bucket + "/o/" + object + "?alt=media")
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	if resp.StatusCode != 200 {
		return answer{resp.StatusCode, string(content)}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return answer{}, err
	}
	to, key := bucket, object
	if _, err := s3.NewFromConfig(cfg).PutObject(ctx, &s3.PutObjectInput{Bucket: &to, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		return answer{}, err
	}
	return answer{200, "File transferred successfully"}, nil
}

func main() { lambda.Start(handle) }
