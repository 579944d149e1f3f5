// Package google is a local Google Cloud of one project: IAM with service
// accounts and workload identity pools, the Security Token Service, IAM Service
// Account Credentials, Cloud Resource Manager, Service Usage and Cloud Storage,
// on one address. What each models and what it does not stands in its package.
//
// Every request but a token exchange carries a bearer token that this cloud
// issued; policies of the resource and of its project decide. Services are built
// alike, and like those of the aws package: New(Options), state behind a mutex,
// a table of routes.
package google

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/credentials"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/projects"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/storage"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/sts"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/token"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/journal"
)

// admin is the owner of the project.
const admin = "user:sandbox-admin@example.com"

// adminLifetime outlives every sandbox.
const adminLifetime = 365 * 24 * time.Hour

// Options configure a cloud. ProjectID, ProjectNumber and URL must be given.
type Options struct {
	ProjectID     string
	ProjectNumber string // digits
	URL           string // where the cloud is served, for links in its answers
	Dir           string // parent of the folder for contents; default: the system's
	Now           func() time.Time
	Journal       *journal.Journal
	// AWS sends signed requests of AWS hosts to the AWS cloud that subject tokens
	// are made for. Without it every token exchange fails.
	AWS http.RoundTripper
}

// Cloud is the local Google Cloud; it is an http.Handler.
type Cloud struct {
	opts     Options
	blobs    *blob.Store
	tokens   *token.Store
	iam      *iam.IAM
	projects *projects.Projects
	storage  *storage.Storage
	services map[string]api.Service
	admin    string
}

// New makes a cloud with an empty project.
func New(opts Options) (*Cloud, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.AWS == nil {
		opts.AWS = noAWS{}
	}
	blobs, err := blob.Open(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting local Google Cloud: %w", err)
	}
	c := &Cloud{opts: opts, blobs: blobs, tokens: &token.Store{Now: opts.Now}}
	c.iam = iam.New(iam.Options{ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Now: opts.Now, Renamed: c.renamed})
	c.projects = projects.New(projects.Options{ID: opts.ProjectID, Number: opts.ProjectNumber, Owner: admin, Known: c.iam.Known})
	c.storage = storage.New(storage.Options{ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Now: opts.Now, Blobs: blobs, URL: opts.URL, Known: c.iam.Known})
	c.services = map[string]api.Service{
		"sts":                  sts.New(sts.Options{IAM: c.iam, Tokens: c.tokens, AWS: opts.AWS}),
		"iamcredentials":       credentials.New(credentials.Options{IAM: c.iam, Tokens: c.tokens}),
		"iam":                  c.iam,
		"cloudresourcemanager": c.projects,
		"storage":              c.storage,
	}
	c.admin, _ = c.tokens.Issue(api.Principal{Member: admin}, adminLifetime)
	return c, nil
}

// noAWS is the AWS of a cloud that was given none.
type noAWS struct{}

func (noAWS) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("no AWS cloud is connected")
}

// renamed changes a member in the policies outside IAM.
func (c *Cloud) renamed(from, to string) {
	c.projects.Rename(from, to)
	c.storage.Rename(from, to)
}

// AdminToken is an access token of the project's owner.
func (c *Cloud) AdminToken() string { return c.admin }

// Close removes what the cloud stored.
func (c *Cloud) Close() error { return c.blobs.Close() }

// service names the service that a path belongs to, as its host would do on
// Google's own addresses.
func service(path string) string {
	switch {
	case path == "/v1/token":
		return "sts"
	case credentials.Path.MatchString(path) && strings.HasPrefix(path[strings.LastIndex(path, ":"):], ":generate"):
		return "iamcredentials"
	case projects.Matches(path):
		return "cloudresourcemanager"
	case strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v1beta/") || strings.HasPrefix(path, "/v3/"):
		return "iam"
	default:
		return "storage"
	}
}

// ServeHTTP authenticates a request, lets its service answer, and records both.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := service(r.URL.Path)
	entry := journal.Entry{Time: c.opts.Now(), Cloud: "google", Service: name, Operation: r.Method + " " + r.URL.Path, RequestID: rand.Text()}
	req := &api.Request{Request: r, ID: entry.RequestID, Service: name, Time: entry.Time, Entry: &entry}
	out := &recorder{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		entry.Status = out.status
		c.opts.Journal.Record(entry)
	}()
	if name != "sts" && !c.authenticate(req) {
		if name == "storage" {
			storage.Unauthenticated(out, req)
		} else {
			api.WriteError(out, req, api.Unauthenticated())
		}
		return
	}
	if entry.Principal == "" {
		entry.Principal, entry.Through = req.Principal.Member, req.Principal.Through
	}
	req.Decide = func(permission, resource string, own []api.Granter) journal.Decision {
		return c.decide(req, permission, resource, own)
	}
	c.services[name].ServeGoogle(out, req)
}

// authenticate finds whom the bearer token stands for. No token at all is an
// anonymous caller, whom only storage lets in that far.
func (c *Cloud) authenticate(r *api.Request) bool {
	header := r.Header.Get("Authorization")
	if header == "" {
		return r.Service == "storage"
	}
	scheme, value, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	p, ok := c.tokens.Lookup(strings.TrimSpace(value))
	if !ok {
		return false
	}
	if p.UniqueID != "" { // a service account's token ends with the account
		account, lives := c.iam.Account(p.UniqueID)
		if !lives || account.Disabled {
			return false
		}
	}
	r.Principal = p
	return true
}

// decide asks the resource's own policies, then the project's, which every
// resource of this cloud inherits.
func (c *Cloud) decide(r *api.Request, permission, resource string, own []api.Granter) journal.Decision {
	d := journal.Decision{Action: permission, Resource: resource}
	policies := own
	if resource != c.projects.Resource() || len(own) == 0 {
		policies = append(policies[:len(policies):len(policies)], c.projects.Policy())
	}
	var misses []string
	for _, p := range policies {
		reason, ok := p.Grants(r.Principal, permission, attributes(resource, r.Time))
		if ok {
			d.Allowed, d.Reason = true, reason
			return d
		}
		if reason != "" {
			misses = append(misses, reason)
		}
	}
	d.Reason = "no binding grants it"
	if len(misses) > 0 {
		d.Reason += "; there is " + strings.Join(misses, "; ")
	}
	return d
}

// attributes describe a resource to the conditions of bindings.
func attributes(resource string, now time.Time) api.Attributes {
	host, name, _ := strings.Cut(strings.TrimPrefix(resource, "//"), "/")
	a := api.Attributes{Time: now, Name: name, Service: host}
	switch {
	case host == "storage.googleapis.com" && strings.Contains(name, "/objects/"):
		a.Type = "storage.googleapis.com/Object"
	case host == "storage.googleapis.com":
		a.Type = "storage.googleapis.com/Bucket"
	case strings.Contains(name, "/serviceAccounts/"):
		a.Type = "iam.googleapis.com/ServiceAccount"
	default:
		a.Type = "cloudresourcemanager.googleapis.com/Project"
	}
	return a
}

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
