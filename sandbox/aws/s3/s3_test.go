package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

const bucket = "some-bucket"

func ptr[T any](v T) *T { return &v }

func client(s *awstest.Server, c api.Credentials) *s3.Client {
	return s3.NewFromConfig(s.Config(c), func(o *s3.Options) { o.UsePathStyle = true })
}

// start starts a cloud with a bucket.
func start(t *testing.T) (*awstest.Server, *s3.Client) {
	t.Helper()
	s := awstest.Start(t)
	c := client(s, s.Admin())
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr(bucket)}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func put(t *testing.T, c *s3.Client, key, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr(bucket), Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func crc32c(b []byte) string {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	h.Write(b)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestPutAndGet(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const key, body = "dir/a b+c=ü.txt", "hello, world"
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr(key), Body: strings.NewReader(body), ContentType: ptr("text/plain"), ContentEncoding: ptr("identity"),
		CacheControl: ptr("no-store"), Metadata: map[string]string{"source": "gs://x/y"}, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.ETag, fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))); got != want {
		t.Errorf("etag: got %s, want %s", got, want)
	}
	if got, want := *out.ChecksumCRC32C, crc32c([]byte(body)); got != want || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("checksum: got %s %s, want %s", got, out.ChecksumType, want)
	}
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr(key), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(got.Body); err != nil || string(b) != body {
		t.Errorf("got %q (%v)", b, err)
	}
	if diff := cmp.Diff(map[string]string{"source": "gs://x/y"}, got.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if *got.ContentType != "text/plain" || *got.CacheControl != "no-store" || *got.ContentEncoding != "identity" || *got.ChecksumCRC32C != crc32c([]byte(body)) || got.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Errorf("got %+v", got)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	put(t, c, "k", "0123456789")
	for spec, want := range map[string]string{
		"bytes=0-0": "0", "bytes=2-4": "234", "bytes=7-": "789", "bytes=-3": "789", "bytes=5-100": "56789", "bytes=-100": "0123456789",
		"bytes=4-2": "0123456789", "bytes=0-1,3-4": "0123456789", "items=1-2": "0123456789",
	} {
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Range: &spec})
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if b, err := io.ReadAll(got.Body); err != nil || string(b) != want {
			t.Errorf("%s: got %q (%v), want %q", spec, b, err, want)
		}
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Range: ptr("bytes=10-")})
	if diff := cmp.Diff(awstest.Refused(416, "InvalidRange", "The requested range is not satisfiable"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	etag := put(t, c, "k", "v").ETag
	past, soon := time.Now().Add(-time.Hour), time.Now()
	for name, test := range map[string]struct {
		in   s3.GetObjectInput
		want int
	}{
		"match":            {s3.GetObjectInput{IfMatch: etag}, 0},
		"no match":         {s3.GetObjectInput{IfMatch: ptr(`"x"`)}, 412},
		"none match":       {s3.GetObjectInput{IfNoneMatch: etag}, 304},
		"none match other": {s3.GetObjectInput{IfNoneMatch: ptr(`"x"`)}, 0},
		"unmodified":       {s3.GetObjectInput{IfUnmodifiedSince: &past}, 412},
		"modified":         {s3.GetObjectInput{IfModifiedSince: &past}, 0},
		"not modified":     {s3.GetObjectInput{IfModifiedSince: &soon}, 304},
	} {
		in := test.in
		in.Bucket, in.Key = ptr(bucket), ptr("k")
		_, err := c.GetObject(t.Context(), &in)
		if got := awstest.RefusalOf(t, err).Status; got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	write := func(key string, in s3.PutObjectInput) awstest.Refusal {
		in.Bucket, in.Key, in.Body = ptr(bucket), &key, strings.NewReader("v2")
		_, err := c.PutObject(t.Context(), &in)
		return awstest.RefusalOf(t, err)
	}
	failed := awstest.Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	etag := put(t, c, "there", "v1").ETag
	for _, test := range []struct {
		name, key string
		in        s3.PutObjectInput
		want      awstest.Refusal
	}{
		{"exists", "there", s3.PutObjectInput{IfNoneMatch: ptr("*")}, failed},
		{"new", "new", s3.PutObjectInput{IfNoneMatch: ptr("*")}, awstest.Refusal{}},
		{"again", "new", s3.PutObjectInput{IfNoneMatch: ptr("*")}, failed},
		{"other etag", "there", s3.PutObjectInput{IfMatch: ptr(`"x"`)}, failed},
		{"etag", "there", s3.PutObjectInput{IfMatch: etag}, awstest.Refusal{}},
		{"old etag", "there", s3.PutObjectInput{IfMatch: etag}, failed},
		{"nothing to match", "none", s3.PutObjectInput{IfMatch: etag}, awstest.Refused(404, "NoSuchKey", "The specified key does not exist.")},
		{"none match of an etag", "new", s3.PutObjectInput{IfNoneMatch: ptr(`"x"`)}, awstest.Refused(501, "NotImplemented", "The local AWS does not model the header If-None-Match.")},
	} {
		if diff := cmp.Diff(test.want, write(test.key, test.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// A conditional deletion is of the current version, with the ETag that it names.
func TestConditionalDeletions(t *testing.T) {
	t.Parallel()
	server, admin := start(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::some-bucket/*"}]}`
	blind := client(server, awstest.Session(t, server, "blind", policy, time.Hour))
	remove := func(c *s3.Client, key string, etag, version *string) awstest.Refusal {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: &key, IfMatch: etag, VersionId: version})
		return awstest.RefusalOf(t, err)
	}
	failed := awstest.Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	absent := awstest.Refused(404, "NoSuchKey", "The specified key does not exist.")
	check := func(name string, want, got awstest.Refusal) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	etag := put(t, admin, "k", "v1").ETag
	check("another etag", failed, remove(admin, "k", ptr(`"x"`), nil))
	check("without the right to read", denied("blind", "s3:GetObject", "arn:aws:s3:::some-bucket/k", "because no identity-based policy allows the s3:GetObject action"), remove(blind, "k", etag, nil))
	check("a version", awstest.Refused(501, "NotImplemented", "The local AWS does not model the header If-Match."), remove(admin, "k", etag, ptr("null")))
	check("any etag", awstest.Refused(501, "NotImplemented", "The local AWS does not model the header If-Match."), remove(admin, "k", ptr("*"), nil))
	check("the etag", awstest.Refusal{}, remove(admin, "k", etag, nil))
	check("nothing there", absent, remove(admin, "k", etag, nil))

	if _, err := admin.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: ptr(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	old, now := put(t, admin, "k", "v1").ETag, put(t, admin, "k", "v2").ETag
	check("the etag of an older version", failed, remove(admin, "k", old, nil))
	check("the etag of the current version", awstest.Refusal{}, remove(admin, "k", now, nil))
	check("a delete marker", absent, remove(admin, "k", now, nil))
}

// A deletion between the beginning and the end of a conditional write is a
// conflict: the body that waits in a pipe holds the write open.
func TestConditionalWriteConflict(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	etag := put(t, c, "k", "v1").ETag
	in, out := io.Pipe()
	r := s.Request(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "/k", PayloadHash: "UNSIGNED-PAYLOAD",
		Header: http.Header{"If-Match": {*etag}}, Body: "v2"})
	r.Body, r.GetBody = in, nil
	// The server asks for the body once it has looked at the key, and not before.
	r.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	done := make(chan string)
	go func() {
		response, err := transport.RoundTrip(r)
		if err != nil {
			done <- err.Error()
			return
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		done <- fmt.Sprint(response.StatusCode, " ", string(body))
	}()
	if _, err := out.Write([]byte("v")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("2")); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; !strings.HasPrefix(got, "409 ") || !strings.Contains(got, "<Code>ConditionalRequestConflict</Code>") {
		t.Errorf("got %s", got)
	}
}

func TestDigestsAreChecked(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for name, test := range map[string]struct {
		header http.Header
		hash   string
		want   awstest.Refusal
	}{
		"md5":           {http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(make([]byte, 16))}}, "", awstest.Refused(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")},
		"malformed md5": {http.Header{"Content-Md5": {"x"}}, "", awstest.Refused(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")},
		"crc32c":        {http.Header{"X-Amz-Checksum-Crc32c": {"AAAAAA=="}}, "", awstest.Refused(400, "BadDigest", "The CRC32C you specified did not match the calculated checksum.")},
		"crc64nvme":     {http.Header{"X-Amz-Checksum-Crc64nvme": {"AAAAAAAAAAA="}}, "", awstest.Refused(400, "BadDigest", "The CRC64NVME you specified did not match the calculated checksum.")},
		"short sha256":  {http.Header{"X-Amz-Checksum-Sha256": {"AAAAAA=="}}, "", awstest.Refused(400, "InvalidRequest", "Value for x-amz-checksum-sha256 header is invalid.")},
		"two checksums": {http.Header{"X-Amz-Checksum-Crc32": {"AAAAAA=="}, "X-Amz-Checksum-Crc32c": {"AAAAAA=="}}, "", awstest.Refused(400, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")},
		"promised only": {http.Header{"X-Amz-Sdk-Checksum-Algorithm": {"CRC32"}}, "", awstest.Refused(400, "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")},
		"payload hash":  {nil, strings.Repeat("0", 64), awstest.Refused(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")},
		"no hash":       {nil, "nonsense", awstest.Refused(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")},
	} {
		status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "/bad", Header: test.header, Body: "hello", PayloadHash: test.hash})
		if diff := cmp.Diff(test.want, refusal(t, status, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr(bucket), Key: ptr("bad")})
	if got := awstest.RefusalOf(t, err); got.Status != 404 {
		t.Errorf("a refused object exists: got %v", got)
	}
}

// Every algorithm that the SDK can choose, in both directions.
func TestChecksumAlgorithms(t *testing.T) {
	t.Parallel()
	for _, a := range types.ChecksumAlgorithm("").Values() {
		switch a {
		case types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
		default:
			continue
		}
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			s, c := start(t)
			data := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
			in := &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Body: bytes.NewReader(data), ChecksumAlgorithm: a, ContentLength: ptr(int64(len(data)))}
			if _, err := c.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			objects := s.S3().Objects(bucket)
			if len(objects) != 1 || objects[0].Size != int64(len(data)) || objects[0].ChecksumAlgorithm != strings.ToLower(string(a)) {
				t.Errorf("got %+v", objects)
			}
			got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(b, data) { // the client checks the checksum, too
				t.Errorf("got %d bytes (%v)", len(b), err)
			}
		})
	}
}

func TestPresigned(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "k", "v")
	p, err := s3.NewPresignClient(c).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) (int, string) {
		t.Helper()
		response, err := http.Get(url)
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
	if status, body := get(p.URL); status != 200 || body != "v" {
		t.Errorf("got %d %s", status, body)
	}
	status, body := get(p.URL + "&versionId=null")
	if got := refusal(t, status, body); got.Code != "SignatureDoesNotMatch" || got.Status != 403 {
		t.Errorf("changed: got %v", got)
	}
	s.Advance(2 * time.Minute)
	status, body = get(p.URL)
	if diff := cmp.Diff(awstest.Refused(403, "AccessDenied", "Request has expired"), refusal(t, status, body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVirtualHost(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "dir/k", "v")
	for _, host := range []string{bucket + ".localhost:80", bucket + ".s3.localhost", bucket + ".s3.amazonaws.com", bucket + ".s3.us-east-1.amazonaws.com"} {
		status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "GET", Host: host, Path: "/dir/k"})
		if status != 200 || body != "v" {
			t.Errorf("%s: got %d %s", host, status, body)
		}
	}
}
