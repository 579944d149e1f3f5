package copy

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func TestMetadataIsKept(t *testing.T) {
	for _, size := range []int{10, 100_000} { // in one request, and in parts
		l := newStand(t)
		content := l.put(t, "object", size)
		l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket+"/o/object", map[string]any{
			"contentType": "text/x-kept", "contentLanguage": "ja", "contentDisposition": `attachment; filename="a b"`, "cacheControl": "no-store", "contentEncoding": "br",
			"metadata": map[string]string{"owner": "somebody", "Colour": "blue, green", "title": "Übersicht"},
		}, nil)
		got, err := copyOne(l.startSmall(t), invocation.Event{Object: "object"})
		if err != nil {
			t.Fatal(err)
		}
		data, out := l.stored(t, "object")
		if !bytes.Equal(data, content) {
			t.Errorf("s3 holds other bytes")
		}
		headers := map[string]*string{"text/x-kept": out.ContentType, "ja": out.ContentLanguage, `attachment; filename="a b"`: out.ContentDisposition, "no-store": out.CacheControl, "br": out.ContentEncoding}
		for want, got := range headers {
			if aws.ToString(got) != want {
				t.Errorf("a header is %q, want %q", aws.ToString(got), want)
			}
		}
		want := map[string]string{"owner": "somebody", "colour": "blue, green", "gcs-crc32c": got.CRC32C, "gcs-generation": out.Metadata["gcs-generation"], "title": out.Metadata["title"]}
		if diff := cmp.Diff(want, maps.Clone(out.Metadata)); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		if title := out.Metadata["title"]; title != "Übersicht" && title != "=?UTF-8?b?w5xiZXJzaWNodA==?=" {
			t.Errorf("the title is %q", title)
		}
	}
}

// TestCacheControlOfNobody: the Cache-Control that Cloud Storage sends for
// objects without one is not copied (case C19).
func TestCacheControlOfNobody(t *testing.T) {
	for _, value := range []string{"private, max-age=0", "public, max-age=3600"} {
		l := newStand(t)
		l.put(t, "object", 10)
		l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket+"/o/object", map[string]any{"cacheControl": value}, nil)
		if _, err := copyOne(l.start(t), invocation.Event{Object: "object"}); err != nil {
			t.Fatal(err)
		}
		if _, out := l.stored(t, "object"); out.CacheControl != nil {
			t.Errorf("cache control is %q", *out.CacheControl)
		}
	}
}

func TestTooMuchMetadataIsRefused(t *testing.T) {
	l := newStand(t)
	l.put(t, "object", 10)
	l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket+"/o/object", map[string]any{"metadata": map[string]string{"much": strings.Repeat("x", 2000)}}, nil)
	_, err := copyOne(l.start(t), invocation.Event{Object: "object"})
	if err == nil || !strings.Contains(err.Error(), "custom metadata: has 2") || !strings.Contains(err.Error(), "S3 takes at most 2048") {
		t.Errorf("Handle() = %v", err)
	}
	l.absent(t, "object")
}
