// Package iam models AWS Identity and Access Management: roles with trust policies,
// inline and managed policies, users with access keys, the sessions that STS and
// services open, and the simulation of policies. It answers the IAM API, holds the
// key of every signature and decides every authorization of the local cloud.
//
// It does not model groups, instance profiles, MFA, passwords, SAML and OIDC
// providers, service-linked roles and last-used times; parameters for them are
// refused by name. With a delay, changes of policies take effect that much later;
// deletions of roles, keys and tags take effect at once. A trust policy refers to
// principals by ARN forever, while the real one loses a principal that is deleted
// and made again.
package iam

import (
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// IAM is the service. Make it with New.
type IAM struct {
	Options

	mu       sync.RWMutex
	roles    map[string]*role
	users    map[string]*user
	policies map[string]*managedPolicy // by ARN, AWS's own among them
	keys     map[string]*accessKey     // by access key id
	oidc     map[string]*oidcProvider  // by ARN
}

// Options are what IAM needs to know of its cloud.
type Options struct {
	api.Options
	// Delay is how long a change of a policy takes to have effect.
	Delay time.Duration
	// Journal has the roles that services assume, as no request of theirs does.
	Journal *journal.Journal
}

// New returns an IAM with AWS's managed policies and no users or roles.
func New(o Options) (*IAM, error) {
	o.Options = o.WithDefaults()
	i := &IAM{
		Options: o,
		roles:   map[string]*role{}, users: map[string]*user{}, policies: map[string]*managedPolicy{}, keys: map[string]*accessKey{},
		oidc: map[string]*oidcProvider{},
	}
	return i, i.publish()
}

// Service declares the IAM API.
func (i *IAM) Service() api.Service {
	return api.Service{
		Protocol:   api.Query{Namespace: "https://iam.amazonaws.com/doc/2010-05-08/", Version: "2010-05-08"},
		Operations: i.operations(),
	}
}

func (i *IAM) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"CreateRole":                  api.Do(i.createRole),
		"GetRole":                     api.Do(i.getRole),
		"ListRoles":                   api.Do(i.listRoles),
		"DeleteRole":                  api.Do(i.deleteRole),
		"UpdateRole":                  api.Do(i.updateRole),
		"UpdateAssumeRolePolicy":      api.Do(i.updateAssumeRolePolicy),
		"TagRole":                     api.Do(i.tagRole),
		"UntagRole":                   api.Do(i.untagRole),
		"ListRoleTags":                api.Do(i.listRoleTags),
		"ListInstanceProfilesForRole": api.Do(i.listInstanceProfilesForRole),

		"PutRolePolicy":            api.Do(i.putPolicy(kindRole)),
		"GetRolePolicy":            api.Do(i.getInlinePolicy(kindRole)),
		"ListRolePolicies":         api.Do(i.listInlinePolicies(kindRole)),
		"DeleteRolePolicy":         api.Do(i.deleteInlinePolicy(kindRole)),
		"AttachRolePolicy":         api.Do(i.attachPolicy(kindRole)),
		"DetachRolePolicy":         api.Do(i.detachPolicy(kindRole)),
		"ListAttachedRolePolicies": api.Do(i.listAttachedPolicies(kindRole)),

		"CreatePolicy":        api.Do(i.createPolicy),
		"GetPolicy":           api.Do(i.getPolicy),
		"DeletePolicy":        api.Do(i.deletePolicy),
		"CreatePolicyVersion": api.Do(i.createPolicyVersion),
		"DeletePolicyVersion": api.Do(i.deletePolicyVersion),
		"ListPolicyVersions":  api.Do(i.listPolicyVersions),

		"CreateUser":      api.Do(i.createUser),
		"GetUser":         api.Do(i.getUser),
		"CreateAccessKey": api.Do(i.createAccessKey),
		"DeleteAccessKey": api.Do(i.deleteAccessKey),
		"PutUserPolicy":   api.Do(i.putPolicy(kindUser)),

		"CreateOpenIDConnectProvider": api.Do(i.createOIDCProvider),
		"GetOpenIDConnectProvider":    api.Do(i.getOIDCProvider),
		"DeleteOpenIDConnectProvider": api.Do(i.deleteOIDCProvider),

		"SimulatePrincipalPolicy": api.Do(i.simulatePrincipalPolicy),

		"PutRolePermissionsBoundary":    api.Do(i.putBoundary(kindRole)),
		"DeleteRolePermissionsBoundary": api.Do(i.deleteBoundary(kindRole)),
	}
}

// The alphabets of what AWS makes up: ids, secrets and tokens.
const (
	idAlphabet     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)

// Lengths of what follows an id's prefix; see "IAM identifiers".
const (
	entityIDLength    = 17
	accessKeyIDLength = 16
	secretLength      = 40
	tokenLength       = 320
)
