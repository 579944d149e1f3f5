package resource

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// repositoryRule is that of "CreateRepository".
var repositoryRule = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

const minRepositoryName, maxRepositoryName = 2, 256

// repository is inert: images are not modelled, so nothing can be pushed to it.
type repository struct {
	RepositoryName             string `cfn:"name"`
	ImageTagMutability         string
	ImageScanningConfiguration *struct{ ScanOnPush bool }
	EncryptionConfiguration    *struct {
		EncryptionType string `cfn:"required"`
		KmsKey         string
	} `cfn:"replace"`
	LifecyclePolicy *struct {
		LifecyclePolicyText string
		RegistryId          string
	}
	RepositoryPolicyText any
	EmptyOnDelete        bool
	Tags                 tags
}

func ecrTypes() []Type {
	return []Type{newInert("AWS::ECR::Repository", []string{"Arn", "RepositoryUri"}, inertKind[repository]{
		service: "Ecr",
		name: func(c *Call, p repository) string {
			if p.RepositoryName == "" {
				return lower(c.Name(maxRepositoryName))
			}
			return p.RepositoryName
		},
		arn: func(c *Call, name string) string {
			return "arn:aws:ecr:" + c.Region + ":" + c.Account + ":repository/" + name
		},
		attributes: func(c *Call, arn string) map[string]any {
			return map[string]any{"Arn": arn, "RepositoryUri": c.Account + ".dkr.ecr." + c.Region + ".amazonaws.com/" + c.PhysicalID}
		},
		tags:    func(p repository) tags { return p.Tags },
		tagging: "ecr:TagResource", untagging: "ecr:UntagResource",
		actions: repositoryActions,
		check:   checkRepository,
		taken: func(c *Call, name string) error {
			return api.Errorf(http.StatusBadRequest, "RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", name, c.Account)
		},
		missing: func(c *Call, name string) error {
			return api.Errorf(http.StatusBadRequest, "RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, c.Account)
		},
	})}
}

func repositoryActions(now, before *repository) (actions []string) {
	switch {
	case now == nil:
		return []string{"ecr:DeleteRepository"}
	case before == nil:
		actions, before = append(actions, "ecr:CreateRepository"), &repository{ImageTagMutability: now.ImageTagMutability}
	}
	for _, s := range []struct {
		needed bool
		action string
	}{
		{now.ImageTagMutability != before.ImageTagMutability, "ecr:PutImageTagMutability"},
		{now.ImageScanningConfiguration != nil, "ecr:PutImageScanningConfiguration"},
		{now.LifecyclePolicy != nil, "ecr:PutLifecyclePolicy"},
		{now.LifecyclePolicy == nil && before.LifecyclePolicy != nil, "ecr:DeleteLifecyclePolicy"},
		{now.RepositoryPolicyText != nil, "ecr:SetRepositoryPolicy"},
		{now.RepositoryPolicyText == nil && before.RepositoryPolicyText != nil, "ecr:DeleteRepositoryPolicy"},
	} {
		if s.needed {
			actions = append(actions, s.action)
		}
	}
	return actions
}

func checkRepository(c *Call, p repository) error {
	invalid := func(member, constraint string) error {
		return api.Errorf(http.StatusBadRequest, "InvalidParameterException", "Invalid parameter at '%s' failed to satisfy constraint: '%s'", member, constraint)
	}
	n := len(c.PhysicalID)
	switch {
	case n < minRepositoryName || n > maxRepositoryName || !repositoryRule.MatchString(c.PhysicalID):
		return invalid("repositoryName", `must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'`)
	case p.ImageTagMutability != "" && p.ImageTagMutability != "MUTABLE" && p.ImageTagMutability != "IMMUTABLE":
		return invalid("imageTagMutability", "Member must satisfy enum value set: [IMMUTABLE, MUTABLE]")
	case p.LifecyclePolicy != nil && !json.Valid([]byte(p.LifecyclePolicy.LifecyclePolicyText)):
		return invalid("LifecyclePolicyText", "Invalid JSON")
	case p.RepositoryPolicyText != nil && !json.Valid([]byte(*document(p.RepositoryPolicyText))):
		return invalid("PolicyText", "Invalid JSON")
	}
	return nil
}
