// Package awstest starts a local AWS for one test and makes clients of the real
// SDK for it. It is for tests only and checks nothing by itself.
package awstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// What every cloud of this package is made with.
const (
	Account = "111122223333"
	Region  = "us-east-1"
)

// Server is a running cloud.
type Server struct {
	*aws.Cloud
	URL     string
	Journal *journal.Journal
	offset  atomic.Int64
}

// Start starts a cloud that ends with the test; changes edit its options.
func Start(t testing.TB, changes ...func(*aws.Options)) *Server {
	t.Helper()
	s := &Server{Journal: &journal.Journal{}}
	server := httptest.NewUnstartedServer(s)
	s.URL = "http://" + server.Listener.Addr().String()
	var err error
	options := aws.Options{Account: Account, Region: Region, Now: s.Now, Journal: s.Journal, Dir: t.TempDir(), URL: s.URL}
	for _, change := range changes {
		change(&options)
	}
	if s.Cloud, err = aws.New(options); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Now is the cloud's clock.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// Advance moves the cloud's clock, and not that of the SDK's clients.
func (s *Server) Advance(d time.Duration) { s.offset.Add(int64(d)) }

// Config makes the SDK's clients use the cloud with c, without retries.
func (s *Server) Config(c api.Credentials) sdk.Config {
	return sdk.Config{
		Region: Region, BaseEndpoint: &s.URL, RetryMaxAttempts: 1, HTTPClient: awshttp.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
	}
}

// Call is a request that is signed by hand.
type Call struct {
	Credentials api.Credentials
	Service     string
	Region      string // empty is Region
	Method      string
	Host        string // instead of the cloud's own
	Path        string // with its query
	Header      http.Header
	Body        string
	At          time.Time // empty is now
	// PayloadHash is signed instead of the body's hash.
	PayloadHash string
	// Tamper changes the request after it is signed.
	Tamper func(*http.Request)
}

// Request signs the call.
func (s *Server) Request(t testing.TB, c Call) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), c.Method, s.URL+c.Path, bytes.NewReader([]byte(c.Body)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range c.Header {
		r.Header[k] = v
	}
	if c.Host != "" {
		r.Host = c.Host
	}
	if c.At.IsZero() {
		c.At = time.Now()
	}
	if c.Region == "" {
		c.Region = Region
	}
	hash := c.PayloadHash
	if hash == "" {
		sum := sha256.Sum256([]byte(c.Body))
		hash = hex.EncodeToString(sum[:])
	}
	if c.Service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.Service == "s3" })
	creds := sdk.Credentials{AccessKeyID: c.Credentials.AccessKeyID, SecretAccessKey: c.Credentials.SecretAccessKey, SessionToken: c.Credentials.SessionToken}
	if err := signer.SignHTTP(context.Background(), creds, r, hash, c.Service, c.Region, c.At); err != nil {
		t.Fatal(err)
	}
	if c.Tamper != nil {
		c.Tamper(r)
	}
	return r
}

// Do signs and sends the call.
func (s *Server) Do(t testing.TB, c Call) (status int, body string) {
	t.Helper()
	response, err := awshttp.Client().Do(s.Request(t, c))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// Refusal is what a client sees of an error.
type Refusal struct {
	Status  int
	Code    string
	Message string
}

// Refused makes a Refusal.
func Refused(status int, code, message string) Refusal { return Refusal{status, code, message} }

// RefusalOf takes an error of an SDK client apart; nil is the zero Refusal.
func RefusalOf(t testing.TB, err error) Refusal {
	t.Helper()
	if err == nil {
		return Refusal{}
	}
	var apiError smithy.APIError
	var response *smithyhttp.ResponseError
	if !errors.As(err, &apiError) || !errors.As(err, &response) {
		t.Fatalf("not an answer of a service: %v", err)
	}
	return Refusal{response.HTTPStatusCode(), apiError.ErrorCode(), apiError.ErrorMessage()}
}

// Session makes a role with one inline policy, which its account may assume,
// and opens a session of it that is named "session".
func Session(t testing.TB, s *Server, role, policy string, d time.Duration) api.Credentials {
	t.Helper()
	ctx := t.Context()
	admin := s.Config(s.Admin())
	client := iam.NewFromConfig(admin)
	created, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &role,
		AssumeRolePolicyDocument: sdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + Account + `"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: sdk.String("only"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	out, err := sts.NewFromConfig(admin).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: created.Role.Arn, RoleSessionName: sdk.String("session"), DurationSeconds: sdk.Int32(int32(d.Seconds()))})
	if err != nil {
		t.Fatal(err)
	}
	return api.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken, Expiration: *out.Credentials.Expiration,
	}
}
