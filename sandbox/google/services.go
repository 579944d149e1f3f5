package google

import (
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// The APIs that this cloud has, as Service Usage calls them.
const (
	iamAPI         = "iam.googleapis.com"
	stsAPI         = "sts.googleapis.com"
	credentialsAPI = "iamcredentials.googleapis.com"
	projectsAPI    = "cloudresourcemanager.googleapis.com"
	storageAPI     = "storage.googleapis.com"
	orgPolicyAPI   = "orgpolicy.googleapis.com"
)

// NewProject are the APIs that a new project has enabled, as far as they concern
// this cloud: Service Usage documentation, "Services enabled by default".
var NewProject = []string{"serviceusage.googleapis.com", "storage-api.googleapis.com", "storage-component.googleapis.com", storageAPI}

// apis are all APIs that this cloud has, by the service that answers them.
var apis = map[string]string{"iam": iamAPI, "sts": stsAPI, "iamcredentials": credentialsAPI, "cloudresourcemanager": projectsAPI, "storage": storageAPI, "orgpolicy": orgPolicyAPI}

// titles are what the console calls the APIs.
var titles = map[string]string{
	iamAPI:         "Identity and Access Management (IAM) API",
	stsAPI:         "Security Token Service API",
	credentialsAPI: "IAM Service Account Credentials API",
	projectsAPI:    "Cloud Resource Manager API",
	storageAPI:     "Cloud Storage API",
	orgPolicyAPI:   "Organization Policy API",
}

// enabled refuses a request for an API that the project has not enabled. Service
// Usage itself always is.
func (c *Cloud) enabled(r *api.Request) error {
	name, path := apis[r.Service], r.URL.Path
	if name == projectsAPI && (strings.Contains(path, "/services") || strings.HasPrefix(path, "/v1/operations/")) {
		return nil
	}
	if c.projects.IsEnabled(name) {
		return nil
	}
	return api.ServiceDisabled(name, titles[name], c.opts.ProjectNumber)
}
