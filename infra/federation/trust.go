package federation

import (
	"fmt"
	"strings"

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

// condition admits these roles. It compares for equality: a prefix would also admit
// roles whose names merely begin alike.
func (t trust) condition() string {
	var roles []string
	for _, role := range t.roles {
		roles = append(roles, fmt.Sprintf("attribute.aws_role == '%s'", names.AssumedRole(t.account, role)))
	}
	return strings.Join(roles, " || ")
}

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
