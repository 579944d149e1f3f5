package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Bucket writes to S3 as the function's role.
type s3Bucket struct{ client *s3.Client }

// newS3 takes the credentials that Lambda put into the process environment; they
// outlive the execution environment, so nothing refreshes them.
func newS3(s awsSettings) *s3Bucket {
	options := s3.Options{
		Region: s.region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.accessKeyID, SecretAccessKey: s.secretKey, SessionToken: s.sessionToken, Source: "Lambda environment"}, nil
		}),
		// A stream cannot be sent twice.
		Retryer: aws.NopRetryer{},
	}
	if s.endpoint != "" {
		options.BaseEndpoint = aws.String(s.endpoint)
	}
	return &s3Bucket{s3.New(options)}
}

// put writes one object from a stream whose length and CRC32C header announces;
// S3 checks both and makes the object visible only then. The payload is not
// signed: that would mean reading it twice, and TLS and the sum protect it.
func (b *s3Bucket) put(ctx context.Context, bucket, key string, header http.Header, body *verifier) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:             &bucket,
		Key:                &key,
		Body:               io.NopCloser(body),
		ContentLength:      &body.size,
		ChecksumCRC32C:     &body.want,
		ContentType:        optional(header, "Content-Type"),
		ContentEncoding:    optional(header, "Content-Encoding"),
		ContentLanguage:    optional(header, "Content-Language"),
		ContentDisposition: optional(header, "Content-Disposition"),
		CacheControl:       optional(header, "Cache-Control"),
		Metadata: map[string]string{
			"gcs-generation": header.Get("X-Goog-Generation"),
			"gcs-crc32c":     body.want,
		},
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	if err != nil {
		return fmt.Errorf("putting %d bytes: %w", body.size, err)
	}
	return nil
}

func optional(header http.Header, name string) *string {
	if v := header.Get(name); v != "" {
		return &v
	}
	return nil
}
