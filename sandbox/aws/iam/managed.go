package iam

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// managedPolicy is a customer's or AWS's managed policy.
type managedPolicy struct {
	name, path, id, arn string
	description         string
	created, updated    time.Time
	tags                []api.Tag
	versions            []policyVersion // oldest first
	defaultVersion      string
	counter             int // of versions ever made; a number is never used again
	inEffect            policy.Timeline[*policy.Document]
}

type policyVersion struct {
	id      string
	created time.Time
	document
}

// setDefault makes a version the one that decides.
func (p *managedPolicy) setDefault(v *policyVersion, now time.Time, delay time.Duration) {
	p.defaultVersion = v.id
	p.inEffect.Set(v.parsed, now, delay)
}

func (p *managedPolicy) version(id string) (*policyVersion, error) {
	for n := range p.versions {
		if p.versions[n].id == id {
			return &p.versions[n], nil
		}
	}
	return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", p.arn, id)
}

func (p *managedPolicy) add(d document, now time.Time) *policyVersion {
	p.counter++
	p.versions = append(p.versions, policyVersion{id: fmt.Sprintf("v%d", p.counter), created: now, document: d})
	return &p.versions[len(p.versions)-1]
}

type policyShape struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId"`
	ARN                           string `xml:"Arn"`
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    api.Timestamp
	UpdateDate                    api.Timestamp
	Tags                          *api.Members[api.Tag] `xml:",omitempty"`
}

func (i *IAM) policyShape(p *managedPolicy) policyShape {
	s := policyShape{
		PolicyName: p.name, PolicyID: p.id, ARN: p.arn, Path: p.path, DefaultVersionID: p.defaultVersion,
		AttachmentCount: len(i.carriers(p.arn)), PermissionsBoundaryUsageCount: i.bounded(p.arn), IsAttachable: true, Description: p.description,
		CreateDate: api.Timestamp(p.created), UpdateDate: api.Timestamp(p.updated),
	}
	if len(p.tags) > 0 {
		m := api.MembersOf(p.tags...)
		s.Tags = &m
	}
	return s
}

// carriers returns the entities that a managed policy is attached to.
func (i *IAM) carriers(arn string) []*entity {
	var out []*entity
	for _, name := range slices.Sorted(maps.Keys(i.roles)) {
		if slices.Contains(i.roles[name].attached, arn) {
			out = append(out, &i.roles[name].entity)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.users)) {
		if slices.Contains(i.users[name].attached, arn) {
			out = append(out, &i.users[name].entity)
		}
	}
	return out
}

func (i *IAM) findPolicy(arn string) (*managedPolicy, error) {
	if p, ok := i.policies[arn]; ok {
		return p, nil
	}
	return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", arn)
}

// ownPolicy finds a policy that its account may change.
func (i *IAM) ownPolicy(arn string) (*managedPolicy, error) {
	if strings.HasPrefix(arn, awsPolicyPrefix) {
		return nil, api.Errorf(http.StatusForbidden, "AccessDenied", "AWS managed policies cannot be changed: %s", arn)
	}
	return i.findPolicy(arn)
}

// withPolicy authorizes a call about a policy, finds it and does the rest under
// the lock.
func (i *IAM) withPolicy(r *api.Request, action, arn string, find func(arn string) (*managedPolicy, error), do func(*managedPolicy) (any, error)) (any, error) {
	if err := authorize(r, "iam:"+action, arn, "policy "+arn, nil); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	p, err := find(arn)
	if err != nil {
		return nil, err
	}
	return do(p)
}

type createPolicyInput struct {
	PolicyName     string
	PolicyDocument string
	Path           string
	Description    string
	Tags           []api.Tag
}

type policyOutput struct{ Policy policyShape }

func (i *IAM) createPolicy(r *api.Request, in *createPolicyInput) (any, error) {
	if err := checkName(in.PolicyName, "policyName", maxPolicyName); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	arn := i.arn("policy" + path + in.PolicyName)
	if err := authorizeCreation(r, "Policy", arn, "policy "+in.PolicyName, "", in.Tags); err != nil {
		return nil, err
	}
	d, err := parseManaged(in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	now := i.Now().UTC().Truncate(time.Second)
	p := &managedPolicy{
		name: in.PolicyName, path: path, id: "ANPA" + i.Text(idAlphabet, entityIDLength), arn: arn, description: in.Description,
		created: now, updated: now,
	}
	if p.tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	p.setDefault(p.add(d, now), now, i.Delay)
	i.mu.Lock()
	defer i.mu.Unlock()
	for other, existing := range i.policies {
		if !strings.HasPrefix(other, awsPolicyPrefix) && strings.EqualFold(existing.name, in.PolicyName) {
			return nil, api.Errorf(http.StatusConflict, "EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", in.PolicyName)
		}
	}
	i.policies[arn] = p
	return policyOutput{i.policyShape(p)}, nil
}

func parseManaged(text string) (document, error) {
	if size(text) > maxManagedPolicy {
		return document{}, api.Errorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for PolicySize: %d", maxManagedPolicy)
	}
	return parse(text, "policyDocument", policy.Identity)
}

type policyArnInput struct{ PolicyArn string }

func (i *IAM) getPolicy(r *api.Request, in *policyArnInput) (any, error) {
	return i.withPolicy(r, "GetPolicy", in.PolicyArn, i.findPolicy, func(p *managedPolicy) (any, error) {
		return policyOutput{i.policyShape(p)}, nil
	})
}

func (i *IAM) deletePolicy(r *api.Request, in *policyArnInput) (any, error) {
	return i.withPolicy(r, "DeletePolicy", in.PolicyArn, i.ownPolicy, func(p *managedPolicy) (any, error) {
		if len(i.carriers(p.arn))+i.bounded(p.arn) > 0 {
			return nil, api.Errorf(http.StatusConflict, "DeleteConflict", "Cannot delete a policy attached to entities.")
		}
		if len(p.versions) > 1 {
			return nil, api.Errorf(http.StatusConflict, "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		delete(i.policies, p.arn)
		return nil, nil
	})
}
