package iam

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// accessKey is a key and whose it is: a user's, or a session of a role or user.
type accessKey struct {
	key      sigv4.Key
	issued   time.Time
	user     string // the user's name
	role     string // the role's name
	roleID   string // ends the session when the role is deleted
	session  string // the session's name
	policies []policy.Named
}

// newKey stores k with a fresh id and secret; with a duration it is temporary.
// The caller holds the lock.
func (i *IAM) newKey(k accessKey, d time.Duration) api.Credentials {
	prefix := "AKIA"
	k.issued = i.Now().UTC().Truncate(time.Second)
	if d > 0 {
		prefix = "ASIA"
		k.key.SessionToken = "IQoJb3JpZ2luX2Vj" + i.Text(secretAlphabet, tokenLength) // how real ones begin
		k.key.Expiration = k.issued.Add(d)
	}
	id := prefix + i.Text(idAlphabet, accessKeyIDLength)
	k.key.Secret = i.Text(secretAlphabet, secretLength)
	i.keys[id] = &k
	return api.Credentials{AccessKeyID: id, SecretAccessKey: k.key.Secret, SessionToken: k.key.SessionToken, Expiration: k.key.Expiration}
}

// Key finds the key of an access key id. A session ends with its role or user.
func (i *IAM) Key(accessKeyID string) (sigv4.Key, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	k, ok := i.keys[accessKeyID]
	if !ok || i.carrier(k) == nil {
		return sigv4.Key{}, false
	}
	return k.key, true
}

// carrier is the entity whose policies a key has, or nil when it is gone.
func (i *IAM) carrier(k *accessKey) *entity {
	if r, ok := i.roles[k.role]; ok && k.role != "" && r.id == k.roleID {
		return &r.entity
	}
	if u, ok := i.users[k.user]; ok && k.user != "" {
		return &u.entity
	}
	return nil
}

// Principal is the owner of a key.
func (i *IAM) Principal(accessKeyID string) (api.Principal, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	k, ok := i.keys[accessKeyID]
	if !ok {
		return api.Principal{}, false
	}
	e := i.carrier(k)
	if e == nil {
		return api.Principal{}, false
	}
	p := api.Principal{Type: api.User, Account: i.Account, ARN: e.arn, UserID: e.id, AccessKeyID: accessKeyID}
	if e.kind == kindRole {
		p.Type, p.RoleARN = api.AssumedRole, e.arn
		p.ARN = SessionARN(i.Account, e.name, k.session)
		p.UserID = e.id + ":" + k.session
	}
	return p, true
}

// SessionARN is the ARN of a role's session; it leaves out the role's path.
func SessionARN(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}

// Role is what STS needs to know of a role.
type Role struct {
	Name       string
	ARN        string
	ID         string
	MaxSession time.Duration
	Trust      []policy.Named // none while the role has not taken effect
}

// Role finds a role by its ARN.
func (i *IAM) Role(arn string) (Role, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	r, ok := i.roles[arn[strings.LastIndex(arn, "/")+1:]]
	if !ok || r.arn != arn {
		return Role{}, false
	}
	out := Role{Name: r.name, ARN: r.arn, ID: r.id, MaxSession: time.Duration(r.maxSession) * time.Second}
	if d := r.inEffect.At(i.Now()); d != nil {
		out.Trust = []policy.Named{{Name: r.name + " (trust)", Document: d}}
	}
	return out, true
}

// OpenSession opens a session of a role; whether it may be opened is STS's
// business. policies are session policies and limit it.
func (i *IAM) OpenSession(role Role, session string, d time.Duration, policies []policy.Named) (api.Credentials, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.newKey(accessKey{role: role.Name, roleID: role.ID, session: session, policies: policies}, d), nil
}

// ManagedPolicy returns the document in effect of a managed policy.
func (i *IAM) ManagedPolicy(arn string) (policy.Named, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	p, ok := i.policies[arn]
	if !ok {
		return policy.Named{}, false
	}
	d := p.inEffect.At(i.Now())
	return policy.Named{Name: p.name, ARN: arn, Document: d}, d != nil
}

// RoleID implements api.Sessions.
func (i *IAM) RoleID(roleARN string) (string, bool) {
	role, ok := i.Role(roleARN)
	return role.ID, ok
}

// ServiceRole implements api.Sessions.
func (i *IAM) ServiceRole(roleARN, service, session string, d time.Duration) (api.Credentials, error) {
	return i.ServiceRoleFor("", roleARN, service, session, d)
}

// ServiceRoleFor implements api.Sessions.
func (i *IAM) ServiceRoleFor(source, roleARN, service, session string, d time.Duration) (api.Credentials, error) {
	role, ok := i.Role(roleARN)
	if !ok {
		return api.Credentials{}, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The role with name %s cannot be found.", roleARN[strings.LastIndex(roleARN, "/")+1:])
	}
	keys := map[string][]string{
		"aws:PrincipalServiceName": {service}, "aws:PrincipalIsAWSService": {"true"}, "aws:SourceAccount": {i.Account},
		"sts:RoleSessionName": {session}, "aws:CurrentTime": {i.Now().UTC().Format(time.RFC3339)},
	}
	if source != "" {
		keys["aws:SourceArn"] = []string{source}
	}
	decision := policy.Evaluate(policy.Request{
		Caller: policy.Caller{Service: service}, Action: "sts:AssumeRole", Resource: roleARN, Context: keys,
	}, policy.Set{Resource: role.Trust, Trust: true})
	entry := journal.Entry{
		Time: i.Now(), Cloud: "aws", Service: "sts", Operation: "AssumeRole", Principal: service, Status: http.StatusOK, RequestID: rand.Text(),
		Decisions: []journal.Decision{{Action: "sts:AssumeRole", Resource: roleARN, Allowed: decision.Allowed, Reason: decision.Reason()}},
	}
	if !decision.Allowed {
		entry.Status, entry.Code = http.StatusForbidden, "AccessDenied"
	}
	i.Journal.Record(entry)
	if !decision.Allowed {
		return api.Credentials{}, api.Errorf(http.StatusForbidden, "AccessDenied", "%s is not authorized to perform: sts:AssumeRole on resource: %s", service, roleARN)
	}
	return i.OpenSession(role, session, d, nil)
}

// Forward implements api.Sessions.
func (i *IAM) Forward(caller api.Principal, d time.Duration) (api.Credentials, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.keys[caller.AccessKeyID]
	if !ok || i.carrier(k) == nil {
		return api.Credentials{}, api.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return i.newKey(accessKey{user: k.user, role: k.role, roleID: k.roleID, session: k.session, policies: k.policies}, d), nil
}
