package policy

import "strings"

// Resource is the kind of resource that a policy belongs to, which decides what
// roles it may grant.
type Resource int

const (
	Project Resource = iota
	ServiceAccount
	Bucket
	PubSub // topics and subscriptions
)

// grantable reports whether a role is one that is known and that the resource takes:
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
	case PubSub:
		return known && (basic || strings.HasPrefix(role, "roles/pubsub."))
	default:
		return known && storage
	}
}
