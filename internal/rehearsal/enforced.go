package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// checks are requests that the clouds must reject before anything is built on
// them: a sandbox that allowed these would prove nothing.
var checks = []struct {
	what string
	try  func(context.Context, *Stand) error
}{
	{"an AWS request signed with a wrong secret", func(ctx context.Context, s *Stand) error {
		key := s.Sandbox.AWS.Admin()
		key.SecretAccessKey = strings.Repeat("x", len(key.SecretAccessKey))
		_, err := sts.NewFromConfig(s.Sandbox.AWSConfig(key)).GetCallerIdentity(ctx, nil)
		return refused(err, "SignatureDoesNotMatch")
	}},
	{"an AWS request with an unknown key", func(ctx context.Context, s *Stand) error {
		key := s.Sandbox.AWS.Admin()
		key.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
		_, err := s3.NewFromConfig(s.Sandbox.AWSConfig(key)).ListBuckets(ctx, nil)
		return refused(err, "InvalidAccessKeyId")
	}},
	{"a Google request without a token", func(ctx context.Context, s *Stand) error {
		return s.unauthenticated(ctx, "")
	}},
	{"a Google request with an unknown token", func(ctx context.Context, s *Stand) error {
		return s.unauthenticated(ctx, "ya29.unknown")
	}},
	{"a token exchange without a signed AWS request", func(ctx context.Context, s *Stand) error {
		// In a new project the API is not enabled, so every request would be rejected.
		if err := s.ask(ctx, http.MethodPost, "/v1/projects/"+s.Env.GoogleProject+"/services/sts.googleapis.com:enable", "application/json", nil, nil); err != nil {
			return err
		}
		if err := clouds.Pause(ctx, s.enableDelay); err != nil {
			return err
		}
		status, data, err := s.google(ctx, "", http.MethodPost, "/v1/token", "application/x-www-form-urlencoded", []byte("grant_type=urn:ietf:params:oauth:grant-type:token-exchange"))
		if err == nil && status != http.StatusBadRequest {
			err = fmt.Errorf("it answered %d: %s", status, data)
		}
		return err
	}},
}

// refused checks that an AWS error has the given code.
func refused(err error, code string) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == code {
		return nil
	}
	if err == nil {
		return errors.New("it was accepted")
	}
	return err
}

func (s *Stand) unauthenticated(ctx context.Context, token string) error {
	status, data, err := s.google(ctx, token, http.MethodGet, "/v1/projects/"+s.Env.GoogleProject, "", nil)
	if err == nil && status != http.StatusUnauthorized {
		err = fmt.Errorf("it answered %d: %s", status, data)
	}
	return err
}

// enforced tries all checks and lists the rejected requests.
func enforced(ctx context.Context, s *Stand) ([]string, error) {
	var out []string
	var errs []error
	for _, check := range checks {
		if err := check.try(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s was not rejected as it must be: %w", check.what, err))
			continue
		}
		out = append(out, check.what)
	}
	return out, errors.Join(errs...)
}
