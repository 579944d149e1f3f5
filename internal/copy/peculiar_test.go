package copy

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// patch changes the metadata of an object of the source bucket.
func (l *stand) patch(t *testing.T, name string, resource map[string]any) {
	t.Helper()
	l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket+"/o/"+escape(name, true), resource, nil)
}

// Case C4: a bucket with a default retention takes no part without a checksum.
func TestBucketsWithObjectLock(t *testing.T) {
	l := newStand(t)
	client := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin()))
	const bucket = "locked-bucket"
	region := types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(l.Env.AWSRegion)}
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket), CreateBucketConfiguration: &region, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: aws.String(bucket), ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled,
		Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1)}},
	}}); err != nil {
		t.Fatal(err)
	}
	l.allow(t, bucket, l.Env.AWSRegion)
	h := l.startSmall(t)
	for _, size := range []int{0, 100, 50_000, 300_000} {
		content := l.put(t, "object", size)
		if _, err := copyOne(h, invocation.Event{Object: "object", DestinationBucket: bucket}); err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		body, _ := l.AWS.S3().Read(bucket, "object")
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil || !bytes.Equal(data, content) {
			t.Errorf("%d bytes: S3 holds %d others, %v", size, len(data), err)
		}
	}
}

// Case C5: keys with characters that XML does not allow.
func TestKeysThatXMLCannotSay(t *testing.T) {
	for _, name := range []string{"test\x07.txt", "a\x01b/\x1f", "plain&<>'\".txt", "\uFFFE"} {
		l := newStand(t)
		h := l.startSmall(t)
		content := l.put(t, name, 200_000)
		l.fail(t, "aws/s3 POST: lose times=1") // so that the upload is looked for
		if _, err := copyOne(h, invocation.Event{Object: name}); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		l.FailAs(nil)
		l.holds(t, name, content)
	}
}

// Case C6: custom metadata whose names are no header names. The bytes are copied, what S3
// can hold is kept, and the rest is named.
func TestMetadataThatS3CannotHold(t *testing.T) {
	for _, size := range []int{10, 300_000} {
		l := newStand(t)
		h := l.startSmall(t)
		content := l.put(t, "object", size)
		l.patch(t, "object", map[string]any{"contentType": "text/x-kept", "contentLanguage": "ja", "cacheControl": "no-store", "metadata": map[string]string{
			"v1.namespace/width": "640", "my key": "x", "plain": "kept", "größe": "y", "title": "Übersicht", "Gcs-Generation": "theirs"}})
		got, err := copyOne(h, invocation.Event{Object: "object"})
		if err != nil {
			t.Fatal(err)
		}
		data, out := l.stored(t, "object")
		if want := []string{"Gcs-Generation", "größe", "my key", "v1.namespace/width"}; !slices.Equal(got.LeftOut, want) {
			t.Errorf("left out %q, want %q", got.LeftOut, want)
		}
		if !bytes.Equal(data, content) || out.Metadata["plain"] != "kept" || out.Metadata["title"] == "" || aws.ToString(out.ContentType) != "text/x-kept" || aws.ToString(out.ContentLanguage) != "ja" || aws.ToString(out.CacheControl) != "no-store" {
			t.Errorf("S3 holds %d bytes, %v, %+v", len(data), out.Metadata, out)
		}
		if out.Metadata["gcs-generation"] != fmt.Sprint(got.Generation) {
			t.Errorf("recorded generation %q, copied %d", out.Metadata["gcs-generation"], got.Generation)
		}
		if line := lines(t, l)[0]; line["level"] != "WARN" || fmt.Sprint(line["leftOut"]) != "[Gcs-Generation größe my key v1.namespace/width]" {
			t.Errorf("the log's line is %v", line)
		}
	}
}

// Each name alone: a name that can be read takes another way than one that cannot.
func TestEachNameOfMetadata(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	for _, tt := range []struct{ name, kept, leftOut string }{
		{"my key", "", "[my key]"},
		{"My Key", "", "[My Key]"},
		{"v1.namespace/width", "", "[v1.namespace/width]"},
		{"größe", "", "[größe]"},
		{"plain", "plain", "[]"},
		{"With-Case_and.dots", "with-case_and.dots", "[]"},
		{"gcs-crc32c", "", "[gcs-crc32c]"},
	} {
		l.put(t, "object", 10)
		l.patch(t, "object", map[string]any{"metadata": map[string]string{tt.name: "x"}})
		got, err := copyOne(h, invocation.Event{Object: "object"})
		if err != nil {
			t.Errorf("%q: %v", tt.name, err)
			continue
		}
		_, out := l.stored(t, "object")
		if !strings.EqualFold(fmt.Sprint(got.LeftOut), tt.leftOut) || tt.kept != "" && out.Metadata[tt.kept] != "x" {
			t.Errorf("%q: left out %q, want %s; S3 holds %v", tt.name, got.LeftOut, tt.leftOut, out.Metadata)
		}
	}
}

// Case C7: headers with characters that are not ASCII.
func TestHeadersThatAreNotASCII(t *testing.T) {
	for _, tt := range []struct{ field, value, header, want, err string }{
		{"contentDisposition", `attachment; filename="ä.pdf"`, "disposition", "attachment; filename*=utf-8''%C3%A4.pdf", ""},
		{"contentDisposition", `attachment; filename="報告 2026.pdf"; size=5`, "disposition", "attachment; filename*=utf-8''%E5%A0%B1%E5%91%8A%202026.pdf; size=5", ""},
		{"contentDisposition", `attachment; filename="a;b \" c.pdf"`, "disposition", `attachment; filename="a;b \" c.pdf"`, ""},
		{"contentType", `text/plain; name="ä.txt"`, "type", "text/plain; name*=utf-8''%C3%A4.txt", ""},
		{"contentDisposition", `ä`, "", "", `planning: `},
		{"contentLanguage", `dä`, "", "", `Content-Language: "dä": has characters that are not ASCII, which S3 does not take there`},
		{"cacheControl", `no-störe`, "", "", `Cache-Control: "no-störe": has characters that are not ASCII`},
		{"contentEncoding", `gzäp`, "", "", `Content-Encoding: "gzäp": has characters that are not ASCII`},
	} {
		o := &object{header: map[string][]string{}}
		o.header.Set(map[string]string{"contentDisposition": "Content-Disposition", "contentType": "Content-Type", "contentLanguage": "Content-Language",
			"cacheControl": "Cache-Control", "contentEncoding": "Content-Encoding"}[tt.field], tt.value)
		header, _, err := metadata(o)
		if tt.err != "" {
			if err == nil || !strings.Contains("planning: "+err.Error(), tt.err) {
				t.Errorf("%s %q: %v, want %q", tt.field, tt.value, err, tt.err)
			}
			continue
		}
		if got := slices.Collect(maps.Values(header)); err != nil || !slices.ContainsFunc(got, func(v []string) bool { return v[0] == tt.want }) {
			t.Errorf("%s %q: %v, %v, want %q", tt.field, tt.value, got, err, tt.want)
		}
	}
	l := newStand(t)
	content := l.put(t, "object", 10)
	l.patch(t, "object", map[string]any{"contentDisposition": `attachment; filename="ä.pdf"`})
	if _, err := copyOne(l.start(t), invocation.Event{Object: "object"}); err != nil {
		t.Fatal(err)
	}
	if data, out := l.stored(t, "object"); !bytes.Equal(data, content) || aws.ToString(out.ContentDisposition) != "attachment; filename*=utf-8''%C3%A4.pdf" {
		t.Errorf("S3 holds %d bytes with %q", len(data), aws.ToString(out.ContentDisposition))
	}
}

// Case C8: Cloud Storage unpacks what is compressed twice.
func TestUnpackedOnTheWay(t *testing.T) {
	l := newStand(t)
	packed := gzipped(t)
	l.Upload(t, l.Env.SourceBucket, "packed", "application/gzip", bytes.NewReader(packed))
	l.patch(t, "packed", map[string]any{"contentEncoding": "gzip"})
	h := l.start(t)
	_, err := copyOne(h, invocation.Event{Object: "packed"})
	var failed *TransferError
	if !errors.As(err, &failed) || failed.Operation != "planning" || failed.Attempts != 1 || !strings.Contains(err.Error(), "was unpacked by Cloud Storage on its way") {
		t.Fatalf("Handle() = %v", err)
	}
	l.patch(t, "packed", map[string]any{"cacheControl": "no-transform"}) // the hint
	if _, err := copyOne(h, invocation.Event{Object: "packed"}); err != nil {
		t.Fatalf("after the hint: %v", err)
	}
	if data, out := l.stored(t, "packed"); !bytes.Equal(data, packed) || aws.ToString(out.ContentEncoding) != "gzip" {
		t.Errorf("S3 holds %d bytes with encoding %q", len(data), aws.ToString(out.ContentEncoding))
	}
}

// Case C14: a bucket of another region is named as one.
func TestBucketsOfOtherRegions(t *testing.T) {
	l := newStand(t)
	client := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin()), func(o *s3.Options) { o.Region = "eu-west-1" })
	const bucket = "far-away-bucket"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	l.allow(t, bucket, "eu-west-1")
	h := l.startSmall(t)
	for _, size := range []int{10, 300_000} {
		for _, overwrite := range invocation.Overwrites() {
			l.put(t, "object", size)
			_, err := copyOne(h, invocation.Event{Object: "object", DestinationBucket: bucket, Overwrite: overwrite})
			var failed *TransferError
			if !errors.As(err, &failed) || failed.Attempts != 1 || !strings.Contains(err.Error(), "S3 answered 301") ||
				!strings.Contains(err.Error(), "the bucket is in eu-west-1, and the function cannot write to another region") {
				t.Errorf("%d bytes, %s: Handle() = %v", size, overwrite, err)
			}
		}
	}
}

// allow gives the function's role all rights to a bucket in a region.
func (l *stand) allow(t *testing.T, bucket, region string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:role/%s"},"Action":"s3:*","Resource":["arn:aws:s3:::%[3]s","arn:aws:s3:::%[3]s/*"]}]}`, l.Env.AWSAccount, l.Env.Role, bucket)
	client := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin()), func(o *s3.Options) { o.Region = region })
	if _, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}

// Case C17: a bucket whose requesters pay.
func TestRequesterPays(t *testing.T) {
	l := newStand(t)
	small, big := l.put(t, "many/small", 100), l.put(t, "many/big", 300_000)
	l.patch(t, "many/small", map[string]any{"metadata": map[string]string{"my key": "x"}}) // by the JSON API, too
	l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket, map[string]any{"billing": map[string]any{"requesterPays": true}}, nil)
	if _, err := copyOne(l.startSmall(t), invocation.Event{Object: "many/small"}); err == nil || !strings.Contains(err.Error(), "Cloud Storage answered 400 UserProjectMissing") {
		t.Errorf("without a project that pays: %v", err)
	}
	l.env[invocation.EnvBillingProject] = l.Env.GoogleProject
	if _, err := copyOne(l.startSmall(t), invocation.Event{Object: "many/small"}); err == nil || !strings.Contains(err.Error(), "serviceusage.services.use") {
		t.Errorf("without the right to make the project pay: %v", err)
	}
	l.Bind(t, "/v1/projects/"+l.Env.GoogleProject, "roles/serviceusage.serviceUsageConsumer", "serviceAccount:"+l.Env.ServiceAccountEmail())
	if got := copyMany(t, l.startSmall(t), t.Context(), event(t, `{"prefix":"many/"}`)); got.Copied != 2 {
		t.Errorf("result %+v", got)
	}
	l.holds(t, "many/small", small)
	l.holds(t, "many/big", big)
}

// Case C15: an object that a customer's own key encrypts cannot be looked at.
func TestWhatCannotBeLookedAtIsDifferent(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	key := bytes.Repeat([]byte("k"), 32)
	sum := md5.Sum(key)
	client := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin()))
	// New buckets block such writes: Amazon S3 User Guide, "Using server-side encryption with customer-provided keys".
	if _, err := client.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: &l.Env.DestinationBucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
			BlockedEncryptionTypes: &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{types.EncryptionTypeNone}}}}}}); err != nil {
		t.Fatal(err)
	}
	theirs := func() {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &l.Env.DestinationBucket, Key: aws.String("object"), Body: strings.NewReader("theirs"),
			SSECustomerAlgorithm: aws.String("AES256"), SSECustomerKey: aws.String(base64.StdEncoding.EncodeToString(key)), SSECustomerKeyMD5: aws.String(base64.StdEncoding.EncodeToString(sum[:]))}); err != nil {
			t.Fatal(err)
		}
	}
	content := l.put(t, "object", 100)
	theirs()
	if _, err := copyOne(h, invocation.Event{Object: "object", Overwrite: "if-absent"}); err == nil || !strings.Contains(err.Error(), "the destination exists and may be different") {
		t.Errorf("if absent: %v", err)
	}
	if got, err := copyOne(h, invocation.Event{Object: "object", Overwrite: "if-different"}); err != nil || got.Outcome != "copied" {
		t.Errorf("if different: %+v, %v", got, err)
	}
	l.holds(t, "object", content)
}

func TestDocumentsThatXMLDoesNotAllow(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<A><Key>a&#x7;b&#12;&#x1F;</Key><UploadId>id</UploadId></A>", "<A><Key>a\x07\uFFFE\xffb</Key><UploadId>id</UploadId></A>", "<A><Key>&#x41;&amp;&#xFFFE;</Key><UploadId>id</UploadId></A>"} {
		var got struct {
			Key      string
			UploadID string `xml:"UploadId"`
		}
		if err := parseXML([]byte(text), &got); err != nil || got.UploadID != "id" || got.Key == "" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if err := parseXML([]byte("<A><Key>"), new(struct{ Key string })); err == nil {
		t.Error("a document that breaks off is read")
	}
}
