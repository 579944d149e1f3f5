// Package kms models the keys of AWS KMS as far as services encrypt with them:
// symmetric keys with their policies and tags, enabled, disabled and scheduled for
// deletion, and the decision whether a caller may use a key through a service, by
// the key's policy and the caller's.
//
// It encrypts nothing: what S3 stores is readable by anyone who runs the sandbox.
// It does not model the use of keys by clients themselves (Encrypt, Decrypt,
// GenerateDataKey), aliases, grants, other kinds of keys, keys of AWS services,
// rotation, and other accounts; their parameters are refused by name.
package kms

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// KMS is the service. Make it with New.
type KMS struct {
	api.Options

	mu   sync.RWMutex
	keys map[string]*key
}

type key struct {
	id          string
	description string
	created     time.Time
	disabled    bool
	deletion    time.Time // zero for none
	text        string    // of the policy
	policy      *policy.Document
	tags        map[string]string
}

func (k *key) state() string {
	switch {
	case !k.deletion.IsZero():
		return "PendingDeletion"
	case k.disabled:
		return "Disabled"
	}
	return "Enabled"
}

// New returns a KMS without keys.
func New(o api.Options) *KMS { return &KMS{Options: o.WithDefaults(), keys: map[string]*key{}} }

// Service declares the KMS API.
func (s *KMS) Service() api.Service {
	return api.Service{Protocol: api.JSON{Target: "TrentService"}, Operations: map[string]api.Operation{
		"CreateKey":           api.Do(s.createKey),
		"DescribeKey":         api.Do(s.describeKey),
		"ListKeys":            api.Do(s.listKeys),
		"GetKeyPolicy":        api.Do(s.getKeyPolicy),
		"PutKeyPolicy":        api.Do(s.putKeyPolicy),
		"EnableKey":           api.Do(s.switchKey("EnableKey", false)),
		"DisableKey":          api.Do(s.switchKey("DisableKey", true)),
		"ScheduleKeyDeletion": api.Do(s.scheduleDeletion),
		"ListResourceTags":    api.Do(s.listTags),
	}}
}

func (s *KMS) arn(id string) string { return s.ARN("kms", "key/"+id) }

// evaluate decides by the key's policy, without whose leave the caller's own do
// not count: AWS KMS Developer Guide, "Key policies in AWS KMS".
func (s *KMS) evaluate(r *api.Request, action string, k *key, keys map[string][]string) error {
	arn := s.arn(k.id)
	d := r.Evaluate(action, arn, keys, policy.Set{Key: true, Resource: []policy.Named{{Name: "policy of key " + k.id, Document: k.policy}}})
	r.Record(action, arn, d)
	return r.Denied(action, arn, d)
}

// find finds a key by its id or ARN. The caller holds the lock.
func (s *KMS) find(ref string) (*key, error) {
	if strings.HasPrefix(ref, "alias/") || strings.Contains(ref, ":alias/") {
		return nil, api.NotModelled("KeyId " + ref)
	}
	if k, ok := s.keys[strings.TrimPrefix(ref, s.arn(""))]; ok {
		return k, nil
	}
	if !strings.HasPrefix(ref, "arn:") {
		ref = s.arn(ref)
	}
	return nil, api.Errorf(http.StatusBadRequest, "NotFoundException", "Key '%s' does not exist", ref)
}

// with finds a key and does something with it for a caller with the right to. Every
// caller learns whether a key exists; the key's policy decides about the rest.
func (s *KMS) with(r *api.Request, action, ref string, do func(*key) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if err := s.evaluate(r, "kms:"+action, k, nil); err != nil {
		return nil, err
	}
	return do(k)
}

// defaultPolicy is that of a key which is made without one: "Default key policy".
func (s *KMS) defaultPolicy() string {
	return `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` +
		s.Account + `:root"},"Action":"kms:*","Resource":"*"}]}`
}

// setPolicy gives a key a policy under which the caller may go on changing it,
// unless told otherwise.
func (s *KMS) setPolicy(r *api.Request, k *key, text string, bypass bool) error {
	d, err := policy.Parse(text, policy.Resource)
	var m *policy.Malformed
	if errors.As(err, &m) {
		return api.Errorf(http.StatusBadRequest, "MalformedPolicyDocumentException", "%s", m.Message)
	}
	if err != nil {
		return err
	}
	next := *k
	next.policy = d
	decision := r.Evaluate("kms:PutKeyPolicy", s.arn(k.id), nil, policy.Set{Key: true, Resource: []policy.Named{{Name: "policy of key " + k.id, Document: d}}})
	if !bypass && !decision.Allowed {
		return api.Errorf(http.StatusBadRequest, "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	}
	k.text, k.policy = text, d
	return nil
}

// tag is a tag of a key.
type tag struct{ TagKey, TagValue string }

type createInput struct {
	Policy                         string
	Description                    string
	KeyUsage                       string
	KeySpec                        string
	Origin                         string
	BypassPolicyLockoutSafetyCheck bool
	Tags                           []tag
}

func (s *KMS) createKey(r *api.Request, in *createInput) (any, error) {
	if err := r.Authorize("kms:CreateKey", "*", nil); err != nil {
		return nil, err
	}
	for _, m := range []struct{ name, value, modelled string }{{"KeyUsage", in.KeyUsage, "ENCRYPT_DECRYPT"}, {"KeySpec", in.KeySpec, "SYMMETRIC_DEFAULT"}, {"Origin", in.Origin, "AWS_KMS"}} {
		if m.value != "" && m.value != m.modelled {
			return nil, api.NotModelled(m.name + " " + m.value)
		}
	}
	id := s.UUID()
	k := &key{id: id, description: in.Description, created: s.Now(), tags: map[string]string{}}
	for _, t := range in.Tags {
		k.tags[t.TagKey] = t.TagValue
	}
	if in.Policy == "" {
		in.Policy = s.defaultPolicy()
	}
	if err := s.setPolicy(r, k, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = k
	return map[string]any{"KeyMetadata": s.metadata(k)}, nil
}

type keyMetadata struct {
	AWSAccountID string `json:"AWSAccountId"`
	KeyID        string `json:"KeyId"`
	Arn          string
	CreationDate api.Timestamp
	Enabled      bool
	Description  string
	KeyUsage     string
	KeyState     string
	Origin       string
	KeyManager   string
	KeySpec      string
	DeletionDate *api.Timestamp `json:",omitempty"`
}

func (s *KMS) metadata(k *key) keyMetadata {
	m := keyMetadata{
		AWSAccountID: s.Account, KeyID: k.id, Arn: s.arn(k.id), CreationDate: api.Timestamp(k.created), Enabled: k.state() == "Enabled", Description: k.description,
		KeyUsage: "ENCRYPT_DECRYPT", KeyState: k.state(), Origin: "AWS_KMS", KeyManager: "CUSTOMER", KeySpec: "SYMMETRIC_DEFAULT",
	}
	if !k.deletion.IsZero() {
		at := api.Timestamp(k.deletion)
		m.DeletionDate = &at
	}
	return m
}

type keyInput struct {
	KeyID string `json:"KeyId"`
}

func (s *KMS) describeKey(r *api.Request, in *keyInput) (any, error) {
	return s.with(r, "DescribeKey", in.KeyID, func(k *key) (any, error) {
		return map[string]any{"KeyMetadata": s.metadata(k)}, nil
	})
}

func (s *KMS) listKeys(r *api.Request, _ *struct{}) (any, error) {
	if err := r.Authorize("kms:ListKeys", "*", nil); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	keys := []map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(s.keys)) {
		keys = append(keys, map[string]string{"KeyId": id, "KeyArn": s.arn(id)})
	}
	return map[string]any{"Keys": keys, "Truncated": false}, nil
}

type policyInput struct {
	KeyID                          string `json:"KeyId"`
	PolicyName                     string
	Policy                         string
	BypassPolicyLockoutSafetyCheck bool
}

func (in *policyInput) check() error {
	if in.PolicyName != "" && in.PolicyName != "default" {
		return api.Errorf(http.StatusBadRequest, "NotFoundException", "No such policy exists")
	}
	return nil
}

func (s *KMS) getKeyPolicy(r *api.Request, in *policyInput) (any, error) {
	return s.with(r, "GetKeyPolicy", in.KeyID, func(k *key) (any, error) {
		return map[string]string{"Policy": k.text, "PolicyName": "default"}, in.check()
	})
}

func (s *KMS) putKeyPolicy(r *api.Request, in *policyInput) (any, error) {
	return s.with(r, "PutKeyPolicy", in.KeyID, func(k *key) (any, error) {
		if err := in.check(); err != nil {
			return nil, err
		}
		return nil, s.setPolicy(r, k, in.Policy, in.BypassPolicyLockoutSafetyCheck)
	})
}

func (s *KMS) switchKey(action string, disabled bool) func(*api.Request, *keyInput) (any, error) {
	return func(r *api.Request, in *keyInput) (any, error) {
		return s.with(r, action, in.KeyID, func(k *key) (any, error) {
			if !k.deletion.IsZero() {
				return nil, invalidState(s.arn(k.id), k)
			}
			k.disabled = disabled
			return nil, nil
		})
	}
}

type deletionInput struct {
	KeyID               string `json:"KeyId"`
	PendingWindowInDays *int
}

// The days that a key waits for its deletion: "ScheduleKeyDeletion".
const minWindow, maxWindow = 7, 30

func (s *KMS) scheduleDeletion(r *api.Request, in *deletionInput) (any, error) {
	days := maxWindow
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < minWindow || days > maxWindow {
		return nil, api.Errorf(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value '%d' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value between %d and %d", days, minWindow, maxWindow)
	}
	return s.with(r, "ScheduleKeyDeletion", in.KeyID, func(k *key) (any, error) {
		if !k.deletion.IsZero() {
			return nil, invalidState(s.arn(k.id), k)
		}
		k.deletion = s.Now().AddDate(0, 0, days)
		return map[string]any{"KeyId": s.arn(k.id), "DeletionDate": api.Timestamp(k.deletion), "KeyState": k.state(), "PendingWindowInDays": days}, nil
	})
}

func (s *KMS) listTags(r *api.Request, in *keyInput) (any, error) {
	return s.with(r, "ListResourceTags", in.KeyID, func(k *key) (any, error) {
		tags := []tag{}
		for _, name := range slices.Sorted(maps.Keys(k.tags)) {
			tags = append(tags, tag{name, k.tags[name]})
		}
		return map[string]any{"Tags": tags, "Truncated": false}, nil
	})
}

func invalidState(arn string, k *key) error {
	text := "is pending deletion."
	if k.state() == "Disabled" {
		text = "is disabled."
	}
	return api.Errorf(http.StatusBadRequest, "KMSInvalidStateException", "%s %s", arn, text)
}
