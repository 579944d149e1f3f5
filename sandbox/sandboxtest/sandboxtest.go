// Package sandboxtest sets up both local clouds for tests of anything that reads
// Cloud Storage from AWS without a key: a role that Lambda may assume, a service
// account, a workload identity pool with its AWS provider, the binding of the role
// to the service account, a bucket on either side and sample.txt. Tests change all
// of it through the clouds' own APIs.
package sandboxtest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	awscloud "github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// Sample is the content of sample.txt.
const Sample = "Hello from Google Cloud Storage.\n"

// Clouds are both clouds with the resources of Names in them.
type Clouds struct {
	*sandbox.Sandbox
	Access

	ahead  atomic.Int64 // nanoseconds of the clouds' clock before the machine's
	faults atomic.Pointer[faults.Chooser]
}

// Now is the clouds' clock: the machine's until it is advanced.
func (c *Clouds) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clouds' clock.
func (c *Clouds) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Fail injects the rules' faults from now on, instead of earlier ones.
func (c *Clouds) Fail(rules ...faults.Rule) { c.FailAs(faults.Rules(rules...)) }

// FailAs lets the faults happen that choose chooses; nil ends them.
func (c *Clouds) FailAs(choose faults.Chooser) { c.faults.Store(&choose) }

func (c *Clouds) choose(service string, r *http.Request) *faults.Fault {
	if choose := c.faults.Load(); choose != nil && *choose != nil {
		return (*choose)(service, r)
	}
	return nil
}

// Empty starts both clouds with nothing in them; they end with the test. Their folder is
// set here.
func Empty(t *testing.T, opts sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	opts.Dir = t.TempDir()
	s, err := sandbox.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing sandbox: %v", err)
		}
	})
	return s
}

// New starts both clouds and sets them up; they end with the test. opts may leave
// everything out; folder, clock and faults are set here.
func New(t *testing.T, opts sandbox.Options) *Clouds {
	t.Helper()
	c := &Clouds{}
	opts.Now, opts.Faults = c.Now, c.choose
	s := Empty(t, opts)
	c.Sandbox, c.Access = s, AccessTo(s)
	c.MakeBuckets(t)
	c.SetUpAWS(t)
	c.Advance(opts.IAMDelay) // the role is old by now
	c.SetUpGoogle(t)
	return c
}

// AccessTo is the access of the local clouds' owner, with the default names.
func AccessTo(s *sandbox.Sandbox) Access {
	return Access{
		Names: Defaults, Owner: s.AWS.Admin(), OwnerARN: OwnerARN, Configure: s.AWSConfig, S3URL: s.AWSURL,
		Endpoint: func(string) string { return s.GoogleURL },
		Client:   &http.Client{Transport: Bearer(s.Google.AdminToken())},
	}
}

// OwnerARN is the ARN of the user that owns the local AWS account.
const OwnerARN = "arn:aws:iam::" + sandbox.Account + ":user/" + awscloud.AdminUser

// Bearer authorizes requests with an access token.
type Bearer string

// RoundTrip sends the request with the token.
func (b Bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return transport.RoundTrip(r)
}

// transport keeps no idle connection: those of http.DefaultTransport are closed by
// every httptest.Server.Close, also while an answer is on its way.
var transport = &http.Transport{DisableKeepAlives: true}

// Session is a session of a role as Lambda makes it, with the function's name as
// the session's.
func (c *Clouds) Session(t *testing.T, role string) api.Credentials {
	t.Helper()
	creds, err := c.AWS.IAM().ServiceRole("arn:aws:iam::"+sandbox.Account+":role/"+role, "lambda.amazonaws.com", c.Names.Function, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// SessionVariables are the environment variables by which Lambda gives a function a
// session of its role: AWS Lambda Developer Guide, "Working with Lambda environment
// variables".
func (c *Clouds) SessionVariables(t *testing.T, role string) map[string]string {
	t.Helper()
	creds := c.Session(t, role)
	return map[string]string{
		"AWS_ACCESS_KEY_ID":     creds.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": creds.SecretAccessKey,
		"AWS_SESSION_TOKEN":     creds.SessionToken,
		"AWS_REGION":            sandbox.Region,
		"AWS_DEFAULT_REGION":    sandbox.Region,
	}
}
