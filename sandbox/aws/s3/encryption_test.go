package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// encrypt sets the default encryption of the bucket.
func encrypt(t *testing.T, c *s3.Client, rule types.ServerSideEncryptionRule) error {
	t.Helper()
	_, err := c.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket:                            ptr(bucket),
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
	})
	return err
}

// A bucket's default key of KMS needs the rights to it of every writer and reader, as
// a key in the request does; see "Using server-side encryption with AWS KMS keys
// (SSE-KMS)" and, for uploads in parts, "Multipart upload API and permissions".
func TestDefaultKey(t *testing.T) {
	t.Parallel()
	s, admin := start(t)
	ctx := t.Context()
	made, err := kms.NewFromConfig(s.Config(s.Admin())).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := *made.KeyMetadata.Arn
	if err := encrypt(t, admin, types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
		SSEAlgorithm: "aws:kms", KMSMasterKeyID: made.KeyMetadata.KeyId, // a bare id, which stays one
	}}); err != nil {
		t.Fatal(err)
	}
	got, err := admin.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: ptr(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	rule := got.ServerSideEncryptionConfiguration.Rules[0]
	key, blocked := *rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID, rule.BlockedEncryptionTypes.EncryptionType
	if key != *made.KeyMetadata.KeyId || len(blocked) != 1 || blocked[0] != "SSE-C" {
		t.Errorf("got %+v", rule)
	}
	clients := map[string]*s3.Client{}
	for role, actions := range map[string]string{
		"neither": `"s3:*"`, "writer": `"s3:*","kms:GenerateDataKey"`, "both": `"s3:*","kms:GenerateDataKey","kms:Decrypt"`,
	} {
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}]}`
		clients[role] = client(s, awstest.Session(t, s, role, policy, time.Hour))
	}
	nobody := func(role, action string) awstest.Refusal {
		return awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/"+role+"/session is not authorized "+
			"to perform: "+action+" on resource: "+arn+" because no identity-based policy allows the "+action+" action")
	}
	write := func(role string) error {
		out, err := clients[role].PutObject(ctx, &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v")})
		if err == nil && (out.ServerSideEncryption != "aws:kms" || *out.SSEKMSKeyId != arn || out.BucketKeyEnabled != nil) {
			t.Errorf("%s: got %+v", role, out)
		}
		return err
	}
	read := func(role string) error {
		_, err := clients[role].GetObject(ctx, &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
		return err
	}
	head := func(role string, mode types.ChecksumMode) error {
		_, err := clients[role].HeadObject(ctx, &s3.HeadObjectInput{Bucket: ptr(bucket), Key: ptr("k"), ChecksumMode: mode})
		return err
	}
	begin := func(role string) (*string, error) {
		out, err := clients[role].CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("k")})
		if err != nil {
			return nil, err
		}
		return out.UploadId, nil
	}
	_, refused := begin("neither")
	id, begun := begin("writer")
	part := func(role string) error {
		_, err := clients[role].UploadPart(ctx, &s3.UploadPartInput{
			Bucket: ptr(bucket), Key: ptr("k"), UploadId: id, PartNumber: ptr(int32(1)), Body: strings.NewReader("v"),
		})
		return err
	}
	for _, test := range []struct {
		name string
		err  error
		want awstest.Refusal
	}{
		{"writing without a right", write("neither"), nobody("neither", "kms:GenerateDataKey")},
		{"writing", write("writer"), awstest.Refusal{}},
		{"reading without the right", read("writer"), nobody("writer", "kms:Decrypt")},
		{"reading", read("both"), awstest.Refusal{}},
		{"looking", head("neither", ""), awstest.Refusal{}},
		{"looking at the checksum without the right", head("neither", types.ChecksumModeEnabled),
			awstest.Refused(403, "Forbidden", "Forbidden")},
		{"looking at the checksum", head("both", types.ChecksumModeEnabled), awstest.Refusal{}},
		{"beginning an upload without a right", refused, nobody("neither", "kms:GenerateDataKey")},
		{"beginning an upload", begun, awstest.Refusal{}},
		{"a part without the right", part("writer"), nobody("writer", "kms:Decrypt")},
		{"a part", part("both"), awstest.Refusal{}},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	out, err := clients["neither"].PutObject(ctx, &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr("own"), Body: strings.NewReader("v"), ServerSideEncryption: "AES256",
	})
	if err != nil || out.ServerSideEncryption != "AES256" {
		t.Errorf("a request that says otherwise: got %+v (%v)", out, err)
	}
	if _, err := admin.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: ptr(bucket)}); err != nil {
		t.Fatal(err)
	}
	out, err = clients["neither"].PutObject(ctx, &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v")})
	if err != nil || out.ServerSideEncryption != "AES256" {
		t.Errorf("without a default key: got %+v (%v)", out, err)
	}
}

// With a bucket key, it is the bucket that a key's policy sees as the context.
func TestBucketKey(t *testing.T) {
	t.Parallel()
	s, admin := start(t)
	ctx := t.Context()
	made, err := kms.NewFromConfig(s.Config(s.Admin())).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	writer := client(s, awstest.Session(t, s, "writer", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"},
		{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*","Condition":{"StringEquals":
			{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::some-bucket"}}}]}`, time.Hour))
	for _, on := range []bool{false, true} {
		byDefault := &types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms", KMSMasterKeyID: made.KeyMetadata.Arn}
		rule := types.ServerSideEncryptionRule{BucketKeyEnabled: &on, ApplyServerSideEncryptionByDefault: byDefault}
		if err := encrypt(t, admin, rule); err != nil {
			t.Fatal(err)
		}
		out, err := writer.PutObject(ctx, &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v")})
		if got := awstest.RefusalOf(t, err); (got.Status == 0) != on || on && !*out.BucketKeyEnabled {
			t.Errorf("with a bucket key %t: got %v, %+v", on, got, out)
		}
	}
}

func TestEncryptionRefusals(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const malformed = "The XML you provided was not well-formed or did not validate against our published schema"
	by := func(algorithm types.ServerSideEncryption, key *string) types.ServerSideEncryptionRule {
		byDefault := &types.ServerSideEncryptionByDefault{SSEAlgorithm: algorithm, KMSMasterKeyID: key}
		return types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: byDefault}
	}
	for name, test := range map[string]struct {
		rule types.ServerSideEncryptionRule
		want awstest.Refusal
	}{
		"nothing":           {types.ServerSideEncryptionRule{}, awstest.Refused(400, "MalformedXML", malformed)},
		"another algorithm": {by("ROT13", nil), awstest.Refused(400, "MalformedXML", malformed)},
		// localstack/localstack, test_s3_default_bucket_encryption_exc, recorded with AWS.
		"S3's own with a key": {by("AES256", ptr("k")), awstest.Refused(400, "InvalidArgument",
			"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")},
		"a key that is none": {by("aws:kms", ptr("none")), awstest.Refusal{}}, // PutBucketEncryption (Amazon S3 API Reference)
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, encrypt(t, c, test.rule))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := encrypt(t, c, by("aws:kms", ptr("none"))); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v")})
	if got := awstest.RefusalOf(t, err); got.Status != 400 || got.Code != "KMS.NotFoundException" {
		t.Errorf("writing with a key that is none: got %v", got)
	}
}

// customer is a key of a customer's, as requests send it.
func customer(letter string) (key, sum string) {
	raw := strings.Repeat(letter, 32)
	digest := md5.Sum([]byte(raw))
	return base64.StdEncoding.EncodeToString([]byte(raw)), base64.StdEncoding.EncodeToString(digest[:])
}

// startCustomers starts a cloud whose bucket takes objects under customers' keys,
// which new buckets do not: "Blocking or unblocking SSE-C for a general purpose bucket".
func startCustomers(t *testing.T) (*awstest.Server, *s3.Client) {
	t.Helper()
	s, c := start(t)
	none := &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{types.EncryptionTypeNone}}
	if err := encrypt(t, c, types.ServerSideEncryptionRule{BlockedEncryptionTypes: none}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// An object under a customer's key is written and read with it: "Using server-side
// encryption with customer-provided keys (SSE-C)". Without it a HEAD is 400, without
// a body: boto/boto3, issue 936.
func TestCustomerKeys(t *testing.T) {
	t.Parallel()
	s, c := startCustomers(t)
	ctx := t.Context()
	key, sum := customer("a")
	other, _ := customer("b")
	put(t, c, "plain", "v")
	out, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v"), SSECustomerAlgorithm: ptr("AES256"), SSECustomerKey: &key,
	})
	if err != nil {
		t.Fatal(err)
	}
	const md5OfV = `"9e3669d19b675bd57058fd4664205d2a"`
	if *out.SSECustomerKeyMD5 != sum || out.ServerSideEncryption != "" || *out.ETag == md5OfV {
		t.Errorf("got %+v", out)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{
		Bucket: ptr(bucket), Key: ptr("k"), SSECustomerAlgorithm: ptr("AES256"), SSECustomerKey: &key,
	})
	if err != nil || *got.SSECustomerKeyMD5 != sum {
		t.Fatalf("got %+v (%v)", got, err)
	}
	if b, err := io.ReadAll(got.Body); err != nil || string(b) != "v" {
		t.Errorf("got %q (%v)", b, err)
	}
	head := func(object string, key *string) error {
		in := &s3.HeadObjectInput{Bucket: ptr(bucket), Key: &object}
		if key != nil {
			in.SSECustomerAlgorithm, in.SSECustomerKey = ptr("AES256"), key
		}
		_, err := c.HeadObject(ctx, in)
		return err
	}
	read := func(object string, key *string) error {
		in := &s3.GetObjectInput{Bucket: ptr(bucket), Key: &object}
		if key != nil {
			in.SSECustomerAlgorithm, in.SSECustomerKey = ptr("AES256"), key
		}
		_, err := c.GetObject(ctx, in)
		return err
	}
	for _, test := range []struct {
		name string
		err  error
		want awstest.Refusal
	}{
		{"a HEAD with the key", head("k", &key), awstest.Refusal{}},
		{"a HEAD without it", head("k", nil), awstest.Refused(400, "BadRequest", "Bad Request")},
		{"a HEAD with another", head("k", &other), awstest.Refused(403, "Forbidden", "Forbidden")},
		{"a GET without it", read("k", nil), awstest.Refused(400, "InvalidRequest",
			"The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")},
		{"a GET with another", read("k", &other), awstest.Refused(403, "AccessDenied",
			"Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.")},
		{"a GET of what has none", read("plain", &key),
			awstest.Refused(400, "InvalidRequest", "The encryption parameters are not applicable to this object.")},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	r := s.Request(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "HEAD", Path: "/" + bucket + "/k"})
	response, err := awshttp.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || len(body) > 0 || response.StatusCode != 400 || response.Header.Get("Etag") != "" {
		t.Errorf("a HEAD without the key: got %d %q %v (%v)", response.StatusCode, body, response.Header, err)
	}
}

// The refusals are those that localstack/localstack recorded with AWS in its tests of
// SSE-C; that of a bucket which blocks it is of "Troubleshoot access denied (403
// Forbidden) errors in Amazon S3".
func TestCustomerKeyRefusals(t *testing.T) {
	t.Parallel()
	s, c := startCustomers(t)
	key, sum := customer("a")
	_, otherSum := customer("b")
	const requests = "Requests specifying Server Side Encryption with Customer provided keys must provide "
	argument := func(message string) awstest.Refusal { return awstest.Refused(400, "InvalidArgument", message) }
	for name, test := range map[string]struct {
		header map[string]string
		want   awstest.Refusal
	}{
		"without the MD5": {map[string]string{"-Customer-Algorithm": "AES256", "-Customer-Key": key}, awstest.Refusal{Status: 200}},
		"without an algorithm": {map[string]string{"-Customer-Key": key, "-Customer-Key-Md5": sum},
			argument(requests + "a valid encryption algorithm.")},
		"without a key": {map[string]string{"-Customer-Algorithm": "AES256"}, argument(requests + "an appropriate secret key.")},
		"another algorithm": {map[string]string{"-Customer-Algorithm": "AES128", "-Customer-Key": key},
			awstest.Refused(400, "InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid. Supported value: AES256.")},
		"another MD5": {map[string]string{"-Customer-Algorithm": "AES256", "-Customer-Key": key, "-Customer-Key-Md5": otherSum},
			argument("The calculated MD5 hash of the key did not match the hash that was provided.")},
		"a short key": {map[string]string{"-Customer-Algorithm": "AES256", "-Customer-Key": "c2hvcnQ="},
			argument("The secret key was invalid for the specified algorithm.")},
		"S3's own key, too": {map[string]string{"-Customer-Algorithm": "AES256", "-Customer-Key": key, "": "AES256"},
			argument("Server Side Encryption with Customer provided key is incompatible with the encryption method specified")},
	} {
		header := http.Header{}
		for k, v := range test.header {
			header["X-Amz-Server-Side-Encryption"+k] = []string{v}
		}
		status, body := s.Do(t, awstest.Call{
			Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "/k", Header: header, Body: "v",
		})
		got := awstest.Refusal{Status: status}
		if body != "" {
			got = refusal(t, status, body)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr("new-bucket")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: ptr("new-bucket"), Key: ptr("k"), Body: strings.NewReader("v"), SSECustomerAlgorithm: ptr("AES256"), SSECustomerKey: &key,
	})
	want := awstest.Refused(403, "AccessDenied", `User: arn:aws:iam::111122223333:user/sandbox-admin is not authorized to perform: `+
		`s3:PutObject on resource: "arn:aws:s3:::new-bucket/k" because this bucket has blocked upload requests that specify `+
		`Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type`)
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every part of an upload comes with the key that it began with: aws/aws-sdk-ruby,
// issue 1084.
func TestCustomerKeysOfUploads(t *testing.T) {
	t.Parallel()
	_, c := startCustomers(t)
	ctx := t.Context()
	key, _ := customer("a")
	other, _ := customer("b")
	algorithm := ptr("AES256")
	begun, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: ptr(bucket), Key: ptr("big"), SSECustomerAlgorithm: algorithm, SSECustomerKey: &key,
	})
	if err != nil {
		t.Fatal(err)
	}
	part := func(key *string) (*s3.UploadPartOutput, error) {
		in := &s3.UploadPartInput{
			Bucket: ptr(bucket), Key: ptr("big"), UploadId: begun.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("v"),
		}
		if key != nil {
			in.SSECustomerAlgorithm, in.SSECustomerKey = algorithm, key
		}
		return c.UploadPart(ctx, in)
	}
	_, without := part(nil)
	want := awstest.Refused(400, "InvalidRequest", "The multipart upload initiate requested encryption. "+
		"Subsequent part requests must include the appropriate encryption parameters.")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, without)); diff != "" {
		t.Errorf("without the key (-want +got):\n%s", diff)
	}
	_, another := part(&other)
	want = awstest.Refused(400, "InvalidRequest", "The provided encryption parameters did not match the ones used originally.")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, another)); diff != "" {
		t.Errorf("with another key (-want +got):\n%s", diff)
	}
	out, err := part(&key)
	if err != nil {
		t.Fatal(err)
	}
	first := types.CompletedPart{PartNumber: ptr(int32(1)), ETag: out.ETag}
	if _, err := complete(c, t, begun.UploadId, s3.CompleteMultipartUploadInput{}, first); err != nil {
		t.Error(err)
	}
}
