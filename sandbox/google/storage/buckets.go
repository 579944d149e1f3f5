package storage

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

func (s *Storage) projectResource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ProjectID
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
	b, err := s.bucket(r, name)
	if err != nil {
		return nil, err
	}
	return b, authorize(r, permission, b.resource(), b.grants())
}

// openIf is open under the metageneration's preconditions.
func (s *Storage) openIf(r *api.Request, name, permission string, read bool) (*bucket, error) {
	cond, err := jsonConditions(r.Header, r.URL.Query().Get)
	if err != nil {
		return nil, err
	}
	b, err := s.open(r, name, permission)
	if err != nil {
		return nil, err
	}
	return b, cond.hold(0, b.metagen, b.etag(), read)
}

// project checks that the query's project is ours, by id or number.
func (s *Storage) project(r *api.Request) error {
	switch project := r.URL.Query().Get("project"); project {
	case s.opts.ProjectID, s.opts.ProjectNumber:
		return nil
	case "":
		return &fault{http.StatusBadRequest, "required", "InvalidArgument", "Required parameter: project", "Invalid argument."}
	default:
		return &fault{http.StatusBadRequest, "invalid", "InvalidArgument", "Unknown project id: " + project, "Invalid argument."}
	}
}

func (s *Storage) insertBucket(r *api.Request, _ []string) (reply, error) {
	if err := s.project(r); err != nil {
		return reply{}, err
	}
	if err := authorize(r, "storage.buckets.create", s.projectResource()); err != nil {
		return reply{}, err
	}
	in, err := readBucket(r)
	if err != nil {
		return reply{}, err
	}
	if err := checkBucketName(in.Name); err != nil {
		return reply{}, err
	}
	now := s.opts.Now()
	b := &bucket{
		name: in.Name, location: strings.ToUpper(in.Location), storageClass: in.StorageClass,
		labels: map[string]string{}, created: now, updated: now, metagen: 1, objects: map[string]*object{}, noncurrent: map[string][]*object{},
		// What a new bucket grants to its project's owners and viewers.
		policy: policy.Timeline{Policy: policy.Policy{Version: 1, Bindings: []policy.Binding{
			{Role: "roles/storage.legacyBucketOwner", Members: []string{"projectEditor:" + s.opts.ProjectID, "projectOwner:" + s.opts.ProjectID}},
			{Role: "roles/storage.legacyBucketReader", Members: []string{"projectViewer:" + s.opts.ProjectID}},
			{Role: "roles/storage.legacyObjectOwner", Members: []string{"projectEditor:" + s.opts.ProjectID, "projectOwner:" + s.opts.ProjectID}},
			{Role: "roles/storage.legacyObjectReader", Members: []string{"projectViewer:" + s.opts.ProjectID}},
		}}},
		publicPrevention: "inherited",
	}
	if b.location == "" {
		b.location = "US"
	}
	if b.storageClass == "" {
		b.storageClass = "STANDARD"
	}
	if locationType(b.location) == "" {
		return reply{}, invalid("The specified location constraint is not valid.")
	}
	if err := b.change(in); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[in.Name] != nil {
		const taken = "Your previous request to create the named bucket succeeded and you already own it."
		return reply{}, &fault{http.StatusConflict, "conflict", "BucketAlreadyOwnedByYou", taken, taken}
	}
	s.buckets[in.Name] = b
	return answer(r, s.bucketJSON(b))
}

// change applies what a client may set of a bucket, or nothing of it.
func (b *bucket) change(in bucketInput) error {
	prevention, err := in.access()
	if err != nil {
		return err
	}
	class := b.storageClass
	if in.StorageClass != "" {
		class = in.StorageClass
	}
	if !classPattern.MatchString(class) {
		return invalid("Invalid argument: storage class " + class)
	}
	labels := maps.Clone(b.labels)
	for k, v := range in.Labels {
		if v == nil {
			delete(labels, k)
		} else {
			labels[k] = *v
		}
	}
	if err := checkLabels(labels); err != nil {
		return err
	}
	b.labels, b.storageClass = labels, class
	if in.Billing != nil {
		b.requesterPays = in.Billing.RequesterPays
	}
	if in.Versioning != nil && (in.Versioning.Enabled || b.versioning != nil) {
		b.versioning = &in.Versioning.Enabled
	}
	if prevention != "" {
		b.publicPrevention = prevention
	}
	return nil
}

// maxBucketPage is the most that one page lists: JSON API reference, "Buckets: list".
const maxBucketPage = 1000

func (s *Storage) listBuckets(r *api.Request, _ []string) (reply, error) {
	if err := s.project(r); err != nil {
		return reply{}, err
	}
	if err := authorize(r, "storage.buckets.list", s.projectResource()); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		if strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
			items = append(items, s.bucketJSON(s.buckets[name]))
		}
	}
	page, next, err := api.Page(r, items, "maxResults", maxBucketPage)
	if err != nil {
		return reply{}, err
	}
	out := map[string]any{"kind": "storage#buckets"}
	if len(page) > 0 {
		out["items"] = page
	}
	if next != "" {
		out["nextPageToken"] = next
	}
	return answer(r, out)
}

func (s *Storage) getBucket(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.openIf(r, args[0], "storage.buckets.get", true)
	if err != nil {
		return reply{}, err
	}
	return answer(r, s.bucketJSON(b))
}

// getLayout answers that the bucket has no folders of its own, to callers that may list.
func (s *Storage) getLayout(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.objects.list")
	if err != nil {
		return reply{}, err
	}
	return answer(r, map[string]any{
		"kind": "storage#storageLayout", "bucket": b.name, "location": b.location, "locationType": locationType(b.location),
		"hierarchicalNamespace": map[string]any{"enabled": false},
	})
}

// listFolders lists managed folders, of which a bucket here has none.
func (s *Storage) listFolders(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.open(r, args[0], "storage.managedFolders.list"); err != nil {
		return reply{}, err
	}
	return answer(r, map[string]any{"kind": "storage#managedFolders"})
}

// patchBucket changes a bucket. Clients send fields back that they do not change;
// what cannot change must be as it is.
func (s *Storage) patchBucket(r *api.Request, args []string) (reply, error) {
	in, err := readBucket(r)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.openIf(r, args[0], "storage.buckets.update", false)
	if err != nil {
		return reply{}, err
	}
	if in.Name != "" && in.Name != b.name || in.Location != "" && !strings.EqualFold(in.Location, b.location) {
		return reply{}, invalid("A bucket's name and location cannot be changed.")
	}
	if err := b.change(in); err != nil {
		return reply{}, err
	}
	b.metagen++
	b.updated = s.opts.Now()
	return answer(r, s.bucketJSON(b))
}

func (s *Storage) deleteBucket(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.openIf(r, args[0], "storage.buckets.delete", false)
	if err != nil {
		return reply{}, err
	}
	if len(b.objects)+len(b.noncurrent) > 0 {
		const full = "The bucket you tried to delete is not empty."
		return reply{}, &fault{http.StatusConflict, "conflict", "BucketNotEmpty", full, full}
	}
	delete(s.buckets, args[0])
	return reply{status: http.StatusNoContent}, nil
}
