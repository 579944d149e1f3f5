package storage_test

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"net/url"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const (
	bucket = "my-bucket"
	viewer = "roles/storage.objectViewer"
)

// withBucket starts a cloud that has one bucket.
func withBucket(t *testing.T) *googletest.Server {
	t.Helper()
	s := googletest.Start(t)
	makeBucket(t, s, bucket)
	return s
}

func makeBucket(t *testing.T, s *googletest.Server, name string) {
	t.Helper()
	s.Must(t, "POST", "/storage/v1/b?project=demo-project", map[string]any{"name": name})
}

// objectPath is an object's path in the JSON API.
func objectPath(name string) string { return "/storage/v1/b/" + bucket + "/o/" + url.PathEscape(name) }

// upload puts an object in one piece; query begins with & when it is not empty.
func upload(t *testing.T, s *googletest.Server, name, query, content string) googletest.Answer {
	t.Helper()
	return s.Admin(t, "POST", "/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name="+url.QueryEscape(name)+query, content)
}

// mustUpload is upload of what has to succeed; it returns the object's resource.
func mustUpload(t *testing.T, s *googletest.Server, name, content string) map[string]any {
	t.Helper()
	a := upload(t, s, name, "", content)
	if a.Status != 200 {
		t.Fatalf("the upload of %s answered %d: %s", name, a.Status, a.Body)
	}
	var out map[string]any
	a.Decode(t, &out)
	return out
}

// reader is a token of an account that has a role on the bucket.
func reader(t *testing.T, s *googletest.Server, id, role string, scopes ...string) string {
	t.Helper()
	s.MakeAccount(t, id)
	s.Bind(t, "/storage/v1/b/"+bucket+"/iam", role, "serviceAccount:"+googletest.Email(id))
	return s.TokenOf(t, id, scopes...)
}

// xmlError is what an error of the XML API says.
func xmlError(t *testing.T, a googletest.Answer) string {
	t.Helper()
	var e struct {
		XMLName                xml.Name `xml:"Error"`
		Code, Message, Details string
	}
	if err := xml.Unmarshal([]byte(a.Body), &e); err != nil || !strings.HasPrefix(a.Body, "<?xml version='1.0' encoding='UTF-8'?>") {
		t.Fatalf("answered %d with no XML error: %v\n%s", a.Status, err, a.Body)
	}
	return strings.TrimSuffix(e.Code+": "+e.Message+" "+e.Details, " ")
}

// packed is a text, gzip-compressed.
func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
