package s3_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// Who expects 100 Continue does not send the body of a request whose headers are
// refused: Amazon S3 User Guide, "Request redirection and the REST API", "Redirects and
// 100-Continue".
func TestContinuesAfterTheHeaders(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	upload, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("k")})
	if err != nil {
		t.Fatal(err)
	}
	part := "/" + bucket + "/k?partNumber=1&uploadId=" + *upload.UploadId
	unknown := s.Admin()
	unknown.SecretAccessKey += "x"
	nobody := awstest.Session(t, s, "nobody",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}}`, time.Hour)
	long := http.Header{"X-Amz-Meta-A": {strings.Repeat("x", 3000)}}
	for name, tt := range map[string]struct {
		credentials api.Credentials
		path        string
		header      http.Header
		status      int
	}{
		"an object":             {s.Admin(), "/" + bucket + "/k", nil, 200},
		"a part":                {s.Admin(), part, nil, 200},
		"without the right":     {nobody, "/" + bucket + "/k", nil, 403},
		"a part without it":     {nobody, part, nil, 403},
		"a wrong signature":     {unknown, "/" + bucket + "/k", nil, 403},
		"a bucket that is not":  {s.Admin(), "/no-such-bucket/k", nil, 404},
		"an upload that is not": {s.Admin(), "/" + bucket + "/k?partNumber=1&uploadId=x", nil, 404},
		"too much metadata":     {s.Admin(), "/" + bucket + "/k", long, 400},
		"a digest that is none": {s.Admin(), "/" + bucket + "/k", http.Header{"Content-Md5": {"x"}}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := s.Request(t, awstest.Call{
				Credentials: tt.credentials, Service: "s3", Method: "PUT", Path: tt.path, Header: tt.header, Body: "body",
			})
			r.Header.Set("Expect", "100-continue")
			sent := false
			body := r.Body
			r.Body, r.GetBody = io.NopCloser(reader(func(p []byte) (int, error) { sent = true; return body.Read(p) })), nil
			asked := false
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got100Continue: func() { asked = true }}))
			transport := &http.Transport{ExpectContinueTimeout: time.Minute}
			t.Cleanup(transport.CloseIdleConnections)
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if taken := tt.status == 200; err != nil || resp.StatusCode != tt.status || asked != taken || sent != taken {
				t.Errorf("answered %d %q, %v; 100 Continue: %v, body sent: %v; want %d", resp.StatusCode, answer, err, asked, sent, tt.status)
			}
		})
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }
