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
	"storage.googleapis.com", "sts.googleapis.com",
}

// enabled refuses a request for an API that the project has not enabled. Service
// Usage itself always is.
func (c *Cloud) enabled(r *api.Request, service *api.Service) error {
	path := r.URL.Path
	usage := service.Name == "cloudresourcemanager" && (strings.Contains(path, "/services") || strings.HasPrefix(path, "/v1/operations/"))
	if usage || c.projects.IsEnabled(service.API) {
		return nil
	}
	return api.ServiceDisabled(service.API, service.Title, c.opts.ProjectNumber)
}
