// Package iam models AWS Identity and Access Management: roles with trust
// policies, inline and managed policies, users with access keys, and the
// sessions that STS and services open, and the simulation of policies. It
// answers the IAM API, holds the key of
// every signature and decides every authorization of the local cloud.
//
// It does not model groups, instance profiles, MFA,
// passwords, SAML and OIDC providers, service-linked roles and last-used times;
// parameters for them are refused by name. With a delay, changes of policies
// have effect that much later; deletions of roles and users, keys and tags have
// it at once. A trust policy refers to principals by ARN for ever, where
// the real one loses a principal that is deleted and made again.
package iam

import (
	"crypto/rand"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// IAM is the service. Make it with New.
type IAM struct {
	account string
	now     func() time.Time
	random  io.Reader
	delay   time.Duration
	journal *journal.Journal

	protocol api.QueryProtocol

	mu       sync.RWMutex
	roles    map[string]*role
	users    map[string]*user
	policies map[string]*managedPolicy // by ARN, AWS's own among them
	keys     map[string]*accessKey     // by access key id
}

// Options are what IAM needs to know of its cloud.
type Options struct {
	Account string
	Now     func() time.Time // nil is time.Now
	Random  io.Reader        // nil is crypto/rand
	// Delay is how long a change of a policy takes to have effect.
	Delay time.Duration
	// Journal has the roles that services assume, as no request of theirs does.
	Journal *journal.Journal
}

// New returns an IAM that knows AWS's managed policies and nobody.
func New(o Options) (*IAM, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	i := &IAM{
		account: o.Account, now: o.Now, random: o.Random, delay: o.Delay, journal: o.Journal,
		roles: map[string]*role{}, users: map[string]*user{},
		policies: map[string]*managedPolicy{}, keys: map[string]*accessKey{},
	}
	i.protocol = api.QueryProtocol{Namespace: "https://iam.amazonaws.com/doc/2010-05-08/", Version: "2010-05-08", Operations: i.operations()}
	return i, i.publish()
}

// ServeAWS answers the IAM API.
func (i *IAM) ServeAWS(w http.ResponseWriter, r *api.Request) { i.protocol.ServeAWS(w, r) }

func (i *IAM) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"CreateRole":                  api.QueryOperation(i.createRole),
		"GetRole":                     api.QueryOperation(i.getRole),
		"ListRoles":                   api.QueryOperation(i.listRoles),
		"DeleteRole":                  api.QueryOperation(i.deleteRole),
		"UpdateRole":                  api.QueryOperation(i.updateRole),
		"UpdateRoleDescription":       api.QueryOperation(i.updateRoleDescription),
		"UpdateAssumeRolePolicy":      api.QueryOperation(i.updateAssumeRolePolicy),
		"TagRole":                     api.QueryOperation(i.tagRole),
		"UntagRole":                   api.QueryOperation(i.untagRole),
		"ListRoleTags":                api.QueryOperation(i.listRoleTags),
		"ListInstanceProfilesForRole": api.QueryOperation(i.listInstanceProfilesForRole),

		"PutRolePolicy":            api.QueryOperation(i.putPolicy(kindRole)),
		"GetRolePolicy":            api.QueryOperation(i.getInlinePolicy(kindRole)),
		"ListRolePolicies":         api.QueryOperation(i.listInlinePolicies(kindRole)),
		"DeleteRolePolicy":         api.QueryOperation(i.deleteInlinePolicy(kindRole)),
		"AttachRolePolicy":         api.QueryOperation(i.attachPolicy(kindRole)),
		"DetachRolePolicy":         api.QueryOperation(i.detachPolicy(kindRole)),
		"ListAttachedRolePolicies": api.QueryOperation(i.listAttachedPolicies(kindRole)),

		"CreatePolicy":            api.QueryOperation(i.createPolicy),
		"GetPolicy":               api.QueryOperation(i.getPolicy),
		"DeletePolicy":            api.QueryOperation(i.deletePolicy),
		"ListPolicies":            api.QueryOperation(i.listPolicies),
		"CreatePolicyVersion":     api.QueryOperation(i.createPolicyVersion),
		"GetPolicyVersion":        api.QueryOperation(i.getPolicyVersion),
		"DeletePolicyVersion":     api.QueryOperation(i.deletePolicyVersion),
		"ListPolicyVersions":      api.QueryOperation(i.listPolicyVersions),
		"SetDefaultPolicyVersion": api.QueryOperation(i.setDefaultPolicyVersion),
		"ListEntitiesForPolicy":   api.QueryOperation(i.listEntitiesForPolicy),

		"CreateUser":               api.QueryOperation(i.createUser),
		"GetUser":                  api.QueryOperation(i.getUser),
		"ListUsers":                api.QueryOperation(i.listUsers),
		"DeleteUser":               api.QueryOperation(i.deleteUser),
		"CreateAccessKey":          api.QueryOperation(i.createAccessKey),
		"ListAccessKeys":           api.QueryOperation(i.listAccessKeys),
		"DeleteAccessKey":          api.QueryOperation(i.deleteAccessKey),
		"PutUserPolicy":            api.QueryOperation(i.putPolicy(kindUser)),
		"GetUserPolicy":            api.QueryOperation(i.getInlinePolicy(kindUser)),
		"ListUserPolicies":         api.QueryOperation(i.listInlinePolicies(kindUser)),
		"DeleteUserPolicy":         api.QueryOperation(i.deleteInlinePolicy(kindUser)),
		"AttachUserPolicy":         api.QueryOperation(i.attachPolicy(kindUser)),
		"DetachUserPolicy":         api.QueryOperation(i.detachPolicy(kindUser)),
		"ListAttachedUserPolicies": api.QueryOperation(i.listAttachedPolicies(kindUser)),

		"SimulatePrincipalPolicy": api.QueryOperation(i.simulatePrincipalPolicy),
		"SimulateCustomPolicy":    api.QueryOperation(i.simulateCustomPolicy),

		"PutRolePermissionsBoundary":    api.QueryOperation(i.putBoundary(kindRole)),
		"DeleteRolePermissionsBoundary": api.QueryOperation(i.deleteBoundary(kindRole)),
		"PutUserPermissionsBoundary":    api.QueryOperation(i.putBoundary(kindUser)),
		"DeleteUserPermissionsBoundary": api.QueryOperation(i.deleteBoundary(kindUser)),
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

// text makes n random characters. Both alphabets have a power of two of them,
// so the remainder is not biased.
func (i *IAM) text(alphabet string, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(i.random, b); err != nil {
		return "", err
	}
	for k := range b {
		b[k] = alphabet[int(b[k])%len(alphabet)]
	}
	return string(b), nil
}
