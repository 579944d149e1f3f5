package infra

import (
	"fmt"
	"slices"
	"strings"
)

// Role is an IAM role.
type Role struct {
	Account string // AWS account id, 12 digits
	Name    string
}

// assumedRole is the value of attribute.aws_role for every session of the role.
func (r Role) assumedRole() string {
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s", r.Account, r.Name)
}

// principalSet is the member that stands for all sessions of the role. pool is
// the pool's resource name with the project's number.
func (r Role) principalSet(pool string) string {
	return fmt.Sprintf("principalSet://iam.googleapis.com/%s/attribute.aws_role/%s", pool, r.assumedRole())
}

// trust is everything by which one provider recognises the roles of one AWS
// account. Mapping, condition and principals stand together because they only work
// together: the bindings name the values that the mapping makes and the condition
// compares.
type trust struct {
	account  string
	provider string // its id
	roles    []Role
}

// trusts are one for each account, that of the component's own role first.
func (a *FederationArgs) trusts() []trust {
	own := Role{a.AWSAccount, a.AWSRole}
	all := []trust{{a.AWSAccount, a.Provider, []Role{own}}}
	for _, p := range a.Trusted {
		i := slices.IndexFunc(all, func(t trust) bool { return t.account == p.Account })
		if i < 0 {
			i = len(all)
			all = append(all, trust{account: p.Account, provider: p.Provider})
		}
		all[i].roles = append(all[i].roles, p.Role)
	}
	return all
}

// mapping is the attribute mapping, which is Google's default one written out
// (IAM API reference, "projects.locations.workloadIdentityPools.providers"):
// a provider with any mapping of its own gets no default.
func (t trust) mapping() map[string]string {
	return map[string]string{
		"google.subject": "assertion.arn",
		"attribute.aws_role": "assertion.arn.contains('assumed-role')" +
			" ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/')" +
			" : assertion.arn",
	}
}

// condition admits these roles. It compares for equality: a prefix would also
// admit roles whose names merely begin alike.
func (t trust) condition() string {
	var roles []string
	for _, r := range t.roles {
		roles = append(roles, fmt.Sprintf("attribute.aws_role == '%s'", r.assumedRole()))
	}
	return strings.Join(roles, " || ")
}

// admits says for people whom the provider admits.
func (t trust) admits() string {
	if len(t.roles) == 1 {
		return "Admits the role " + t.roles[0].Name
	}
	return fmt.Sprintf("Admits %d roles, the first is %s", len(t.roles), t.roles[0].Name)
}
