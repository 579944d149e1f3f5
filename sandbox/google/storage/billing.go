package storage

import (
	"cmp"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// bucket finds a bucket for a request, if it is clear who pays: the project that the
// request names, which its caller must be allowed to use, or the bucket's own. Of a
// bucket whose requesters pay that is so only for who may assign its project's
// billing: Cloud Storage documentation, "Requester Pays". The caller holds the lock.
func (s *Storage) bucket(r *api.Request, name string) (*bucket, error) {
	b, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if s.opts.Billed != nil && !s.opts.Billed() {
		// googleapis/python-storage, issue 1456; the XML API's code is of the page "HTTP
		// status and error codes for XML".
		const absent = "The billing account for the owning project is disabled in state absent"
		return nil, &fault{http.StatusForbidden, "accountDisabled", "AccountProblem", absent, absent}
	}
	switch project := cmp.Or(r.URL.Query().Get("userProject"), r.Header.Get("X-Goog-User-Project")); project {
	case "":
		if b.requesterPays && !r.Allowed("resourcemanager.projects.createBillingAssignment", s.projectResource()) {
			return nil, &fault{http.StatusBadRequest, "required", "UserProjectMissing",
				"Bucket is requester pays bucket but no user project provided.", "Bucket is a requester pays bucket but no user project provided."}
		}
	case s.opts.ProjectID, s.opts.ProjectNumber:
		const use = "serviceusage.services.use" // which takes no scope of its own
		if !r.Allowed(use, s.projectResource()) {
			f := denied(r, use, s.projectResource())
			f.Code, f.Brief = "UserProjectAccessDenied", "Requester does not have serviceusage.services.use permissions on user project."
			return nil, f
		}
	default:
		const unknown = "User project specified in the request is invalid."
		return nil, &fault{http.StatusBadRequest, "invalid", "UserProjectInvalid", unknown, unknown}
	}
	return b, nil
}
