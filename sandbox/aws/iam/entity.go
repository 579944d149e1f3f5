package iam

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// kind is the kind of an entity that carries policies.
type kind string

const (
	kindRole kind = "role"
	kindUser kind = "user"
)

// title is the kind in the name of an operation.
func (k kind) title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// document is a policy as it was sent and as it is evaluated.
type document struct {
	text   string
	parsed *policy.Document
}

// entity is what roles and users have in common.
type entity struct {
	kind     kind
	name     string
	path     string
	id       string
	arn      string
	created  time.Time
	tags     []api.Tag
	inline   map[string]document
	boundary string   // ARN of a managed policy, or empty
	attached []string // ARNs of managed policies, in the order they were attached
	rights   policy.Timeline[rights]
}

// rights are an entity's policies as they decide.
type rights struct {
	inline   []policy.Named
	attached []*managedPolicy
	boundary *managedPolicy // or nil
}

// settle lets a change of an entity's policies take effect after a delay.
// The caller holds the lock.
func (i *IAM) settle(e *entity, delay time.Duration) {
	var r rights
	for _, name := range slices.Sorted(maps.Keys(e.inline)) {
		r.inline = append(r.inline, policy.Named{Name: name, Document: e.inline[name].parsed})
	}
	for _, arn := range e.attached {
		if p, ok := i.policies[arn]; ok {
			r.attached = append(r.attached, p)
		}
	}
	r.boundary = i.policies[e.boundary]
	e.rights.Set(r, i.Now(), delay)
}

func (i *IAM) newEntity(k kind, name, path, idPrefix string) entity {
	return entity{
		kind: k, name: name, path: path, id: idPrefix + i.Text(idAlphabet, entityIDLength),
		arn:     i.arn(string(k) + path + name),
		created: i.Now().UTC().Truncate(time.Second), inline: map[string]document{},
	}
}

func (i *IAM) arn(resource string) string { return "arn:aws:iam::" + i.Account + ":" + resource }

// find returns the entity of that name. The caller holds the lock.
func (i *IAM) find(k kind, name string) (*entity, error) {
	if r, ok := i.roles[name]; ok && k == kindRole {
		return &r.entity, nil
	}
	if u, ok := i.users[name]; ok && k == kindUser {
		return &u.entity, nil
	}
	return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The %s with name %s cannot be found.", k, name)
}

// authorize checks that the caller may do action on the entity of that name.
// An entity that does not exist stands for one without a path, as it does in
// AWS, so that the answer does not reveal what exists.
func (i *IAM) authorize(r *api.Request, action string, k kind, name string, keys map[string][]string) error {
	arn := i.arn(string(k) + "/" + name)
	all := map[string][]string{}
	i.mu.RLock()
	if e, err := i.find(k, name); err == nil {
		arn = e.arn
		if e.boundary != "" {
			all[boundaryKey] = []string{e.boundary}
		}
		for _, t := range e.tags {
			all["aws:ResourceTag/"+t.Key] = []string{t.Value}
			all["iam:ResourceTag/"+t.Key] = []string{t.Value}
		}
	}
	i.mu.RUnlock()
	for key, values := range keys {
		all[key] = values
	}
	shown := string(k) + " " + name
	if strings.Contains(action, "Tag") {
		shown = arn
	}
	return authorize(r, "iam:"+action, arn, shown, all)
}

// authorize is r.Authorize for a resource that IAM shows otherwise than as its
// ARN in what it refuses.
func authorize(r *api.Request, action, arn, shown string, keys map[string][]string) error {
	d := r.Evaluate(action, arn, keys, policy.Set{})
	r.Record(action, arn, d)
	return r.Denied(action, shown, d)
}

// authorizeCreation checks the right to create something, and to tag it.
func authorizeCreation(r *api.Request, kind, arn, shown, boundary string, tags []api.Tag) error {
	keys := map[string][]string{}
	maps.Copy(keys, api.TagKeys(api.TagMap(tags)))
	if boundary != "" {
		keys[boundaryKey] = []string{boundary}
	}
	if err := authorize(r, "iam:Create"+kind, arn, shown, keys); err != nil || len(tags) == 0 {
		return err
	}
	return r.Authorize("iam:Tag"+kind, arn, api.TagKeys(api.TagMap(tags)))
}

// with authorizes a call about an entity, finds it and does the rest under the
// lock.
func (i *IAM) with(r *api.Request, action string, k kind, name string, keys map[string][]string, do func(*entity) (any, error)) (any, error) {
	if err := i.authorize(r, action, k, name, keys); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e, err := i.find(k, name)
	if err != nil {
		return nil, err
	}
	return do(e)
}

// withRole is with for what only roles have.
func (i *IAM) withRole(r *api.Request, action, name string, do func(*role) (any, error)) (any, error) {
	return i.with(r, action, kindRole, name, nil, func(*entity) (any, error) { return do(i.roles[name]) })
}

// size is a policy's size as quotas count it: without white space.
func size(text string) int {
	n := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

// parse reads the document in a parameter, and turns what is wrong with it into IAM's
// error. Documents have the characters U+0009, U+000A, U+000D and U+0020 to U+00FF: IAM
// API Reference, "CreatePolicy" and the others. The words are believed.
func parse(text, parameter string, k policy.Kind) (document, error) {
	if strings.ContainsFunc(text, func(c rune) bool { return c > '\u00ff' || c < ' ' && !strings.ContainsRune("\t\n\r", c) }) {
		return document{}, api.Errorf(http.StatusBadRequest, "ValidationError",
			"The specified value for %s is invalid. It must contain only printable ASCII characters.", parameter)
	}
	parsed, err := policy.Parse(text, k)
	var m *policy.Malformed
	if errors.As(err, &m) {
		return document{}, api.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", m.Message)
	}
	return document{text: text, parsed: parsed}, err
}
