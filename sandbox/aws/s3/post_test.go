package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// formUpload is an upload by a browser's form.
type formUpload struct {
	creds      api.Credentials
	expiration time.Time
	conditions string
	fields     [][2]string // beside those of the signature
	content    string
}

// post signs the policy and sends the form.
func (u formUpload) post(t *testing.T, s *awstest.Server) (http.Header, awstest.Refusal) {
	t.Helper()
	now := time.Now().UTC()
	day, at := now.Format("20060102"), now.Format("20060102T150405Z")
	credential := u.creds.AccessKeyID + "/" + day + "/us-east-1/s3/aws4_request"
	policy := base64.StdEncoding.EncodeToString([]byte(`{"expiration":"` + u.expiration.UTC().Format(time.RFC3339) + `","conditions":[{"x-amz-algorithm":"AWS4-HMAC-SHA256"},{"x-amz-credential":"` + credential + `"},{"x-amz-date":"` + at + `"},` + u.conditions + `]}`))
	key := []byte("AWS4" + u.creds.SecretAccessKey)
	for _, part := range []string{day, "us-east-1", "s3", "aws4_request", policy} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := append([][2]string{{"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", credential}, {"X-Amz-Date", at}, {"policy", policy}, {"x-amz-signature", hex.EncodeToString(key)}}, u.fields...)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", "photo.jpg")
	if err == nil {
		_, err = file.Write([]byte(u.content))
	}
	if err != nil || w.Close() != nil {
		t.Fatal("writing the form:", err)
	}
	response, err := http.Post(s.URL+"/"+bucket, w.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Code, Message string }
	if response.StatusCode >= 400 {
		if err := xml.Unmarshal(text, &e); err != nil {
			t.Fatalf("reading %q: %v", text, err)
		}
	}
	return response.Header, awstest.Refused(response.StatusCode, e.Code, e.Message)
}

// "Browser-Based Uploads Using POST (AWS Signature Version 4)".
func TestUploadByForm(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := func(name string) [][2]string { return [][2]string{{"key", name}} }
	const anywhere = `{"bucket":"` + bucket + `"},["starts-with","$key","in/"],["content-length-range",1,8]`
	reader := awstest.Session(t, s, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`, time.Hour)
	otherSecret := s.Admin()
	otherSecret.SecretAccessKey = strings.ToLower(otherSecret.SecretAccessKey)
	soon := time.Now().Add(time.Minute)
	for name, test := range map[string]struct {
		formUpload
		want awstest.Refusal
	}{
		"as the policy says": {formUpload{s.Admin(), soon, anywhere, key("in/${filename}"), "content"}, awstest.Refused(204, "", "")},
		"to be told":         {formUpload{s.Admin(), soon, anywhere + `,["eq","$success_action_status","201"]`, append(key("in/b"), [2]string{"success_action_status", "201"}), "content"}, awstest.Refused(201, "", "")},
		"expired":            {formUpload{s.Admin(), time.Now().Add(-time.Minute), anywhere, key("in/a"), "content"}, awstest.Refused(403, "AccessDenied", "Invalid according to Policy: Policy expired.")},
		"another key":        {formUpload{s.Admin(), soon, anywhere, key("out/a"), "content"}, awstest.Refused(403, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "in/"]`)},
		"another bucket":     {formUpload{s.Admin(), soon, strings.Replace(anywhere, bucket, "other", 1), key("in/a"), "content"}, awstest.Refused(403, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "other"]`)},
		"a field more":       {formUpload{s.Admin(), soon, anywhere, append(key("in/a"), [2]string{"x-amz-meta-a", "b"}), "content"}, awstest.Refused(403, "AccessDenied", "Invalid according to Policy: Extra input fields: x-amz-meta-a")},
		"too large":          {formUpload{s.Admin(), soon, anywhere, key("in/a"), "nine char"}, awstest.Refused(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")},
		"too small":          {formUpload{s.Admin(), soon, anywhere, key("in/a"), ""}, awstest.Refused(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")},
		"no key":             {formUpload{s.Admin(), soon, anywhere, nil, "content"}, awstest.Refused(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")},
		"another secret":     {formUpload{otherSecret, soon, anywhere, key("in/a"), "content"}, awstest.Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")},
		"no session token":   {formUpload{reader, soon, anywhere, key("in/a"), "content"}, awstest.Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")},
		"without the right": {formUpload{reader, soon, anywhere + `,{"x-amz-security-token":"` + reader.SessionToken + `"}`, append(key("in/a"), [2]string{"x-amz-security-token", reader.SessionToken}), "content"},
			awstest.Refused(403, "AccessDenied", `User: arn:aws:sts::111122223333:assumed-role/reader/session is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::`+bucket+`/in/a" because no identity-based policy allows the s3:PutObject action`)},
	} {
		if _, got := test.post(t, s); got != test.want {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(test.want, got))
		}
	}
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("in/photo.jpg")})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(got.Body); err != nil || string(content) != "content" {
		t.Errorf("got %q (%v), want content", content, err)
	}
}
