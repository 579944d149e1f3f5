package storage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	// What Google's clients send that asks for nothing.
	made := s.Must(t, "POST", "/storage/v1/b?project=demo-project&enableObjectRetention=False&projection=noAcl&prettyPrint=false", map[string]any{
		"name": bucket, "location": "asia-northeast1", "labels": map[string]any{"a": "b"}, "lifecycle": map[string]any{"rule": []any{}}, "versioning": map[string]any{"enabled": false},
		"iamConfiguration": map[string]any{"uniformBucketLevelAccess": map[string]any{"enabled": true}},
	})
	path := "/storage/v1/b/" + bucket
	want := map[string]any{
		"kind": "storage#bucket", "id": bucket, "name": bucket, "selfLink": s.URL + path, "projectNumber": googletest.Number,
		"location": "ASIA-NORTHEAST1", "locationType": "region", "storageClass": "STANDARD", "metageneration": "1", "labels": map[string]any{"a": "b"},
		"iamConfiguration": map[string]any{"uniformBucketLevelAccess": map[string]any{"enabled": true}, "publicAccessPrevention": "inherited"},
	}
	plain := func(b map[string]any) map[string]any {
		for _, name := range []string{"timeCreated", "updated", "etag"} {
			if b[name] == nil {
				t.Errorf("the bucket has no %s", name)
			}
			delete(b, name)
		}
		return b
	}
	if diff := cmp.Diff(want, plain(made)); diff != "" {
		t.Errorf("the bucket made (-want +got):\n%s", diff)
	}
	whole := s.Must(t, "GET", path+"?projection=full", nil)
	whole["labels"] = map[string]any{"a": nil, "c": "d"}
	patched := s.Must(t, "PATCH", path+"?ifMetagenerationMatch=1", whole)
	want["labels"], want["metageneration"] = map[string]any{"c": "d"}, "2"
	if diff := cmp.Diff(want, plain(patched)); diff != "" {
		t.Errorf("the bucket patched (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"name": bucket}, s.Must(t, "GET", path+"?fields=name", nil)); diff != "" {
		t.Errorf("a part of the bucket (-want +got):\n%s", diff)
	}
	makeBucket(t, s, "other-bucket")
	list := func(query string) (names []string) {
		items, _ := s.Must(t, "GET", "/storage/v1/b?project="+googletest.Number+query, nil)["items"].([]any)
		for _, item := range items {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		return names
	}
	for query, want := range map[string][]string{"": {bucket, "other-bucket"}, "&prefix=my": {bucket}, "&maxResults=1": {bucket}} {
		if diff := cmp.Diff(want, list(query)); diff != "" {
			t.Errorf("the list %s (-want +got):\n%s", query, diff)
		}
	}
	mustUpload(t, s, "x", "x")
	for _, tt := range []struct{ method, path, body, want string }{
		{"DELETE", path, "", "409 conflict: The bucket you tried to delete is not empty."},
		{"PATCH", path, `{"location":"US"}`, "400 invalid: A bucket's name and location cannot be changed."},
		{"PATCH", path + "?ifMetagenerationMatch=1", `{}`, "412 conditionNotMet: At least one of the pre-conditions you specified did not hold."},
		{"PATCH", path, `{"website":{"mainPageSuffix":"index.html"}}`, "400 invalid: The local Google Cloud does not model the field website of buckets."},
		{"PATCH", path, `{"iamConfiguration":{"uniformBucketLevelAccess":{"enabled":false}}}`, "400 invalid: The local Google Cloud does not model the access control of buckets without uniform bucket-level access."},
		{"PATCH", path, `{"owner":{}}`, `400 invalid: Invalid JSON payload received. Unknown name "owner": Cannot find field.`},
		{"PATCH", path, `{"labels":{"A":"b"}}`, `400 invalid: Invalid argument: label "A" with value "b"`},
		{"PATCH", path + "?predefinedAcl=private", `{}`, `400 invalid: Invalid JSON payload received. Unknown name "predefinedAcl": Cannot bind query parameter. Field 'predefinedAcl' could not be found in request message.`},
		{"GET", path + "?softDeleted=true", "", "400 invalid: Invalid value for softDeleted: the local Google Cloud does not model the value true"},
		{"GET", "/storage/v1/b/missing-bucket", "", "404 notFound: The specified bucket does not exist."},
		{"GET", "/storage/v1/b", "", "400 required: Required parameter: project"},
		{"POST", "/storage/v1/b?project=other-project", `{"name":"third-bucket"}`, "400 invalid: Unknown project id: other-project"},
		{"POST", "/storage/v1/b?project=demo-project", `{"name":"my-bucket"}`, "409 conflict: Your previous request to create the named bucket succeeded and you already own it."},
		{"POST", "/storage/v1/b?project=demo-project", `{"name":"third-bucket","location":"mars"}`, "400 invalid: The specified location constraint is not valid."},
		{"POST", "/storage/v1/b?project=demo-project", `{"name":"third-bucket","storageClass":"GLACIER"}`, "400 invalid: Invalid argument: storage class GLACIER"},
		{"POST", path + "/lockRetentionPolicy", "", "404 notFound: Not Found: the local Google Cloud does not model the method POST " + path + "/lockRetentionPolicy"},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		if got := s.Admin(t, tt.method, tt.path, body).Error(t); got != tt.want {
			t.Errorf("%s %s %s answered\n%s\nwant\n%s", tt.method, tt.path, tt.body, got, tt.want)
		}
	}
	for _, name := range []string{"", "ab", "My-bucket", "-bucket", "bucket-", "goog-bucket", "my-google", "192.168.5.4", "my..bucket", strings.Repeat("a", 64), "my bucket"} {
		a := s.Admin(t, "POST", "/storage/v1/b?project=demo-project", map[string]any{"name": name})
		if got, want := a.Error(t), "400 invalid: Invalid bucket name: '"+name+"'"; got != want {
			t.Errorf("the name %q answered\n%s\nwant\n%s", name, got, want)
		}
	}
	s.Must(t, "DELETE", objectPath("x"), nil)
	if a := s.Admin(t, "DELETE", path, nil); a.Status != 204 || a.Body != "" {
		t.Errorf("DELETE answered %d: %s", a.Status, a.Body)
	}
}

func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	path := "/storage/v1/b/" + bucket + "/iam"
	policy := s.Must(t, "GET", path+"?optionsRequestedPolicyVersion=3", nil)
	first := []any{
		map[string]any{"role": "roles/storage.legacyBucketOwner", "members": []any{"projectEditor:demo-project", "projectOwner:demo-project"}},
		map[string]any{"role": "roles/storage.legacyBucketReader", "members": []any{"projectViewer:demo-project"}},
		map[string]any{"role": "roles/storage.legacyObjectOwner", "members": []any{"projectEditor:demo-project", "projectOwner:demo-project"}},
		map[string]any{"role": "roles/storage.legacyObjectReader", "members": []any{"projectViewer:demo-project"}},
	}
	etag := policy["etag"].(string)
	if diff := cmp.Diff(map[string]any{"kind": "storage#policy", "resourceId": "projects/_/buckets/" + bucket, "version": 1.0, "bindings": first, "etag": etag}, policy); diff != "" {
		t.Errorf("the first policy (-want +got):\n%s", diff)
	}
	public := map[string]any{"etag": etag, "bindings": append(first, map[string]any{"role": viewer, "members": []any{"allUsers"}})}
	s.Must(t, "PUT", path, public)
	for _, tt := range []struct {
		body any
		want string
	}{
		{public, "412 conditionNotMet: There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."},
		{map[string]any{"bindings": []any{map[string]any{"role": "roles/owner", "members": []any{"allUsers"}}}}, "400 invalid: Role roles/owner is not supported for this resource."},
		{map[string]any{"bindings": []any{map[string]any{"role": viewer, "members": []any{"serviceAccount:" + googletest.Email("nobody-here")}}}}, "400 invalid: Service account " + googletest.Email("nobody-here") + " does not exist."},
	} {
		if got := s.Admin(t, "PUT", path, tt.body).Error(t); got != tt.want {
			t.Errorf("PUT answered\n%s\nwant\n%s", got, tt.want)
		}
	}
	mustUpload(t, s, "x", "content")
	get := googletest.Request{Method: "GET", Path: "/" + bucket + "/x"}
	if a := s.Do(t, get); a.Status != 200 || a.Body != "content" {
		t.Errorf("a public object is answered %d: %s", a.Status, a.Body)
	}
	s.Must(t, "PATCH", "/storage/v1/b/"+bucket, map[string]any{"iamConfiguration": map[string]any{"publicAccessPrevention": "enforced"}})
	if a := s.Do(t, get); a.Status != 401 {
		t.Errorf("an object under public access prevention is answered %d: %s", a.Status, a.Body)
	}
	delete(public, "etag")
	if got, want := s.Admin(t, "PUT", path, public).Error(t), "412 conditionNotMet: The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced."; got != want {
		t.Errorf("PUT answered\n%s\nwant\n%s", got, want)
	}
	held := s.Must(t, "GET", path+"/testPermissions?permissions=storage.buckets.get&permissions=storage.objects.get", nil)
	if diff := cmp.Diff([]any{"storage.buckets.get", "storage.objects.get"}, held["permissions"]); diff != "" {
		t.Errorf("testPermissions (-want +got):\n%s", diff)
	}
}
