package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda/runner"
)

type codeInput struct {
	ZipFile                          []byte
	S3Bucket, S3Key, S3ObjectVersion string
	ImageUri, SourceKMSKeyArn        string
}

// fetch gets the deployment package and its SHA-256. An object is read with the
// caller's own rights, as Lambda does.
func (s *Server) fetch(c *api.Request, in codeInput) (code []byte, sum string, err error) {
	switch {
	case in.ImageUri != "":
		return nil, "", api.NotModelled("ImageUri")
	case in.SourceKMSKeyArn != "":
		return nil, "", api.NotModelled("SourceKMSKeyArn")
	case in.ZipFile != nil && in.S3Bucket != "":
		return nil, "", invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case in.ZipFile != nil:
		if len(in.ZipFile) > maxZip {
			return nil, "", api.Errorf(413, "RequestEntityTooLargeException", "Request must be smaller than 69905067 bytes for the CreateFunction operation")
		}
		code = in.ZipFile
	case in.S3Bucket == "" || in.S3Key == "":
		return nil, "", invalid("Please provide a source for function code.")
	default:
		if code, err = s.object(c, in); err != nil {
			return nil, "", err
		}
	}
	switch err := runner.Check(code); {
	case errors.Is(err, runner.ErrTooLarge):
		return nil, "", invalid("Unzipped size must be smaller than %d bytes", runner.MaxUnzipped)
	case err != nil:
		return nil, "", invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	hash := sha256.Sum256(code)
	return code, base64.StdEncoding.EncodeToString(hash[:]), nil
}

func (s *Server) object(c *api.Request, in codeInput) ([]byte, error) {
	creds, err := s.Forward(c.Caller, sessionLength)
	if err != nil {
		return nil, fmt.Errorf("forwarding the caller's credentials: %w", err)
	}
	get := &s3.GetObjectInput{Bucket: &in.S3Bucket, Key: &in.S3Key}
	if in.S3ObjectVersion != "" {
		get.VersionId = &in.S3ObjectVersion
	}
	out, err := s3.NewFromConfig(s.Config(creds), func(o *s3.Options) { o.UsePathStyle = true }).GetObject(c.Context(), get)
	if err != nil {
		if e, ok := errors.AsType[smithy.APIError](err); ok {
			if e.ErrorCode() == "AccessDenied" {
				return nil, api.Errorf(403, "AccessDeniedException", "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. S3 Error Code: %s. S3 Error Message: %s", in.S3Bucket, in.S3Key, e.ErrorCode(), e.ErrorMessage())
			}
			return nil, invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", e.ErrorCode(), e.ErrorMessage())
		}
		return nil, fmt.Errorf("reading s3://%s/%s: %w", in.S3Bucket, in.S3Key, err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, runner.MaxUnzipped+1))
	if err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", in.S3Bucket, in.S3Key, err)
	}
	return b, nil
}
