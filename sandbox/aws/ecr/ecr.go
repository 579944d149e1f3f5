// Package ecr is the part of Amazon ECR that a CDK bootstrap needs: private
// repositories with their settings.
//
// Modelled: creating, describing and deleting repositories, their policy,
// lifecycle policy, tag mutability, scanning setting and tags.
//
// Not modelled: images and layers, so repositories are always empty and nothing
// can be pushed to or pulled from them; GetAuthorizationToken, replication,
// pull-through caches, the evaluation of repository policies and the running of
// lifecycle policies.
package ecr

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Server is the service. Make it with New.
type Server struct {
	account, region string
	now             func() time.Time
	protocol        api.JSONProtocol

	mu           sync.Mutex
	repositories map[string]*repository
}

// repository is one repository. Server.mu guards it.
type repository struct {
	name, mutability  string
	created           time.Time
	scanOnPush        bool
	encryption        encryption
	policy, lifecycle string
	tags              map[string]string
}

// Options say where the service is.
type Options struct {
	Account, Region string
	Now             func() time.Time // nil is time.Now
}

// New makes the service.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{account: o.Account, region: o.Region, now: o.Now, repositories: map[string]*repository{}}
	s.protocol = api.JSONProtocol{Prefix: "AmazonEC2ContainerRegistry_V20150921", Operations: map[string]api.Operation{
		"CreateRepository":              api.JSONOperation(s.createRepository),
		"DeleteLifecyclePolicy":         api.JSONOperation(s.deleteLifecyclePolicy),
		"DeleteRepository":              api.JSONOperation(s.deleteRepository),
		"DeleteRepositoryPolicy":        api.JSONOperation(s.deleteRepositoryPolicy),
		"DescribeRepositories":          api.JSONOperation(s.describeRepositories),
		"GetLifecyclePolicy":            api.JSONOperation(s.getLifecyclePolicy),
		"GetRepositoryPolicy":           api.JSONOperation(s.getRepositoryPolicy),
		"ListTagsForResource":           api.JSONOperation(s.listTags),
		"PutImageScanningConfiguration": api.JSONOperation(s.putScanning),
		"PutImageTagMutability":         api.JSONOperation(s.putMutability),
		"PutLifecyclePolicy":            api.JSONOperation(s.putLifecyclePolicy),
		"SetRepositoryPolicy":           api.JSONOperation(s.setRepositoryPolicy),
		"TagResource":                   api.JSONOperation(s.tagResource),
		"UntagResource":                 api.JSONOperation(s.untagResource),
	}}
	return s
}

// ServeAWS answers one request.
func (s *Server) ServeAWS(w http.ResponseWriter, r *api.Request) { s.protocol.ServeAWS(w, r) }

// nameRule is that of "CreateRepository", with its length.
var nameRule = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

const minName, maxName = 2, 256

func (s *Server) arn(name string) string {
	return "arn:aws:ecr:" + s.region + ":" + s.account + ":repository/" + name
}

func (s *Server) uri(name string) string {
	return s.account + ".dkr.ecr." + s.region + ".amazonaws.com/" + name
}

func invalid(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "InvalidParameterException", format, args...)
}

func (s *Server) missing(name string) error {
	return api.Errorf(http.StatusBadRequest, "RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, s.account)
}

// find checks the right to do action on a repository and that it exists.
// Server.mu must be held.
func (s *Server) find(r *api.Request, action, registry, name string) (*repository, error) {
	if registry != "" && registry != s.account {
		return nil, api.NotModelled("registryId of another account")
	}
	if err := r.Authorize("ecr:"+action, s.arn(name), nil); err != nil {
		return nil, err
	}
	repo := s.repositories[name]
	if repo == nil {
		return nil, s.missing(name)
	}
	return repo, nil
}

type tag struct{ Key, Value string }

type encryption struct {
	EncryptionType string `json:"encryptionType"`
	KmsKey         string `json:"kmsKey,omitempty"`
}

type scanning struct {
	ScanOnPush bool `json:"scanOnPush"`
}

type createInput struct {
	RegistryID         string     `json:"registryId"`
	RepositoryName     string     `json:"repositoryName"`
	ImageTagMutability string     `json:"imageTagMutability"`
	Scanning           scanning   `json:"imageScanningConfiguration"`
	Encryption         encryption `json:"encryptionConfiguration"`
	Tags               []tag      `json:"tags"`
}

type answer struct {
	RepositoryArn      string        `json:"repositoryArn"`
	RegistryID         string        `json:"registryId"`
	RepositoryName     string        `json:"repositoryName"`
	RepositoryURI      string        `json:"repositoryUri"`
	CreatedAt          api.Timestamp `json:"createdAt"`
	ImageTagMutability string        `json:"imageTagMutability"`
	Scanning           scanning      `json:"imageScanningConfiguration"`
	Encryption         encryption    `json:"encryptionConfiguration"`
}

func (s *Server) answer(repo *repository) answer {
	return answer{RepositoryArn: s.arn(repo.name), RegistryID: s.account, RepositoryName: repo.name, RepositoryURI: s.uri(repo.name),
		CreatedAt: api.Timestamp(repo.created), ImageTagMutability: repo.mutability, Scanning: scanning{repo.scanOnPush}, Encryption: repo.encryption}
}

type repositoryAnswer struct {
	Repository answer `json:"repository"`
}

func checkMutability(value string) error {
	if value != "MUTABLE" && value != "IMMUTABLE" {
		return invalid("Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: [IMMUTABLE, MUTABLE]'")
	}
	return nil
}

func (s *Server) createRepository(r *api.Request, in *createInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := r.Authorize("ecr:CreateRepository", s.arn(in.RepositoryName), nil); err != nil {
		return nil, err
	}
	if n := len(in.RepositoryName); n < minName || n > maxName || !nameRule.MatchString(in.RepositoryName) {
		return nil, invalid("Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''")
	}
	if s.repositories[in.RepositoryName] != nil {
		return nil, api.Errorf(http.StatusBadRequest, "RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", in.RepositoryName, s.account)
	}
	repo := &repository{name: in.RepositoryName, mutability: "MUTABLE", created: s.now(), scanOnPush: in.Scanning.ScanOnPush, encryption: in.Encryption, tags: map[string]string{}}
	if in.ImageTagMutability != "" {
		if err := checkMutability(in.ImageTagMutability); err != nil {
			return nil, err
		}
		repo.mutability = in.ImageTagMutability
	}
	if repo.encryption.EncryptionType == "" {
		repo.encryption.EncryptionType = "AES256"
	}
	for _, t := range in.Tags {
		repo.tags[t.Key] = t.Value
	}
	s.repositories[repo.name] = repo
	return repositoryAnswer{s.answer(repo)}, nil
}

type describeInput struct {
	RegistryID      string   `json:"registryId"`
	RepositoryNames []string `json:"repositoryNames"`
	NextToken       string   `json:"nextToken"`
	MaxResults      int      `json:"maxResults"`
}

func (s *Server) describeRepositories(r *api.Request, in *describeInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := in.RepositoryNames
	if len(names) == 0 {
		if err := r.Authorize("ecr:DescribeRepositories", s.arn("*"), nil); err != nil {
			return nil, err
		}
		names = slices.Sorted(maps.Keys(s.repositories))
	}
	result := struct {
		Repositories []answer `json:"repositories"`
	}{Repositories: []answer{}}
	for _, name := range names {
		repo, err := s.find(r, "DescribeRepositories", in.RegistryID, name)
		if err != nil {
			return nil, err
		}
		result.Repositories = append(result.Repositories, s.answer(repo))
	}
	return result, nil
}

type deleteInput struct {
	nameInput
	Force bool `json:"force"`
}

func (s *Server) deleteRepository(r *api.Request, in *deleteInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(r, "DeleteRepository", in.RegistryID, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	delete(s.repositories, repo.name)
	return repositoryAnswer{s.answer(repo)}, nil
}

func validJSON(member, text string) error {
	if !json.Valid([]byte(text)) {
		return invalid("Invalid parameter at '%s' failed to satisfy constraint: 'Invalid JSON'", member)
	}
	return nil
}
