package federation

import (
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// maxCondition is the longest condition of a provider, in characters: IAM API
// reference, "projects.locations.workloadIdentityPools.providers".
const maxCondition = 4096

// trust is everything by which one provider recognises the roles of one AWS account.
// Mapping, condition and principals are in one place because they only work together:
// the bindings name the values that the mapping makes and the condition compares.
type trust struct {
	account string
	roles   []string
}

// condition admits these roles.
func (t trust) condition() string { return names.Condition(t.account, t.roles...) }

// principalSet is the IAM member for all sessions of a role. pool is the
// pool's resource name with the project's number.
func (t trust) principalSet(pool string, role int) string {
	return fmt.Sprintf("principalSet://iam.googleapis.com/%s/attribute.aws_role/%s", pool, names.AssumedRole(t.account, t.roles[role]))
}

// admits describes whom the provider admits.
func (t trust) admits() string {
	if len(t.roles) == 1 {
		return "Admits the role " + t.roles[0]
	}
	return fmt.Sprintf("Admits %s and %d more", t.roles[0], len(t.roles)-1)
}
