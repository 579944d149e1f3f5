package storage

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/policy"
)

// namePattern is the rule of bucket names: Cloud Storage documentation, "Bucket names".
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

func (s *Storage) projectResource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ProjectID
}

// bucketJSON is a bucket as the JSON API writes it.
func (s *Storage) bucketJSON(b *bucket) map[string]any {
	created := b.created.UTC().Format("2006-01-02T15:04:05.000Z")
	out := map[string]any{
		"kind": "storage#bucket", "id": b.name, "name": b.name,
		"selfLink":      s.opts.URL + "/storage/v1/b/" + b.name,
		"projectNumber": s.opts.ProjectNumber, "location": b.location, "locationType": "region",
		"storageClass": b.storageClass, "timeCreated": created, "updated": created,
		"metageneration": strconv.FormatInt(b.metagen, 10), "etag": "CAE=",
		"iamConfiguration": map[string]any{
			"uniformBucketLevelAccess": map[string]any{"enabled": true},
			"publicAccessPrevention":   "inherited",
		},
	}
	if len(b.labels) > 0 {
		out["labels"] = b.labels
	}
	return out
}

// find returns a bucket; the caller holds the lock.
func (s *Storage) find(name string) (*bucket, error) {
	b := s.buckets[name]
	if b == nil {
		return nil, noBucket()
	}
	return b, nil
}

// open finds a bucket for a caller who has a permission on it.
func (s *Storage) open(r *api.Request, name, permission string) (*bucket, error) {
	b, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return b, authorize(r, permission, b.resource(), b.policy)
}

func (s *Storage) insertBucket(w http.ResponseWriter, r *api.Request, _ []string) error {
	if err := authorize(r, "storage.buckets.create", s.projectResource()); err != nil {
		return err
	}
	if project := r.URL.Query().Get("project"); project != s.opts.ProjectID && project != s.opts.ProjectNumber {
		return &fault{http.StatusBadRequest, "invalid", "InvalidArgument", "Unknown project id: " + project, "Invalid argument."}
	}
	// Settings that change nothing here are read and left.
	var in struct {
		Name             string            `json:"name"`
		Location         string            `json:"location"`
		StorageClass     string            `json:"storageClass"`
		Labels           map[string]string `json:"labels"`
		IAMConfiguration any               `json:"iamConfiguration"`
		SoftDeletePolicy any               `json:"softDeletePolicy"`
		Kind             string            `json:"kind"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if !namePattern.MatchString(in.Name) || strings.Contains(in.Name, "google") {
		return invalid("Invalid bucket name: '" + in.Name + "'")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[in.Name] != nil {
		return &fault{http.StatusConflict, "conflict", "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", "Your previous request to create the named bucket succeeded and you already own it."}
	}
	b := &bucket{
		name: in.Name, location: strings.ToUpper(in.Location), storageClass: in.StorageClass, labels: in.Labels,
		created: s.opts.Now(), metagen: 1, objects: map[string]*object{},
		// What a new bucket grants to its project's owners and viewers.
		policy: policy.Policy{Version: 1, Bindings: []policy.Binding{
			{Role: "roles/storage.legacyBucketOwner", Members: []string{"projectEditor:" + s.opts.ProjectID, "projectOwner:" + s.opts.ProjectID}},
			{Role: "roles/storage.legacyBucketReader", Members: []string{"projectViewer:" + s.opts.ProjectID}},
		}},
	}
	if b.location == "" {
		b.location = "US"
	}
	if b.storageClass == "" {
		b.storageClass = "STANDARD"
	}
	s.buckets[in.Name] = b
	api.WriteJSON(w, http.StatusOK, s.bucketJSON(b))
	return nil
}

func (s *Storage) listBuckets(w http.ResponseWriter, r *api.Request, _ []string) error {
	if err := authorize(r, "storage.buckets.list", s.projectResource()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		if strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
			items = append(items, s.bucketJSON(s.buckets[name]))
		}
	}
	api.WriteJSON(w, http.StatusOK, map[string]any{"kind": "storage#buckets", "items": items})
	return nil
}

func (s *Storage) getBucket(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.get")
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, s.bucketJSON(b))
	return nil
}

func (s *Storage) patchBucket(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.update")
	if err != nil {
		return err
	}
	var in struct {
		Labels map[string]*string `json:"labels"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	for k, v := range in.Labels {
		if v == nil {
			delete(b.labels, k)
			continue
		}
		if b.labels == nil {
			b.labels = map[string]string{}
		}
		b.labels[k] = *v
	}
	b.metagen++
	api.WriteJSON(w, http.StatusOK, s.bucketJSON(b))
	return nil
}

func (s *Storage) deleteBucket(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.delete")
	if err != nil {
		return err
	}
	if len(b.objects) > 0 {
		return &fault{http.StatusConflict, "conflict", "BucketNotEmpty", "The bucket you tried to delete is not empty.", "The bucket you tried to delete is not empty."}
	}
	delete(s.buckets, args[0])
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// bucketPolicy is a policy with what the JSON API adds.
type bucketPolicy struct {
	Kind       string `json:"kind,omitempty"`
	ResourceID string `json:"resourceId,omitempty"`
	policy.Policy
}

func answerPolicy(w http.ResponseWriter, b *bucket) {
	api.WriteJSON(w, http.StatusOK, bucketPolicy{"storage#policy", "projects/_/buckets/" + b.name, b.policy.WithEtag()})
}

func (s *Storage) getPolicy(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.getIamPolicy")
	if err != nil {
		return err
	}
	answerPolicy(w, b)
	return nil
}

func (s *Storage) setPolicy(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.setIamPolicy")
	if err != nil {
		return err
	}
	var in bucketPolicy
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	next, err := b.policy.Replace(in.Policy, s.opts.Known)
	if err != nil {
		return err
	}
	b.policy = next
	answerPolicy(w, b)
	return nil
}

func (s *Storage) testPermissions(w http.ResponseWriter, r *api.Request, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(args[0])
	if err != nil {
		return err
	}
	held := []string{}
	for _, p := range r.URL.Query()["permissions"] {
		if r.Allowed(p, b.resource(), b.policy) {
			held = append(held, p)
		}
	}
	api.WriteJSON(w, http.StatusOK, map[string]any{"kind": "storage#testIamPermissionsResponse", "permissions": held})
	return nil
}
