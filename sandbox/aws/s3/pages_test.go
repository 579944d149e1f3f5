package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// A page ends in the middle of a key's versions, and the next goes on there,
// also when the version that the marker names has been deleted.
func TestVersionPages(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: ptr(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		put(t, c, "a", fmt.Sprint(i))
		put(t, c, "b/c", fmt.Sprint(i))
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("a")}); err != nil {
		t.Fatal(err)
	}
	pages := func(in s3.ListObjectVersionsInput, each func(types.ObjectIdentifier)) (got []string) {
		in.Bucket, in.MaxKeys = ptr(bucket), ptr(int32(2))
		for p := s3.NewListObjectVersionsPaginator(c, &in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for _, m := range page.DeleteMarkers {
				text += " -" + *m.Key
				each(types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
			}
			for _, v := range page.Versions {
				text += fmt.Sprintf(" %s(%t)", *v.Key, *v.IsLatest)
				each(types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
			}
			for _, p := range page.CommonPrefixes {
				text += " " + *p.Prefix
			}
			got = append(got, strings.TrimSpace(text))
		}
		return got
	}
	seen := map[string]bool{}
	got := pages(s3.ListObjectVersionsInput{}, func(o types.ObjectIdentifier) { seen[*o.VersionId] = true })
	want := []string{"-a a(false)", "a(false) a(false)", "b/c(true) b/c(false)", "b/c(false)"}
	if diff := cmp.Diff(want, got); diff != "" || len(seen) != 7 {
		t.Errorf("%d versions (-want +got):\n%s", len(seen), diff)
	}
	got = pages(s3.ListObjectVersionsInput{Delimiter: ptr("/")}, func(types.ObjectIdentifier) {})
	if diff := cmp.Diff([]string{"-a a(false)", "a(false) a(false)", "b/"}, got); diff != "" {
		t.Errorf("delimiter (-want +got):\n%s", diff)
	}
	pages(s3.ListObjectVersionsInput{}, func(o types.ObjectIdentifier) {
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: o.Key, VersionId: o.VersionId}); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: ptr(bucket)}); err != nil {
		t.Errorf("emptied page by page: %v", err)
	}
	_, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: ptr(bucket), VersionIdMarker: ptr("v")})
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchBucket" {
		t.Errorf("got %v, want NoSuchBucket", got)
	}
}

func TestUploadPages(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	want := map[string]bool{}
	for range 3 {
		want[*begin(t, c, s3.CreateMultipartUploadInput{})] = true
	}
	got := map[string]bool{}
	pages := 0
	for p := s3.NewListMultipartUploadsPaginator(c, &s3.ListMultipartUploadsInput{Bucket: ptr(bucket), MaxUploads: ptr(int32(2))}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Uploads {
			got[*u.UploadId] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	_, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: ptr(bucket), VersionIdMarker: ptr("v")})
	if diff := cmp.Diff(awstest.Refused(400, "InvalidArgument", "A version-id marker cannot be specified without a key marker."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A page has 1,000 keys however long they are: Amazon S3 API Reference, "ListObjectsV2"
// (MaxKeys). A client must take an answer of several MiB.
func TestPagesOfLongKeys(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ctx := t.Context()
	key := func(i int) string { return fmt.Sprintf("%04d", i) + strings.Repeat("é", 510) } // 1,024 bytes, the most
	for i := range 1001 {
		put(t, c, key(i), "")
	}
	var got []string
	sizes := []int{}
	for p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: ptr(bucket)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Contents))
		got = append(got, keys(page)...)
	}
	if diff := cmp.Diff([]int{1000, 1}, sizes); diff != "" {
		t.Errorf("objects of each page (-want +got):\n%s", diff)
	}
	for i, k := range got {
		if k != key(i) {
			t.Fatalf("key %d is %s", i, k)
		}
	}
	for query, least := range map[string]int{"list-type=2": 1 << 20, "list-type=2&encoding-type=url": 3 << 20, "versions=": 1 << 20} {
		status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "GET", Path: "/" + bucket + "?" + query})
		if n := strings.Count(body, "<Key>"); status != 200 || len(body) < least || n != 1000 {
			t.Errorf("%s: answered %d, %d bytes, %d keys; want 1000 in at least %d bytes", query, status, len(body), n, least)
		}
	}
	var names []types.ObjectIdentifier
	for _, k := range got[:1000] {
		names = append(names, types.ObjectIdentifier{Key: &k})
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: ptr(bucket), Delete: &types.Delete{Objects: names}})
	if err != nil || len(out.Deleted) != 1000 {
		t.Errorf("deleting 1,000: %v", err)
	}
}
