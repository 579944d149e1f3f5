package s3_test

import (
	"context"
	"encoding/xml"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// refusal reads an error answer of S3.
func refusal(t *testing.T, status int, body string) awstest.Refusal {
	t.Helper()
	var e struct{ Code, Message string }
	if err := xml.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("reading %q: %v", body, err)
	}
	return awstest.Refusal{Status: status, Code: e.Code, Message: e.Message}
}

// denied is S3's refusal of a session of awstest.Session.
func denied(role, action, resource, clause string) awstest.Refusal {
	return awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/"+role+"/session is not authorized to perform: "+action+` on resource: "`+resource+`" `+clause)
}

func keys(out *s3.ListObjectsV2Output) (got []string) {
	for _, o := range out.Contents {
		got = append(got, *o.Key)
	}
	for _, p := range out.CommonPrefixes {
		got = append(got, *p.Prefix+" (prefix)")
	}
	return got
}

// onTime is a client of the administrator whose clock is the cloud's.
func onTime(s *awstest.Server) *s3.Client {
	return s3.NewFromConfig(s.Config(s.Admin()), func(o *s3.Options) {
		o.UsePathStyle = true
		o.HTTPSignerV4 = clock{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), s.Now}
	})
}

type clock struct {
	*v4.Signer
	now func() time.Time
}

func (c clock) SignHTTP(
	ctx context.Context, creds aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, options ...func(*v4.SignerOptions),
) error {
	return c.Signer.SignHTTP(ctx, creds, r, hash, service, region, c.now(), options...)
}
