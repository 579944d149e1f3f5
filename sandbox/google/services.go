package google

import (
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// NewProject are the APIs that a new project has enabled, as far as they concern
// this cloud: Service Usage documentation, "Services enabled by default".
var NewProject = []string{"serviceusage.googleapis.com", "storage-api.googleapis.com", "storage-component.googleapis.com", "storage.googleapis.com"}

// apis are all APIs that this cloud has, as Service Usage calls them.
var apis = []string{
	"cloudresourcemanager.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "orgpolicy.googleapis.com",
	"pubsub.googleapis.com", "storage.googleapis.com", "sts.googleapis.com",
}

// enabled refuses a request for an API that the project has not enabled. Service
// Usage itself always is, and Cloud Billing, which is no part of the list.
func (c *Cloud) enabled(r *api.Request, service *api.Service) error {
	path := r.URL.Path
	always := service.Name == "cloudresourcemanager" &&
		(strings.Contains(path, "/services") || strings.HasPrefix(path, "/v1/operations/") || strings.HasSuffix(path, "/billingInfo"))
	if always || c.projects.Answers(service.API) {
		return nil
	}
	name := service.API
	if service.Name == "storage" {
		name = "storage-api.googleapis.com" // as public reports have it; of what date is not known
	}
	return api.ServiceDisabled(name, service.Title, c.opts.ProjectNumber)
}

// counted refuses a request that is to be counted on another project than this cloud's, or
// by a caller who is not allowed to use it: Cloud APIs documentation, "System
// parameters", X-Goog-User-Project. Cloud Storage does so itself, and has words of its own.
func (c *Cloud) counted(r *api.Request, service *api.Service) error {
	project := r.Header.Get("X-Goog-User-Project")
	if project == "" || service.Name == "storage" || service.Name == "sts" {
		return nil
	}
	ours := project == c.opts.ProjectID || project == c.opts.ProjectNumber
	if !ours || !r.Allowed("serviceusage.services.use", c.projects.Resource()) {
		return api.UserProjectDenied(service.API, project)
	}
	return nil
}
