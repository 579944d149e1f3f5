package iam

import (
	"net/http"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type versionShape struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       api.Timestamp
}

type versionOutput struct{ PolicyVersion versionShape }

func (p *managedPolicy) shape(v *policyVersion, document bool) versionShape {
	s := versionShape{VersionID: v.id, IsDefaultVersion: v.id == p.defaultVersion, CreateDate: api.Timestamp(v.created)}
	if document {
		s.Document = encodeDocument(v.text)
	}
	return s
}

type createVersionInput struct {
	PolicyArn      string
	PolicyDocument string
	SetAsDefault   bool
}

func (i *IAM) createPolicyVersion(r *api.Request, in *createVersionInput) (any, error) {
	return i.withPolicy(r, "CreatePolicyVersion", in.PolicyArn, i.ownPolicy, func(p *managedPolicy) (any, error) {
		d, err := parseManaged(in.PolicyDocument)
		if err != nil {
			return nil, err
		}
		if len(p.versions) >= maxPolicyVersions {
			return nil, api.Errorf(http.StatusConflict, "LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxPolicyVersions)
		}
		now := i.Now().UTC().Truncate(time.Second)
		v := p.add(d, now)
		if in.SetAsDefault {
			p.updated = now
			p.setDefault(v, i.Now(), i.Delay)
		}
		return versionOutput{p.shape(v, false)}, nil
	})
}

type versionInput struct {
	PolicyArn string
	VersionID string `param:"VersionId"`
}

func (i *IAM) deletePolicyVersion(r *api.Request, in *versionInput) (any, error) {
	return i.withPolicy(r, "DeletePolicyVersion", in.PolicyArn, i.ownPolicy, func(p *managedPolicy) (any, error) {
		if _, err := p.version(in.VersionID); err != nil {
			return nil, err
		}
		if in.VersionID == p.defaultVersion {
			return nil, api.Errorf(http.StatusConflict, "DeleteConflict", "Cannot delete the default version of a policy.")
		}
		p.versions = slices.DeleteFunc(p.versions, func(v policyVersion) bool { return v.id == in.VersionID })
		return nil, nil
	})
}

type policyPageInput struct {
	PolicyArn string
	Marker    string
	MaxItems  *int
}

func (i *IAM) listPolicyVersions(r *api.Request, in *policyPageInput) (any, error) {
	return i.withPolicy(r, "ListPolicyVersions", in.PolicyArn, i.findPolicy, func(p *managedPolicy) (any, error) {
		var shapes []versionShape
		for n := len(p.versions) - 1; n >= 0; n-- {
			shapes = append(shapes, p.shape(&p.versions[n], false))
		}
		shapes, next, err := page(shapes, in.Marker, in.MaxItems)
		return struct {
			Versions api.Members[versionShape]
			pageOutput
		}{api.MembersOf(shapes...), next}, err
	})
}
