package inventory

import (
	"fmt"
	"path"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// records are the resources in the state of an environment's Pulumi stack.
type records []engine.Resource

// The types of the resources that an environment's program makes: Pulumi Registry,
// "Google Cloud".
const (
	typeAccount  = "gcp:serviceaccount/account:Account"
	typePool     = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
	typeProvider = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"

	typeTopic        = "gcp:pubsub/topic:Topic"
	typeSubscription = "gcp:pubsub/subscription:Subscription"
	typeNotification = "gcp:storage/notification:Notification"

	typeOnAccount = "gcp:serviceaccount/iAMMember:IAMMember"
	typeOnBucket  = "gcp:storage/bucketIAMMember:BucketIAMMember"
	typeOnProject = "gcp:projects/iAMMember:IAMMember"
	typeOnTopic   = "gcp:pubsub/topicIAMMember:TopicIAMMember"

	typeOnSubscription = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
)

// CheckRecords checks that resources in the state of a Pulumi stack are those of an
// environment. Project folders can share a backend, and then two environments of one
// name share a stack: destroying it would take the other one down.
func CheckRecords(env environment.Environment, recorded []engine.Resource) error {
	const hint = "hint: give the environment another name, or its state another place (PULUMI_BACKEND_URL); if you changed account, region, project or suffix in its file, set it back, take the environment down, and change it then"
	for _, r := range recorded {
		if mark, ok := environment.FindMark(r.Text("description")); ok && !mark.Same(env.Mark()) {
			return fmt.Errorf(
				"the state of the Pulumi stack %s is that of another environment: it has %s, whose mark is %s, not %s; %s",
				env.Name,
				r.ID,
				mark,
				env.Mark(),
				hint,
			)
		}
		if project := r.Text("project"); project != "" && r.Custom && project != env.GoogleProject && strings.HasPrefix(r.Type, "gcp:") {
			return fmt.Errorf(
				"the state of the Pulumi stack %s is that of another environment: it has %s in the project %s, not %s; %s",
				env.Name,
				r.ID,
				project,
				env.GoogleProject,
				hint,
			)
		}
	}
	return nil
}

// names are the last parts of the ids of the resources of a type, after those given.
func (all records) names(kind string, given ...string) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, name := range given {
		if !seen[name] {
			seen[name], out = true, append(out, name)
		}
	}
	for _, r := range all {
		if name := path.Base(r.ID); r.Type == kind && !seen[name] {
			seen[name], out = true, append(out, name)
		}
	}
	return out
}

// urns are the records of resources of a type whose ids end like this.
func (all records) urns(kind, end string) []string {
	var out []string
	for _, r := range all {
		if r.Type == kind && (r.ID == end || strings.HasSuffix(r.ID, "/"+end)) {
			out = append(out, r.URN)
		}
	}
	return out
}

// account reports whether a service account is recorded, by the id that a later one of
// its address cannot have.
func (all records) account(email, uniqueID string) bool {
	for _, r := range all {
		if r.Type == typeAccount && r.Text("email") == email && r.Text("uniqueId") == uniqueID {
			return true
		}
	}
	return false
}

// uniqueIDs are the recorded ids of the service accounts of an address.
func (all records) uniqueIDs(email string) []string {
	var out []string
	for _, r := range all {
		if r.Type == typeAccount && r.Text("email") == email && r.Text("uniqueId") != "" {
			out = append(out, r.Text("uniqueId"))
		}
	}
	return out
}

// buckets are the names of the buckets of which a grant is recorded, after those given.
func (all records) buckets(given ...string) []string {
	seen := map[string]bool{}
	for _, name := range given {
		seen[name] = true
	}
	for _, r := range all {
		if name := r.Text("bucket"); r.Type == typeOnBucket && name != "" && !seen[name] {
			seen[name], given = true, append(given, name)
		}
	}
	return given
}

// grant are the records of a grant.
func (all records) grant(b binding) []string {
	var out []string
	for _, r := range all {
		on := map[string]string{typeOnAccount: onAccount, typeOnBucket: onBucket, typeOnProject: onProject, typeOnTopic: onTopic, typeOnSubscription: onSubscription}[r.Type]
		where := map[string]string{
			onAccount: path.Base(r.Text("serviceAccountId")), onBucket: r.Text("bucket"), onProject: r.Text("project"),
			onTopic: path.Base(r.Text("topic")), onSubscription: path.Base(r.Text("subscription")),
		}[on]
		if on == b.kind && where == b.on && r.Text("role") == b.role && r.Text("member") == b.member {
			out = append(out, r.URN)
		}
	}
	return out
}
