package policy

import "strings"

// rolePermissions are the permissions of the predefined roles that may be granted
// here, those of them that this cloud's services ask for: IAM documentation, "IAM
// roles and permissions index". What that calls
// iam.googleapis.com/workloadIdentityPools.create is here, as in refusals,
// iam.workloadIdentityPools.create. Organization policies, which an organization's
// administrators set, are set here by the project's owner.
var rolePermissions = spell(map[string]map[string]string{
	"roles/owner": {
		"iam.serviceAccounts":               "actAs create delete disable enable get getIamPolicy list setIamPolicy undelete update",
		"iam.workloadIdentityPoolProviders": "create delete get list undelete update",
		"iam.workloadIdentityPools":         "create delete get getAttestationRules getIamPolicy list setAttestationRules setIamPolicy undelete update",
		"orgpolicy.policy":                  "get set",
		"pubsub.subscriptions":              "consume create delete get getIamPolicy list setIamPolicy update",
		"pubsub.topics":                     "attachSubscription create delete detachSubscription get getIamPolicy list publish setIamPolicy update",
		"resourcemanager.projects":          "createBillingAssignment get getIamPolicy setIamPolicy",
		"serviceusage.services":             "disable enable get list use",
		"storage.buckets":                   "create delete list",
	},
	"roles/editor": {
		"iam.serviceAccounts":               "actAs create delete disable enable get getIamPolicy list update",
		"iam.workloadIdentityPoolProviders": "get list",
		"iam.workloadIdentityPools":         "get getAttestationRules getIamPolicy list",
		"orgpolicy.policy":                  "get",
		"pubsub.subscriptions":              "consume create delete get list update",
		"pubsub.topics":                     "attachSubscription create delete detachSubscription get list publish update",
		"resourcemanager.projects":          "get getIamPolicy",
		"serviceusage.services":             "disable enable get list use",
		"storage.buckets":                   "create delete list",
	},
	"roles/viewer": {
		"iam.serviceAccounts":               "get getIamPolicy list",
		"iam.workloadIdentityPoolProviders": "get list",
		"iam.workloadIdentityPools":         "get getAttestationRules getIamPolicy list",
		"orgpolicy.policy":                  "get",
		"pubsub.subscriptions":              "get list",
		"pubsub.topics":                     "get list",
		"resourcemanager.projects":          "get getIamPolicy",
		"serviceusage.services":             "get list",
		"storage.buckets":                   "list",
	},
	"roles/billing.projectManager": {
		"resourcemanager.projects": "createBillingAssignment",
	},
	"roles/orgpolicy.policyViewer": {
		"orgpolicy.policy": "get",
	},
	"roles/browser": {
		"resourcemanager.projects": "get getIamPolicy",
	},
	"roles/iam.workloadIdentityUser": {
		"iam.serviceAccounts": "get getAccessToken getOpenIdToken list",
	},
	"roles/iam.serviceAccountTokenCreator": {
		"iam.serviceAccounts":      "get getAccessToken getOpenIdToken implicitDelegation list signBlob signJwt",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountOpenIdTokenCreator": {
		"iam.serviceAccounts": "getOpenIdToken",
	},
	"roles/iam.serviceAccountUser": {
		"iam.serviceAccounts":      "actAs get list",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountAdmin": {
		"iam.serviceAccounts":      "create delete disable enable get getIamPolicy list setIamPolicy undelete update",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountCreator": {
		"iam.serviceAccounts":      "create get list",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountDeleter": {
		"iam.serviceAccounts":      "delete get list",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountViewer": {
		"iam.serviceAccounts":      "get getIamPolicy list",
		"resourcemanager.projects": "get",
	},
	"roles/iam.serviceAccountKeyAdmin": {
		"iam.serviceAccounts":      "get list",
		"resourcemanager.projects": "get",
	},
	"roles/iam.workloadIdentityPoolAdmin": {
		"iam.workloadIdentityPoolProviders": "create delete get list undelete update",
		"iam.workloadIdentityPools":         "create delete get getAttestationRules getIamPolicy list setAttestationRules setIamPolicy undelete update",
		"resourcemanager.projects":          "get",
	},
	"roles/iam.workloadIdentityPoolViewer": {
		"iam.workloadIdentityPoolProviders": "get list",
		"iam.workloadIdentityPools":         "get getAttestationRules getIamPolicy list",
		"resourcemanager.projects":          "get",
	},
	"roles/iam.securityReviewer": {
		"iam.serviceAccounts":               "get getIamPolicy list",
		"iam.workloadIdentityPoolProviders": "list",
		"iam.workloadIdentityPools":         "getIamPolicy list",
		"pubsub.subscriptions":              "getIamPolicy list",
		"pubsub.topics":                     "getIamPolicy list",
		"resourcemanager.projects":          "getIamPolicy",
		"serviceusage.services":             "list",
		"storage.buckets":                   "getIamPolicy list",
		"storage.managedFolders":            "list",
		"storage.objects":                   "getIamPolicy list",
	},
	"roles/iam.securityAdmin": {
		"iam.serviceAccounts":               "get getIamPolicy list setIamPolicy",
		"iam.workloadIdentityPoolProviders": "list",
		"iam.workloadIdentityPools":         "getIamPolicy list setIamPolicy",
		"pubsub.subscriptions":              "getIamPolicy list setIamPolicy",
		"pubsub.topics":                     "getIamPolicy list setIamPolicy",
		"resourcemanager.projects":          "getIamPolicy setIamPolicy",
		"serviceusage.services":             "list",
		"storage.buckets":                   "getIamPolicy list setIamPolicy",
		"storage.managedFolders":            "list",
		"storage.objects":                   "getIamPolicy list setIamPolicy",
	},
	"roles/pubsub.publisher": {
		"pubsub.topics": "publish",
	},
	"roles/pubsub.subscriber": {
		"pubsub.subscriptions": "consume",
		"pubsub.topics":        "attachSubscription",
	},
	"roles/pubsub.viewer": {
		"pubsub.subscriptions":     "get list",
		"pubsub.topics":            "get list",
		"resourcemanager.projects": "get",
		"serviceusage.services":    "get list",
	},
	"roles/pubsub.editor": {
		"pubsub.subscriptions":     "consume create delete get list update",
		"pubsub.topics":            "attachSubscription create delete detachSubscription get list publish update",
		"resourcemanager.projects": "get",
		"serviceusage.services":    "get list",
	},
	"roles/pubsub.admin": {
		"pubsub.subscriptions":     "consume create delete get getIamPolicy list setIamPolicy update",
		"pubsub.topics":            "attachSubscription create delete detachSubscription get getIamPolicy list publish setIamPolicy update",
		"resourcemanager.projects": "get",
		"serviceusage.services":    "get list",
	},
	"roles/resourcemanager.projectIamAdmin": {
		"resourcemanager.projects": "get getIamPolicy setIamPolicy",
	},
	"roles/serviceusage.serviceUsageAdmin": {
		"serviceusage.services": "disable enable get list use",
	},
	"roles/serviceusage.serviceUsageViewer": {
		"serviceusage.services": "get list",
	},
	"roles/serviceusage.serviceUsageConsumer": {
		"serviceusage.services": "get list use",
	},
	"roles/storage.objectViewer": {
		"resourcemanager.projects": "get",
		"storage.managedFolders":   "get list",
		"storage.objects":          "get list",
	},
	"roles/storage.objectCreator": {
		"resourcemanager.projects": "get",
		"storage.objects":          "create",
	},
	"roles/storage.objectUser": {
		"resourcemanager.projects": "get",
		"storage.managedFolders":   "get list",
		"storage.objects":          "create delete get list update",
	},
	"roles/storage.objectAdmin": {
		"resourcemanager.projects": "get",
		"storage.managedFolders":   "get list",
		"storage.objects":          "create delete get getIamPolicy list setIamPolicy update",
	},
	"roles/storage.admin": {
		"resourcemanager.projects": "get",
		"storage.buckets":          "create delete get getIamPolicy list setIamPolicy update",
		"storage.managedFolders":   "get list",
		"storage.objects":          "create delete get getIamPolicy list setIamPolicy update",
	},
	"roles/storage.bucketViewer": {
		"storage.buckets": "get list",
	},
	"roles/storage.legacyBucketReader": {
		"storage.buckets":        "get",
		"storage.managedFolders": "get list",
		"storage.objects":        "list",
	},
	"roles/storage.legacyBucketWriter": {
		"storage.buckets":        "get",
		"storage.managedFolders": "get list",
		"storage.objects":        "create delete list",
	},
	"roles/storage.legacyBucketOwner": {
		"storage.buckets":        "get getIamPolicy setIamPolicy update",
		"storage.managedFolders": "get list",
		"storage.objects":        "create delete list",
	},
	"roles/storage.legacyObjectReader": {
		"storage.objects": "get",
	},
	"roles/storage.legacyObjectOwner": {
		"storage.objects": "get getIamPolicy setIamPolicy update",
	},
	"roles/storage.folderAdmin": {
		"resourcemanager.projects": "get",
		"storage.managedFolders":   "get list",
		"storage.objects":          "create delete get getIamPolicy list setIamPolicy update",
	},
})

// spell writes each permission out: storage.objects with "get list" is
// storage.objects.get and storage.objects.list.
func spell(roles map[string]map[string]string) map[string][]string {
	out := map[string][]string{}
	for role, resources := range roles {
		for resource, verbs := range resources {
			for verb := range strings.FieldsSeq(verbs) {
				out[role] = append(out[role], resource+"."+verb)
			}
		}
	}
	return out
}
