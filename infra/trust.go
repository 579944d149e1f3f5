package infra

import "fmt"

// trust is everything by which Google's side recognises one AWS role. Mapping,
// condition and principal stand together because they only work together: the
// binding names the value that the mapping makes and the condition compares.
type trust struct {
	account string // AWS account id, 12 digits
	role    string // IAM role name
}

// assumedRole is the value of attribute.aws_role for every session of the role.
func (t trust) assumedRole() string {
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s", t.account, t.role)
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

// condition admits the one role. It compares for equality: a prefix would also
// admit roles whose names merely begin alike.
func (t trust) condition() string {
	return fmt.Sprintf("attribute.aws_role == '%s'", t.assumedRole())
}

// principalSet is the member that stands for all sessions of the role. pool is
// the pool's resource name with the project's number.
func (t trust) principalSet(pool string) string {
	return fmt.Sprintf("principalSet://iam.googleapis.com/%s/attribute.aws_role/%s", pool, t.assumedRole())
}
