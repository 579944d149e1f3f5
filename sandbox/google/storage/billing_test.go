package storage_test

import (
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// Who may read a bucket whose requesters pay: Cloud Storage documentation, "Requester
// Pays". The words are those of googleapis/google-cloud-python, issue 4674, and, for
// the right to the project, googleapis/google-cloud-ruby, issue 6456.
func TestRequesterPays(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	mustUpload(t, s, "o", "content")
	token := reader(t, s, "reader", viewer)
	email := googletest.Email("reader")
	var out struct{ Billing struct{ RequesterPays bool } }
	s.Admin(t, "PATCH", "/storage/v1/b/"+bucket, map[string]any{"billing": map[string]any{"requesterPays": true}}).Decode(t, &out)
	if !out.Billing.RequesterPays {
		t.Error("the bucket does not say that requesters pay")
	}
	get := func(path, token, project string) googletest.Answer {
		return s.Do(t, googletest.Request{Method: "GET", Path: path, Token: token, Header: map[string]string{"X-Goog-User-Project": project}})
	}
	const (
		missing = "Bucket is requester pays bucket but no user project provided."
		invalid = "User project specified in the request is invalid."
	)
	denied := email + " does not have serviceusage.services.use access to the Google Cloud project. " +
		"Permission 'serviceusage.services.use' denied on resource (or it may not exist)."
	refused := func(project, query, json, xml string) {
		t.Helper()
		for _, path := range []string{objectPath("o"), "/storage/v1/b/" + bucket + "/o", "/storage/v1/b/" + bucket + "/iam/testPermissions"} {
			if got := get(path+query, token, project).Error(t); got != json {
				t.Errorf("%s of %q answered\n%s\nwant\n%s", path, project, got, json)
			}
		}
		if got := xmlError(t, get("/"+bucket+"/o"+query, token, project)); got != xml {
			t.Errorf("the XML API of %q answered\n%s\nwant\n%s", project, got, xml)
		}
	}
	refused("", "", "400 required: "+missing,
		"UserProjectMissing: Bucket is a requester pays bucket but no user project provided. "+missing)
	refused("other-project", "", "400 invalid: "+invalid, "UserProjectInvalid: "+invalid)
	refused(googletest.Project, "", "403 forbidden: "+denied,
		"UserProjectAccessDenied: Requester does not have serviceusage.services.use permissions on user project. "+denied)
	refused("", "?userProject="+googletest.Project, "403 forbidden: "+denied,
		"UserProjectAccessDenied: Requester does not have serviceusage.services.use permissions on user project. "+denied)
	if a := get("/"+bucket+"/o", "", ""); a.Status != 400 {
		t.Errorf("nobody's request is answered %d: %s", a.Status, a.Body)
	}
	s.Bind(t, "/v1/projects/"+googletest.Project, "roles/serviceusage.serviceUsageConsumer", "serviceAccount:"+email)
	token = s.TokenOf(t, "reader", "https://www.googleapis.com/auth/devstorage.read_only")
	media := objectPath("o") + "?alt=media"
	for _, project := range []string{googletest.Project, googletest.Number} {
		for _, path := range []string{media, "/" + bucket + "/o", media + "&userProject=" + project} {
			if a := get(path, token, project); a.Status != 200 || a.Body != "content" {
				t.Errorf("%s of %s answered %d: %s", path, project, a.Status, a.Body)
			}
		}
	}
	if a := get("/"+bucket+"/o", s.AdminToken(), ""); a.Status != 200 {
		t.Errorf("who may assign the project's billing is answered %d: %s", a.Status, a.Body)
	}
	a := upload(t, s, "p", "&userProject="+googletest.Project, "x")
	if a.Status != 200 {
		t.Errorf("an upload that names its project is answered %d: %s", a.Status, a.Body)
	}
}
