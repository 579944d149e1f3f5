package environment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// maxTrusted keeps the condition of a provider within 4096 characters (IAM API
// reference, "projects.locations.workloadIdentityPools.providers"), even if all
// roles are in one account and have the longest names.
const maxTrusted = 20

// AWSRole is an IAM role by account and name.
type AWSRole struct {
	Account string // 12 digits
	Name    string
}

// Trusted returns the roles, besides the function's, that Google's side admits.
func (e Environment) Trusted() []AWSRole {
	roles, _, _ := e.parseTrusted() // already checked
	return roles
}

// parseTrusted parses ACCOUNT:ROLE,ROLE; it returns the rule that the text
// breaks, and a hint.
func (e Environment) parseTrusted() (roles []AWSRole, rule, hint string) {
	if e.TrustedRoles == "" {
		return nil, "", ""
	}
	const form = "must be roles separated by commas: ROLE of awsAccount, or ACCOUNT:ROLE"
	for text := range strings.SplitSeq(e.TrustedRoles, ",") {
		text = strings.TrimSpace(text)
		account, name, found := strings.Cut(text, ":")
		if !found {
			account, name = e.AWSAccount, text
		}
		role := AWSRole{account, name}
		_, _, named := names.Role(name)
		switch {
		case !isAccount(account):
			return nil, form, fmt.Sprintf("in %q the account must be 12 digits; do not give an ARN or a path", text)
		case !named:
			return nil, form, fmt.Sprintf("in %q the role must be 1 to %d letters, digits and _+=.@-; do not give an ARN or a path", text, names.MaxRole)
		case role == AWSRole{e.AWSAccount, e.Role}:
			return nil, "must not name the function's own role", e.Role + " is always trusted; leave it out"
		case slices.Contains(roles, role):
			return nil, "must name each role once", fmt.Sprintf("%s of account %s is listed twice", name, account)
		case e.ProviderOf(account) == e.Provider && account != e.AWSAccount:
			return nil, form, fmt.Sprintf("the provider of account %s would have the ID %s, as the function's own; choose another provider", account, e.Provider)
		}
		roles = append(roles, role)
	}
	if len(roles) > maxTrusted {
		return nil, fmt.Sprintf("must name at most %d roles", maxTrusted), fmt.Sprintf("there are %d; create another environment for more", len(roles))
	}
	return roles, "", ""
}

func checkTrusted(e *Environment) (string, string, bool) {
	_, rule, hint := e.parseTrusted()
	return rule, hint, rule == ""
}

// Providers returns the ids of all providers of the pool, the function's own first.
func (e Environment) Providers() []string {
	ids := []string{e.Provider}
	for _, role := range e.Trusted() {
		if id := e.ProviderOf(role.Account); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ProviderOf returns the id of the provider that admits an account's roles, since
// an AWS provider admits only one account. It is the environment's own for its
// own account; for another, the account is appended, and the first part is cut to
// the maximum length of an id.
func (e Environment) ProviderOf(account string) string {
	if account == e.AWSAccount {
		return e.Provider
	}
	beginning := e.Provider[:min(len(e.Provider), names.MaxPool-len(account)-1)]
	return strings.TrimRight(beginning, "-") + "-" + account
}
