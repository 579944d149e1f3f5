package names

import (
	"fmt"
	"strings"
)

// Mapping is the attribute mapping of a provider for AWS, which is Google's default one
// written out (IAM API reference, "projects.locations.workloadIdentityPools.providers"): a
// provider with any mapping of its own gets no default.
func Mapping() map[string]string {
	return map[string]string{
		"google.subject": "assertion.arn",
		"attribute.aws_role": "assertion.arn.contains('assumed-role')" +
			" ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/')" +
			" : assertion.arn",
	}
}

// Condition is the condition of a provider that admits roles of an account. It compares for
// equality: a prefix would also admit roles whose names merely begin alike.
func Condition(account string, roles ...string) string {
	var all []string
	for _, role := range roles {
		all = append(all, fmt.Sprintf("attribute.aws_role == '%s'", AssumedRole(account, role)))
	}
	return strings.Join(all, " || ")
}
