package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// files are the files of jobs, with the caller's credentials.
type files struct {
	s3     *s3.Client
	bucket string
}

func (f files) Get(ctx context.Context, key string) ([]byte, bool, error) {
	out, err := f.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
	var missing *s3types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, f.explain("reading", key, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, false, f.explain("reading", key, err)
	}
	return data, true, nil
}

func (f files) Put(ctx context.Context, key string, data []byte) error {
	_, err := f.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		return f.explain("writing", key, err)
	}
	return nil
}

func (f files) Create(ctx context.Context, key string, data []byte) (bool, error) {
	_, err := f.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(data), IfNoneMatch: aws.String("*")})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "PreconditionFailed" {
		return false, nil
	}
	if err != nil {
		return false, f.explain("writing", key, err)
	}
	return true, nil
}

func (f files) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for p := s3.NewListObjectsV2Paginator(f.s3, &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				yield("", f.explain("listing", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(aws.ToString(o.Key), nil) {
					return
				}
			}
		}
	}
}

func (f files) explain(what, key string, err error) error {
	var missing *s3types.NoSuchBucket
	hint := ""
	if errors.As(err, &missing) {
		hint = "; hint: jobsBucket names it, and `aws s3 mb` makes it"
	}
	return fmt.Errorf("%s s3://%s/%s: %w%s", what, f.bucket, key, err, hint)
}
