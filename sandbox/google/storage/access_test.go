package storage_test

import (
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// TestRefusals reads and writes without the right to, through both APIs.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	makeBucket(t, s, "other-bucket")
	mustUpload(t, s, "x", "content")
	const readOnly = "https://www.googleapis.com/auth/devstorage.read_only"
	viewing := reader(t, s, "viewer", viewer)
	getting := reader(t, s, "getter", "roles/storage.legacyObjectReader")
	creating := reader(t, s, "creator", "roles/storage.objectCreator")
	limited := reader(t, s, "limited", "roles/storage.objectAdmin", readOnly)
	elsewhere := reader(t, s, "elsewhere", viewer, "https://www.googleapis.com/auth/iam")
	s.MakeAccount(t, "nobody-here")
	nobody := s.TokenOf(t, "nobody-here")
	denied := func(who, permission, what string) string {
		return who + " does not have " + permission + " access to the Google Cloud Storage " + what + ". Permission '" + permission + "' denied on resource (or it may not exist)."
	}
	const json, put = "/storage/v1/b/my-bucket/o/", "/upload/storage/v1/b/my-bucket/o?uploadType=media&name="
	for _, tt := range []struct {
		name, method, path, token string
		want                      string // after a space: XML
	}{
		{"viewer", "GET", json + "x?alt=media", viewing, ""},
		{"viewer, XML", "GET", "/my-bucket/x", viewing, ""},
		{"viewer, what is not there", "GET", json + "y", viewing, "404 notFound: No such object: my-bucket/y"},
		{"viewer, what is not there, XML", "GET", "/my-bucket/y", viewing, " 404 NoSuchKey: The specified key does not exist. No such object: my-bucket/y"},
		{"getter, what is not there", "GET", json + "y", getting, "403 forbidden: " + denied(googletest.Email("getter"), "storage.objects.list", "bucket")},
		{"getter, what is not there, XML", "GET", "/my-bucket/y", getting, " 403 AccessDenied: Access denied. " + denied(googletest.Email("getter"), "storage.objects.list", "bucket")},
		{"getter", "GET", json + "x", getting, ""},
		{"getter, the list", "GET", "/storage/v1/b/my-bucket/o", getting, "403 forbidden: " + denied(googletest.Email("getter"), "storage.objects.list", "bucket")},
		{"viewer, the bucket", "GET", "/storage/v1/b/my-bucket", viewing, "403 forbidden: " + denied(googletest.Email("viewer"), "storage.buckets.get", "bucket")},
		{"viewer, buckets", "GET", "/storage/v1/b?project=demo-project", viewing, "403 forbidden: " + googletest.Email("viewer") + " does not have storage.buckets.list access to the Google Cloud project. Permission 'storage.buckets.list' denied on resource (or it may not exist)."},
		{"viewer, another bucket", "GET", "/storage/v1/b/other-bucket/o/x", viewing, "403 forbidden: " + denied(googletest.Email("viewer"), "storage.objects.get", "object")},
		{"viewer, writing", "POST", put + "z", viewing, "403 forbidden: " + denied(googletest.Email("viewer"), "storage.objects.create", "object")},
		{"viewer, deleting", "DELETE", json + "x", viewing, "403 forbidden: " + denied(googletest.Email("viewer"), "storage.objects.delete", "object")},
		{"creator", "POST", put + "z", creating, ""},
		{"creator, overwriting", "POST", put + "x", creating, "403 forbidden: " + denied(googletest.Email("creator"), "storage.objects.delete", "object")},
		{"creator, reading", "GET", json + "x", creating, "403 forbidden: " + denied(googletest.Email("creator"), "storage.objects.get", "object")},
		{"nobody", "GET", json + "x?alt=media", nobody, "403 forbidden: " + denied(googletest.Email("nobody-here"), "storage.objects.get", "object")},
		{"nobody, XML", "GET", "/my-bucket/x", nobody, " 403 AccessDenied: Access denied. " + denied(googletest.Email("nobody-here"), "storage.objects.get", "object")},
		{"a narrow scope, reading", "GET", json + "x?alt=media", limited, ""},
		{"a narrow scope, writing", "POST", put + "z", limited, "403 forbidden: Provided scope(s) are not authorized"},
		{"a narrow scope, deleting", "DELETE", json + "x", limited, "403 forbidden: Provided scope(s) are not authorized"},
		{"another scope", "GET", json + "x", elsewhere, "403 forbidden: Provided scope(s) are not authorized"},
		{"another scope, XML", "GET", "/my-bucket/x", elsewhere, " 403 AccessDenied: Access denied. Provided scope(s) are not authorized"},
		{"no token", "GET", json + "x", "", "401 required: " + denied("Anonymous caller", "storage.objects.get", "object")},
		{"no token, XML", "GET", "/my-bucket/x", "", " 401 AccessDenied: Access denied. " + denied("Anonymous caller", "storage.objects.get", "object")},
		{"no token, writing", "POST", put + "z", "", "401 required: " + denied("Anonymous caller", "storage.objects.create", "object")},
		{"garbage", "GET", json + "x", "garbage", "401 authError: Invalid Credentials"},
		{"garbage, XML", "GET", "/my-bucket/x", "garbage", " 401 AuthenticationRequired: Authentication required. Invalid Credentials"},
		{"another bucket, XML", "GET", "/missing-bucket/x", s.AdminToken(), " 404 NoSuchBucket: The specified bucket does not exist."},
		{"writing by XML", "PUT", "/my-bucket/x", s.AdminToken(), " 400 UnsupportedOperation: The operation is not supported. The local Google Cloud does not model the XML API's PUT of /my-bucket/x."},
		{"listing by XML", "GET", "/my-bucket", s.AdminToken(), " 400 UnsupportedOperation: The operation is not supported. The local Google Cloud does not model the XML API's GET of /my-bucket."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var body any
			if tt.method != "GET" && tt.method != "DELETE" {
				body = "new"
			}
			a := s.Do(t, googletest.Request{Method: tt.method, Path: tt.path, Token: tt.token, Body: body})
			switch {
			case tt.want == "" && a.Status == 200:
			case tt.want == "":
				t.Errorf("answered %d: %s", a.Status, a.Body)
			case tt.want[0] == ' ':
				if got, want := xmlError(t, a), tt.want[5:]; got != want || a.Status != int(tt.want[1]-'0')*100+int(tt.want[2]-'0')*10+int(tt.want[3]-'0') {
					t.Errorf("answered %d\n%s\nwant\n%s", a.Status, got, tt.want)
				}
			default:
				if got := a.Error(t); got != tt.want {
					t.Errorf("answered\n%s\nwant\n%s", got, tt.want)
				}
			}
			if challenge := a.Header.Get("WWW-Authenticate"); (a.Status == 401) != (challenge != "") {
				t.Errorf("answered %d with the challenge %q", a.Status, challenge)
			}
		})
	}
}

// TestHeadHasNoBody asks for what is refused.
func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	if a := s.Do(t, googletest.Request{Method: "HEAD", Path: "/my-bucket/x", Token: s.AdminToken()}); a.Status != 404 || a.Body != "" || a.Header.Get("Content-Type") != "application/xml; charset=UTF-8" {
		t.Errorf("HEAD answered %d %v: %s", a.Status, a.Header, a.Body)
	}
}
