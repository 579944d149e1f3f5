package ecr

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type nameInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
}

type policyInput struct {
	nameInput
	PolicyText string `json:"policyText"`
	Force      bool   `json:"force"`
}

type policyAnswer struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText"`
}

func (s *Server) setRepositoryPolicy(r *api.Request, in *policyInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "SetRepositoryPolicy", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := validJSON("policyText", in.PolicyText); err != nil {
		return nil, err
	}
	repo.policy = in.PolicyText
	return policyAnswer{s.account, repo.name, repo.policy}, nil
}

func (s *Server) noPolicy(repo *repository) error {
	return api.Errorf(http.StatusBadRequest, "RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", repo.name, s.account)
}

func (s *Server) getRepositoryPolicy(r *api.Request, in *nameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "GetRepositoryPolicy", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if repo.policy == "" {
		return nil, s.noPolicy(repo)
	}
	return policyAnswer{s.account, repo.name, repo.policy}, nil
}

func (s *Server) deleteRepositoryPolicy(r *api.Request, in *nameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "DeleteRepositoryPolicy", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if repo.policy == "" {
		return nil, s.noPolicy(repo)
	}
	old := repo.policy
	repo.policy = ""
	return policyAnswer{s.account, repo.name, old}, nil
}

type lifecycleInput struct {
	nameInput
	LifecyclePolicyText string `json:"lifecyclePolicyText"`
}

type lifecycleAnswer struct {
	RegistryID          string `json:"registryId"`
	RepositoryName      string `json:"repositoryName"`
	LifecyclePolicyText string `json:"lifecyclePolicyText"`
}

func (s *Server) putLifecyclePolicy(r *api.Request, in *lifecycleInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "PutLifecyclePolicy", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := validJSON("LifecyclePolicyText", in.LifecyclePolicyText); err != nil {
		return nil, err
	}
	repo.lifecycle = in.LifecyclePolicyText
	return lifecycleAnswer{s.account, repo.name, repo.lifecycle}, nil
}

func (s *Server) lifecycle(r *api.Request, action string, in *nameInput) (*repository, error) {
	repo, err := s.find(r, action, in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if repo.lifecycle == "" {
		return nil, api.Errorf(http.StatusBadRequest, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", repo.name, s.account)
	}
	return repo, nil
}

func (s *Server) getLifecyclePolicy(r *api.Request, in *nameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.lifecycle(r, "GetLifecyclePolicy", in)
	if err != nil {
		return nil, err
	}
	return lifecycleAnswer{s.account, repo.name, repo.lifecycle}, nil
}

func (s *Server) deleteLifecyclePolicy(r *api.Request, in *nameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.lifecycle(r, "DeleteLifecyclePolicy", in)
	if err != nil {
		return nil, err
	}
	old := repo.lifecycle
	repo.lifecycle = ""
	return lifecycleAnswer{s.account, repo.name, old}, nil
}

type mutabilityInput struct {
	nameInput
	ImageTagMutability string `json:"imageTagMutability"`
}

func (s *Server) putMutability(r *api.Request, in *mutabilityInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "PutImageTagMutability", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := checkMutability(in.ImageTagMutability); err != nil {
		return nil, err
	}
	repo.mutability = in.ImageTagMutability
	return map[string]string{"registryId": s.account, "repositoryName": repo.name, "imageTagMutability": repo.mutability}, nil
}

type scanningInput struct {
	nameInput
	Scanning scanning `json:"imageScanningConfiguration"`
}

func (s *Server) putScanning(r *api.Request, in *scanningInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "PutImageScanningConfiguration", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	repo.scanOnPush = in.Scanning.ScanOnPush
	return map[string]any{"registryId": s.account, "repositoryName": repo.name, "imageScanningConfiguration": in.Scanning}, nil
}

type tagInput struct {
	ResourceArn string   `json:"resourceArn"`
	Tags        []tag    `json:"tags"`
	TagKeys     []string `json:"tagKeys"`
}

// tagged finds the repository of an ARN.
func (s *Server) tagged(r *api.Request, action, arn string) (*repository, error) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return nil, invalid("Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")
	}
	return s.find(r, action, "", name)
}

func (s *Server) tagResource(r *api.Request, in *tagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.tagged(r, "TagResource", in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		repo.tags[t.Key] = t.Value
	}
	return nil, nil
}

func (s *Server) untagResource(r *api.Request, in *tagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.tagged(r, "UntagResource", in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(repo.tags, key)
	}
	return nil, nil
}

func (s *Server) listTags(r *api.Request, in *tagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.tagged(r, "ListTagsForResource", in.ResourceArn)
	if err != nil {
		return nil, err
	}
	result := struct {
		Tags []tag `json:"tags"`
	}{Tags: []tag{}}
	for _, key := range slices.Sorted(maps.Keys(repo.tags)) {
		result.Tags = append(result.Tags, tag{key, repo.tags[key]})
	}
	return result, nil
}
