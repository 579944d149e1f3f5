package s3_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// presign2 makes a URL as the AWS CLI and boto3 do by default in older regions.
func presign2(s *awstest.Server, c api.Credentials, method, path string, end time.Time) string {
	q := url.Values{"AWSAccessKeyId": {c.AccessKeyID}, "Expires": {fmt.Sprint(end.Unix())}}
	amz := ""
	if c.SessionToken != "" {
		q.Set("x-amz-security-token", c.SessionToken)
		amz = "x-amz-security-token:" + c.SessionToken + "\n"
	}
	mac := hmac.New(sha1.New, []byte(c.SecretAccessKey))
	fmt.Fprintf(mac, "%s\n\n\n%d\n%s%s", method, end.Unix(), amz, path)
	q.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return s.URL + path + mark + q.Encode()
}

func TestPresignedVersion2(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "a b", "v")
	const path = "/" + bucket + "/a%20b"
	send := func(method, url string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
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
	end := time.Now().Add(time.Minute)
	session := awstest.Session(t, s, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`, time.Hour)
	for name, credentials := range map[string]api.Credentials{"user": s.Admin(), "session": session} {
		if status, body := send("GET", presign2(s, credentials, "GET", path, end)); status != 200 || body != "v" {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
	if status, body := send("GET", presign2(s, s.Admin(), "GET", path+"?versionId=null", end)); status != 200 || body != "v" {
		t.Errorf("subresource: got %d %s", status, body)
	}
	const noMatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	good, tokenless := presign2(s, s.Admin(), "GET", path, end), session
	tokenless.SessionToken = ""
	for name, test := range map[string]struct {
		method, url string
		want        awstest.Refusal
	}{
		"other method":      {"PUT", good, awstest.Refused(403, "SignatureDoesNotMatch", noMatch)},
		"other object":      {"GET", strings.Replace(good, "a%20b", "b", 1), awstest.Refused(403, "SignatureDoesNotMatch", noMatch)},
		"other end":         {"GET", strings.Replace(good, fmt.Sprint(end.Unix()), fmt.Sprint(end.Unix()+1), 1), awstest.Refused(403, "SignatureDoesNotMatch", noMatch)},
		"added version":     {"GET", good + "&versionId=null", awstest.Refused(403, "SignatureDoesNotMatch", noMatch)},
		"over":              {"GET", presign2(s, s.Admin(), "GET", path, time.Now().Add(-time.Minute)), awstest.Refused(403, "AccessDenied", "Request has expired")},
		"not a time":        {"GET", strings.Replace(good, "Expires=", "Expires=x", 1), awstest.Refused(403, "AccessDenied", "Invalid date (should be seconds since epoch): x"+fmt.Sprint(end.Unix()))},
		"no signature":      {"GET", s.URL + path + "?AWSAccessKeyId=A", awstest.Refused(403, "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")},
		"unknown key":       {"GET", presign2(s, api.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}, "GET", path, end), awstest.Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")},
		"session, no token": {"GET", presign2(s, tokenless, "GET", path, end), awstest.Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")},
		"not allowed":       {"DELETE", presign2(s, session, "DELETE", path, end), denied("reader", "s3:DeleteObject", "arn:aws:s3:::"+bucket+"/a b", "because no identity-based policy allows the s3:DeleteObject action")},
	} {
		status, body := send(test.method, test.url)
		if diff := cmp.Diff(test.want, refusal(t, status, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
