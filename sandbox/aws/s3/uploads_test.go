package s3_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// What an upload needs to go on elsewhere: which parts are there, and their
// checksums; see ListParts (Amazon S3 API Reference).
func TestListParts(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	id := begin(t, c, s3.CreateMultipartUploadInput{
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
	})
	list := func(after string, most int32) *s3.ListPartsOutput {
		t.Helper()
		in := &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id, MaxParts: &most}
		if after != "" {
			in.PartNumberMarker = &after
		}
		out, err := c.ListParts(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := list("", 1000); len(out.Parts) != 0 || *out.IsTruncated || *out.NextPartNumberMarker != "0" {
		t.Errorf("without parts: %+v", out)
	}
	for _, n := range []int32{1, 2, 4, 7, 8} { // with and without a checksum of the client's
		a := types.ChecksumAlgorithmCrc32c
		if n == 4 {
			a = ""
		}
		upload(t, c, id, n, fmt.Appendf(nil, "part %d", n), a)
	}
	upload(t, c, id, 2, []byte("another part 2"), types.ChecksumAlgorithmCrc32c)
	var got []string
	for after, pages := "", 0; ; pages++ {
		out := list(after, 2)
		if out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc32c || out.ChecksumType != types.ChecksumTypeFullObject || *out.MaxParts != 2 {
			t.Errorf("got %+v", out)
		}
		for _, p := range out.Parts {
			got = append(got, fmt.Sprint(*p.PartNumber, " ", *p.Size, " ", *p.ChecksumCRC32C))
		}
		if !*out.IsTruncated {
			if pages != 2 {
				t.Errorf("%d further pages, want 2", pages)
			}
			break
		}
		after = *out.NextPartNumberMarker
	}
	want := []string{
		"1 6 " + crc32c([]byte("part 1")), "2 14 " + crc32c([]byte("another part 2")), "4 6 " + crc32c([]byte("part 4")),
		"7 6 " + crc32c([]byte("part 7")), "8 6 " + crc32c([]byte("part 8")),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if out := list("8", 1000); len(out.Parts) != 0 || *out.IsTruncated {
		t.Errorf("after the last: %+v", out)
	}
	_, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr("other"), UploadId: id})
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchUpload" {
		t.Errorf("another key's: got %v, want NoSuchUpload", got)
	}
}

// A part that was sent again is the newer one, and the older one's ETag is of no
// part any more; see UploadPart (Amazon S3 API Reference).
func TestPartIsReplaced(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	id := begin(t, c, s3.CreateMultipartUploadInput{})
	old := upload(t, c, id, 1, []byte("old"), types.ChecksumAlgorithmCrc32c)
	now := upload(t, c, id, 1, []byte("new"), types.ChecksumAlgorithmCrc32c)
	_, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, old)
	if got := awstest.RefusalOf(t, err); got.Code != "InvalidPart" {
		t.Errorf("completing with the older part: got %v, want InvalidPart", got)
	}
	if _, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, now); err != nil {
		t.Fatal(err)
	}
	if o := s.S3().Objects(bucket)[0]; o.Size != 3 || o.ChecksumAlgorithm != "crc64nvme" {
		t.Errorf("got %+v", o)
	}
}

// The rights of multipart uploads; see "Multipart upload and permissions".
func TestUploadRights(t *testing.T) {
	t.Parallel()
	s, admin := start(t)
	id := begin(t, admin, s3.CreateMultipartUploadInput{})
	const arn = "arn:aws:s3:::some-bucket"
	writer := client(s, awstest.Session(t, s, "writer", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::some-bucket/*"}]}`, time.Hour))
	upload(t, writer, id, 1, []byte("x"), types.ChecksumAlgorithmCrc32c)
	nobody := func(action, resource string) awstest.Refusal {
		return denied("writer", action, resource, "because no identity-based policy allows the "+action+" action")
	}
	_, parts := writer.ListParts(t.Context(), &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id})
	_, uploads := writer.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: ptr(bucket)})
	_, abort := writer.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id})
	_, read := writer.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: ptr(bucket)})
	_, write := writer.PutBucketLifecycleConfiguration(t.Context(), abortAfter(1, nil))
	_, remove := writer.DeleteBucketLifecycle(t.Context(), &s3.DeleteBucketLifecycleInput{Bucket: ptr(bucket)})
	for _, test := range []struct {
		err  error
		want awstest.Refusal
	}{
		{parts, nobody("s3:ListMultipartUploadParts", arn+"/big")},
		{uploads, nobody("s3:ListBucketMultipartUploads", arn)},
		{abort, nobody("s3:AbortMultipartUpload", arn+"/big")},
		{read, nobody("s3:GetLifecycleConfiguration", arn)},
		{write, nobody("s3:PutLifecycleConfiguration", arn)},
		{remove, nobody("s3:PutLifecycleConfiguration", arn)},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Pages of uploads by key and id, with prefix and encoding.
func TestListUploads(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ctx := t.Context()
	ids := map[string][]string{}
	for _, key := range []string{"a", "b/1", "b/2 +", "b/1", "c", "b/1"} {
		out, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: ptr(bucket), Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids[key] = append(ids[key], *out.UploadId)
		s.Advance(time.Second) // of each key the oldest comes first
	}
	list := func(in s3.ListMultipartUploadsInput) *s3.ListMultipartUploadsOutput {
		t.Helper()
		in.Bucket = ptr(bucket)
		out, err := c.ListMultipartUploads(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for size := int32(1); size <= 7; size++ {
		in := s3.ListMultipartUploadsInput{MaxUploads: &size, Prefix: ptr("b/"), EncodingType: types.EncodingTypeUrl}
		var got []string
		for {
			out := list(in)
			for _, u := range out.Uploads {
				got = append(got, *u.Key+" "+*u.UploadId)
				if u.ChecksumAlgorithm != "CRC32C" || u.ChecksumType != "COMPOSITE" || u.StorageClass != "STANDARD" {
					t.Errorf("got %+v", u)
				}
			}
			// Also where no page follows, these are of the last one: versity/versitygw, issue 2144.
			if n := len(out.Uploads); *out.NextKeyMarker != *out.Uploads[n-1].Key || *out.NextUploadIdMarker != *out.Uploads[n-1].UploadId {
				t.Errorf("by %d: the next page begins after %s %s", size, *out.NextKeyMarker, *out.NextUploadIdMarker)
			}
			if !*out.IsTruncated {
				break
			}
			key := strings.NewReplacer("%2B", "+", "+", " ").Replace(*out.NextKeyMarker)
			in.KeyMarker, in.UploadIdMarker = &key, out.NextUploadIdMarker
		}
		want := []string{"b/1 " + ids["b/1"][0], "b/1 " + ids["b/1"][1], "b/1 " + ids["b/1"][2], "b/2+%2B " + ids["b/2 +"][0]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %d (-want +got):\n%s", size, diff)
		}
	}
	keys := func(out *s3.ListMultipartUploadsOutput) (got []string) {
		for _, u := range out.Uploads {
			got = append(got, *u.Key)
		}
		for _, p := range out.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		return got
	}
	// A marker need not be a key: versity/versitygw, issue 1799. One of an id alone
	// is ignored: versity/versitygw, issue 2150.
	for _, test := range []struct {
		in   s3.ListMultipartUploadsInput
		want []string
	}{
		{s3.ListMultipartUploadsInput{KeyMarker: ptr("b/1")}, []string{"b/2 +", "c"}},
		{s3.ListMultipartUploadsInput{KeyMarker: ptr("b/15")}, []string{"b/2 +", "c"}},
		{s3.ListMultipartUploadsInput{UploadIdMarker: &ids["c"][0], Prefix: ptr("c")}, []string{"c"}},
		{s3.ListMultipartUploadsInput{Delimiter: ptr("/")}, []string{"a", "c", "b/"}},
		{s3.ListMultipartUploadsInput{KeyMarker: ptr("z")}, nil},
	} {
		if got := keys(list(test.in)); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %v, want %v", test.in, got, test.want)
		}
	}
	// The answer for a bucket without uploads, as rusoto recorded it in its tests.
	_, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "GET", Path: "/" + bucket + "?uploads=&key-marker=z"})
	const want = "<UploadIdMarker></UploadIdMarker><NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker><MaxUploads>1000<"
	if !strings.Contains(body, want) {
		t.Errorf("got %s, want in it %s", body, want)
	}
}

// abortAfter is a rule that aborts uploads, for all keys or those of a prefix.
func abortAfter(days int32, prefix *string) *s3.PutBucketLifecycleConfigurationInput {
	rules := []types.LifecycleRule{{
		Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: prefix},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &days},
	}}
	return &s3.PutBucketLifecycleConfigurationInput{
		Bucket: ptr(bucket), LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	}
}

// A rule aborts the uploads of its prefix at the midnight after its days; see
// "Configuring a bucket lifecycle configuration to delete incomplete multipart
// uploads" and, for the midnight, "Lifecycle configuration elements".
func TestUploadsAreAbortedByRule(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	c, ctx := onTime(s), t.Context()
	if _, err := c.PutBucketLifecycleConfiguration(ctx, abortAfter(2, ptr("b"))); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: ptr(bucket)})
	if err != nil || len(got.Rules) != 1 {
		t.Fatalf("got %+v (%v)", got, err)
	}
	if r := got.Rules[0]; *r.Filter.Prefix != "b" || *r.ID == "" || *r.AbortIncompleteMultipartUpload.DaysAfterInitiation != 2 {
		t.Errorf("got %+v", r)
	}
	end := s.Now().UTC().AddDate(0, 0, 3).Truncate(24 * time.Hour)
	out, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("big")})
	if err != nil || !out.AbortDate.Equal(end) || *out.AbortRuleId != *got.Rules[0].ID {
		t.Fatalf("got %+v (%v), to be aborted at %v", out, err, end)
	}
	other, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("other")})
	if err != nil || other.AbortDate != nil {
		t.Fatalf("another prefix: got %+v (%v)", other, err)
	}
	upload(t, c, out.UploadId, 1, []byte("x"), types.ChecksumAlgorithmCrc32c)
	parts := func() (*s3.ListPartsOutput, error) {
		return c.ListParts(ctx, &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: out.UploadId})
	}
	s.Advance(end.Sub(s.Now()) - time.Minute)
	if p, err := parts(); err != nil || !p.AbortDate.Equal(end) {
		t.Errorf("before its end: got %+v (%v)", p, err)
	}
	s.Advance(2 * time.Minute)
	_, err = parts()
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchUpload" {
		t.Errorf("after its end: got %v, want NoSuchUpload", got)
	}
	if got := s.S3().Uploads(bucket); !slices.Equal(got, []string{*other.UploadId}) {
		t.Errorf("uploads %v are left", got)
	}
	if _, err := c.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: ptr(bucket)}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: ptr(bucket)})
	absent := awstest.Refused(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	if diff := cmp.Diff(absent, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLifecycleRefusals(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	const action = "AbortIncompleteMultipartUpload"
	abort := func(days string) string {
		return "<" + action + "><DaysAfterInitiation>" + days + "</DaysAfterInitiation></" + action + ">"
	}
	rule := func(text string) string { return "<Rule><Status>Enabled</Status>" + text + "</Rule>" }
	refused := func(code, message string) awstest.Refusal { return awstest.Refused(400, code, message) }
	taken := awstest.Refusal{Status: 200}
	malformed := refused("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	const small = "<Filter><And><Prefix>a/</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>"
	for _, test := range []struct {
		name, rules string
		want        awstest.Refusal
	}{
		{"for all objects", rule("<Filter/>" + abort("1")), taken},
		{"with a prefix of its own", rule("<Prefix>a/</Prefix>" + abort("1")), taken},
		{"with two conditions", rule(small + "<Expiration><Days>1</Days></Expiration>"), taken},
		{"filter and prefix", rule("<Filter/><Prefix/>" + abort("1")), malformed},
		{"without days", rule("<Filter/><" + action + "/>"), malformed},
		{"days in words", rule("<Filter/>" + abort("one")), malformed},
		{"an unknown action", rule("<Filter/><Compress/>"), malformed},
		{"nothing to do", rule("<Filter/>"), refused("InvalidRequest", "At least one action needs to be specified in a rule")},
		// minio/minio, issue 10853.
		{"without a filter", rule(abort("1")), malformed},
		// scality/Arsenal, pull request 2648.
		{"at once", rule("<Filter/>" + abort("0")),
			refused("InvalidArgument", "'DaysAfterInitiation' for "+action+" action must be a positive integer")},
		// terraform-aws-modules/terraform-aws-s3-bucket, issue 109.
		{"of a tag", rule("<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>" + abort("1")),
			refused("InvalidRequest", action+" cannot be specified with Tags.")},
		// umccr/infrastructure, pull request 332.
		{"of a size", rule(small + abort("1")), refused("InvalidRequest", action+" cannot be specified with Object Size.")},
		// Believed.
		{"two of a name", strings.Repeat(rule("<ID>a</ID><Filter/>"+abort("1")), 2),
			refused("InvalidArgument", "Rule ID must be unique. Found same ID for one or more rules")},
		{"a long name", rule("<ID>" + strings.Repeat("a", 256) + "</ID><Filter/>" + abort("1")),
			refused("InvalidArgument", "ID length should not exceed allowed limit of 255")},
	} {
		body := "<LifecycleConfiguration>" + test.rules + "</LifecycleConfiguration>"
		put := func(header http.Header) awstest.Refusal {
			status, answer := s.Do(t, awstest.Call{
				Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "?lifecycle", Header: header, Body: body,
			})
			if answer == "" {
				return awstest.Refusal{Status: status}
			}
			return refusal(t, status, answer)
		}
		if diff := cmp.Diff(test.want, put(http.Header{"X-Amz-Checksum-Crc32c": {crc32c([]byte(body))}})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if got := put(nil); got.Message != "Missing required header for this request: Content-MD5 OR x-amz-checksum-*" {
			t.Errorf("%s, without a digest: got %v", test.name, got)
		}
	}
}
