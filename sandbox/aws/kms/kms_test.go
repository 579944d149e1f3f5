package kms_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

// create makes a key, with the default policy if there is none.
func create(t *testing.T, c *sdk.Client, policy string) string {
	t.Helper()
	in := &sdk.CreateKeyInput{Description: ptr("of a test"), Tags: []types.Tag{{TagKey: ptr("team"), TagValue: ptr("data")}}}
	if policy != "" {
		in.Policy = &policy
	}
	out, err := c.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	arn := create(t, c, "")
	state := func() types.KeyState {
		t.Helper()
		out, err := c.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return out.KeyMetadata.KeyState
	}
	if got := state(); got != types.KeyStateEnabled || !strings.HasPrefix(arn, "arn:aws:kms:us-east-1:111122223333:key/") {
		t.Errorf("%s is %s", arn, got)
	}
	list, err := c.ListKeys(ctx, &sdk.ListKeysInput{})
	if err != nil || len(list.Keys) != 1 || *list.Keys[0].KeyArn != arn {
		t.Errorf("ListKeys() = %+v, %v", list, err)
	}
	tags, err := c.ListResourceTags(ctx, &sdk.ListResourceTagsInput{KeyId: &arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].TagValue != "data" {
		t.Errorf("ListResourceTags() = %+v, %v", tags, err)
	}
	policy, err := c.GetKeyPolicy(ctx, &sdk.GetKeyPolicyInput{KeyId: &arn})
	if err != nil || !strings.Contains(*policy.Policy, `"AWS":"arn:aws:iam::111122223333:root"`) {
		t.Errorf("GetKeyPolicy() = %+v, %v", policy, err)
	}
	if _, err := c.DisableKey(ctx, &sdk.DisableKeyInput{KeyId: &arn}); err != nil || state() != types.KeyStateDisabled {
		t.Errorf("DisableKey: %v", err)
	}
	if _, err := c.EnableKey(ctx, &sdk.EnableKeyInput{KeyId: &arn}); err != nil || state() != types.KeyStateEnabled {
		t.Errorf("EnableKey: %v", err)
	}
	if _, err := c.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: ptr(int32(7))}); err != nil || state() != types.KeyStatePendingDeletion {
		t.Errorf("ScheduleKeyDeletion: %v", err)
	}

	lockout := func(policy string) error {
		_, err := c.CreateKey(ctx, &sdk.CreateKeyInput{Policy: &policy})
		return err
	}
	_, missing := c.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: ptr("1234")})
	_, asymmetric := c.CreateKey(ctx, &sdk.CreateKeyInput{KeySpec: types.KeySpecRsa2048})
	_, alias := c.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: ptr("alias/mine")})
	_, enable := c.EnableKey(ctx, &sdk.EnableKeyInput{KeyId: &arn})
	_, soon := c.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: ptr(int32(6))})
	for name, tt := range map[string]struct {
		err  error
		want awstest.Refusal
	}{
		"locked out":    {lockout(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/other"},"Action":"kms:*","Resource":"*"}]}`), awstest.Refused(400, "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")},
		"not a policy":  {lockout("{"), awstest.Refused(400, "MalformedPolicyDocumentException", "This policy contains invalid Json")},
		"no such key":   {missing, awstest.Refused(400, "NotFoundException", "Key 'arn:aws:kms:us-east-1:111122223333:key/1234' does not exist")},
		"asymmetric":    {asymmetric, awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter KeySpec RSA_2048.")},
		"an alias":      {alias, awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter KeyId alias/mine.")},
		"on its way":    {enable, awstest.Refused(400, "KMSInvalidStateException", arn+" is pending deletion.")},
		"a window less": {soon, awstest.Refused(400, "ValidationException", "1 validation error detected: Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value between 7 and 30")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// objects is S3 as a role uses it, with a key.
type objects struct {
	*testing.T
	*s3.Client
	key string
}

func newObjects(t *testing.T, s *awstest.Server, creds api.Credentials, key string) objects {
	return objects{t, s3.NewFromConfig(s.Config(creds), func(o *s3.Options) { o.UsePathStyle = true }), key}
}

func (o objects) put() error {
	_, err := o.PutObject(o.Context(), &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("one"), Body: strings.NewReader("content"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &o.key})
	return err
}

func (o objects) get() error {
	out, err := o.GetObject(o.Context(), &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("one")})
	if err != nil {
		return err
	}
	if data, err := io.ReadAll(out.Body); err != nil || string(data) != "content" || out.ServerSideEncryption != s3types.ServerSideEncryptionAwsKms || *out.SSEKMSKeyId != o.key {
		o.Errorf("got %q, %v with %s of %s", data, err, out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId))
	}
	return nil
}

func (o objects) upload() error {
	ctx := o.Context()
	created, err := o.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("parts"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &o.key})
	if err != nil {
		return err
	}
	part, err := o.UploadPart(ctx, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("parts"), UploadId: created.UploadId, PartNumber: ptr(int32(1)), Body: bytes.NewReader([]byte("content"))})
	if err != nil {
		return err
	}
	_, err = o.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("parts"), UploadId: created.UploadId,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: part.ETag}}}})
	return err
}

// TestKeysOfObjects: who writes needs kms:GenerateDataKey, who reads or uploads in
// parts kms:Decrypt, through S3.
func TestKeysOfObjects(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	admin := sdk.NewFromConfig(s.Config(s.Admin()))
	key := create(t, admin, "")
	owner := newObjects(t, s, s.Admin(), key)
	if _, err := owner.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr("bucket")}); err != nil {
		t.Fatal(err)
	}
	as := func(role, actions, condition string) objects {
		t.Helper()
		return newObjects(t, s, awstest.Session(t, s, role, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
			{"Effect":"Allow","Action":[`+actions+`],"Resource":"`+key+`"`+condition+`}]}`, time.Hour), key)
	}
	const viaS3 = `,"Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com","kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::bucket/one"}}`
	denied := func(role, action string) awstest.Refusal {
		return awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/"+role+"/session is not authorized to perform: "+action+" on resource: "+key+" because no identity-based policy allows the "+action+" action")
	}
	both, writer, reader, nobody := as("both", `"kms:GenerateDataKey","kms:Decrypt"`, ""), as("writer", `"kms:GenerateDataKey"`, viaS3), as("reader", `"kms:Decrypt"`, ""), as("nobody", `"kms:ListGrants"`, "")
	elsewhere := as("elsewhere", `"kms:*"`, `,"Condition":{"StringEquals":{"kms:ViaService":"sqs.us-east-1.amazonaws.com"}}`)
	for _, tt := range []struct {
		name string
		err  error
		want awstest.Refusal
	}{
		{"both put", both.put(), awstest.Refusal{}},
		{"both get", both.get(), awstest.Refusal{}},
		{"both upload", both.upload(), awstest.Refusal{}},
		{"writer puts", writer.put(), awstest.Refusal{}},
		{"writer gets", writer.get(), denied("writer", "kms:Decrypt")},
		{"reader gets", reader.get(), awstest.Refusal{}},
		{"reader puts", reader.put(), denied("reader", "kms:GenerateDataKey")},
		{"nobody gets", nobody.get(), denied("nobody", "kms:Decrypt")},
		{"for another service", elsewhere.get(), denied("elsewhere", "kms:Decrypt")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}

	// Its policy comes before everybody's own.
	if _, err := admin.PutKeyPolicy(t.Context(), &sdk.PutKeyPolicyInput{KeyId: &key, Policy: ptr(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/sandbox-admin"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/nobody"},"Action":"kms:Decrypt","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if err := nobody.get(); err != nil {
		t.Errorf("by the key's policy: %v", err)
	}
	want := denied("reader", "kms:Decrypt")
	want.Message = strings.Replace(want.Message, "identity-based", "resource-based", 1)
	if diff := cmp.Diff(want, awstest.RefusalOf(t, reader.get())); diff != "" {
		t.Errorf("against the key's policy (-want +got):\n%s", diff)
	}

	if _, err := admin.DisableKey(t.Context(), &sdk.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(awstest.Refused(400, "KMS.DisabledException", key+" is disabled."), awstest.RefusalOf(t, owner.get())); diff != "" {
		t.Errorf("a disabled key (-want +got):\n%s", diff)
	}
	for id, want := range map[string]awstest.Refusal{
		"arn:aws:kms:us-east-1:111122223333:key/none": awstest.Refused(400, "KMS.NotFoundException", "Key 'arn:aws:kms:us-east-1:111122223333:key/none' does not exist"),
		"arn:aws:kms:eu-west-1:111122223333:key/none": awstest.Refused(400, "KMS.NotFoundException", "Invalid arn eu-west-1"),
	} {
		owner.key = id
		if diff := cmp.Diff(want, awstest.RefusalOf(t, owner.put())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

// TestClientsUseNoKeys: only services do.
func TestClientsUseNoKeys(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := sdk.NewFromConfig(s.Config(s.Admin()))
	arn := create(t, c, "")
	_, err := c.GenerateDataKey(t.Context(), &sdk.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
	if got := awstest.RefusalOf(t, err); got.Code != "UnknownOperationException" {
		t.Errorf("GenerateDataKey() = %v, want it unknown: %v", got, errors.Unwrap(err))
	}
}
