package policy

import (
	"slices"
	"strings"
)

// permissions are those of one role. A trailing * stands for the rest.
type permissions []string

func (p permissions) has(permission string) bool {
	return slices.ContainsFunc(p, func(have string) bool {
		if prefix, wild := strings.CutSuffix(have, "*"); wild {
			return strings.HasPrefix(permission, prefix)
		}
		return have == permission
	})
}

// Resource is the kind of resource that a policy belongs to, which decides what
// roles it may grant.
type Resource int

const (
	Project Resource = iota
	ServiceAccount
	Bucket
)

// grantable tells whether a role is one that is known and that the resource takes:
// a role of another service does not go with a bucket, nor a legacy role with a
// project.
func grantable(role string, on Resource) bool {
	_, known := rolePermissions[role]
	storage, legacy := strings.HasPrefix(role, "roles/storage."), strings.HasPrefix(role, "roles/storage.legacy")
	basic := conveniences[role] != ""
	switch on {
	case Project:
		return known && !legacy
	case ServiceAccount:
		return known && (basic || strings.HasPrefix(role, "roles/iam.serviceAccount") || role == "roles/iam.workloadIdentityUser")
	default:
		return known && storage
	}
}

// rolePermissions are the predefined roles that may be granted here, with the
// permissions that the sandbox's services ask for: IAM documentation, "IAM basic
// and predefined roles reference".
var rolePermissions = map[string]permissions{
	"roles/owner":  {"*"},
	"roles/editor": {"resourcemanager.projects.get", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "iam.serviceAccounts.create", "iam.serviceAccounts.update", "iam.serviceAccounts.delete", "iam.serviceAccounts.actAs", "serviceusage.*", "storage.buckets.create", "storage.buckets.delete", "storage.buckets.list"},
	"roles/viewer": {"resourcemanager.projects.get", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "iam.workloadIdentityPools.get", "iam.workloadIdentityPools.list", "iam.workloadIdentityPoolProviders.get", "iam.workloadIdentityPoolProviders.list", "serviceusage.services.get", "serviceusage.services.list", "storage.buckets.list"},

	"roles/iam.workloadIdentityUser":          {"iam.serviceAccounts.get", "iam.serviceAccounts.list", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"},
	"roles/iam.serviceAccountTokenCreator":    {"iam.serviceAccounts.get", "iam.serviceAccounts.list", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.implicitDelegation", "iam.serviceAccounts.signBlob", "iam.serviceAccounts.signJwt"},
	"roles/iam.serviceAccountUser":            {"iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "resourcemanager.projects.get"},
	"roles/iam.serviceAccountAdmin":           {"iam.serviceAccounts.create", "iam.serviceAccounts.delete", "iam.serviceAccounts.disable", "iam.serviceAccounts.enable", "iam.serviceAccounts.get", "iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.list", "iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.undelete", "iam.serviceAccounts.update", "resourcemanager.projects.get"},
	"roles/iam.serviceAccountViewer":          {"iam.serviceAccounts.get", "iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.list", "resourcemanager.projects.get"},
	"roles/iam.workloadIdentityPoolAdmin":     {"iam.workloadIdentityPools.*", "iam.workloadIdentityPoolProviders.*", "iam.workloadIdentityPoolProviderKeys.*", "resourcemanager.projects.get"},
	"roles/iam.workloadIdentityPoolViewer":    {"iam.workloadIdentityPools.get", "iam.workloadIdentityPools.list", "iam.workloadIdentityPoolProviders.get", "iam.workloadIdentityPoolProviders.list", "resourcemanager.projects.get"},
	"roles/resourcemanager.projectIamAdmin":   {"resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"},
	"roles/browser":                           {"resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"},
	"roles/serviceusage.serviceUsageAdmin":    {"serviceusage.*"},
	"roles/serviceusage.serviceUsageViewer":   {"serviceusage.services.get", "serviceusage.services.list"},
	"roles/serviceusage.serviceUsageConsumer": {"serviceusage.services.get", "serviceusage.services.list", "serviceusage.services.use"},

	"roles/storage.objectViewer":       {"resourcemanager.projects.get", "storage.folders.get", "storage.folders.list", "storage.managedFolders.get", "storage.managedFolders.list", "storage.objects.get", "storage.objects.list"},
	"roles/storage.objectCreator":      {"resourcemanager.projects.get", "storage.folders.create", "storage.managedFolders.create", "storage.multipartUploads.abort", "storage.multipartUploads.create", "storage.multipartUploads.listParts", "storage.objects.create"},
	"roles/storage.objectUser":         {"resourcemanager.projects.get", "storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list", "storage.objects.restore", "storage.objects.update", "storage.multipartUploads.*"},
	"roles/storage.objectAdmin":        {"resourcemanager.projects.get", "storage.objects.*", "storage.folders.*", "storage.managedFolders.*", "storage.multipartUploads.*"},
	"roles/storage.admin":              {"resourcemanager.projects.get", "storage.*"},
	"roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list", "storage.multipartUploads.list"},
	"roles/storage.legacyBucketWriter": {"storage.buckets.get", "storage.objects.create", "storage.objects.delete", "storage.objects.list", "storage.multipartUploads.*"},
	"roles/storage.legacyBucketOwner":  {"storage.buckets.get", "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy", "storage.buckets.update", "storage.objects.create", "storage.objects.delete", "storage.objects.list", "storage.multipartUploads.*"},
	"roles/storage.legacyObjectReader": {"storage.objects.get"},
	"roles/storage.legacyObjectOwner":  {"storage.objects.get", "storage.objects.getIamPolicy", "storage.objects.setIamPolicy", "storage.objects.update"},
}
