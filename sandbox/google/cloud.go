// Package google is a local Google Cloud of one project: IAM with service accounts
// and workload identity pools, the Security Token Service, IAM Service Account
// Credentials, Cloud Resource Manager, Service Usage, Organization Policy, Pub/Sub and
// Cloud Storage, on one address. The package of each service says what it models.
//
// Every request but a token exchange carries a bearer token that this cloud issued;
// its scopes, and the policies of the resource and of its project decide. Services
// are built alike, and like those of the aws package: New(Options), state behind a
// mutex, a declaration of their methods; one door does the rest. A service that
// holds its mutex may call only those after it in this order: iam, storage, pubsub,
// orgpolicy, projects.
package google

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/credentials"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/orgpolicy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/projects"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/pubsub"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/storage"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/sts"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/token"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
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
	// Services are the APIs that are enabled from the start, such as NewProject; nil is
	// all that there are.
	Services []string
	// IAMDelay is how long a change of an allow policy takes to have effect: the
	// service's is some two minutes, seven or more at worst (IAM documentation,
	// "Access change propagation"). Zero is at once.
	IAMDelay time.Duration
	// EnableDelay is how long an API that was enabled does not answer yet, though Service
	// Usage lists it: "wait a few minutes", says the refusal. Zero is not at all.
	EnableDelay time.Duration
	// PullWait is how long a pull of messages waits for one; zero is 10 seconds.
	PullWait time.Duration
	// AWS sends signed requests of AWS hosts to the AWS cloud that subject tokens
	// are made for. Without it every token exchange fails.
	AWS http.RoundTripper
	// Web reaches the issuers of OpenID Connect tokens; nil reaches none.
	Web http.RoundTripper
}

// Cloud is the local Google Cloud; it is an http.Handler, to be served through Lines.
type Cloud struct {
	opts     Options
	blobs    *blob.Store
	tokens   *token.Store
	iam      *iam.IAM
	projects *projects.Projects
	storage  *storage.Storage
	pubsub   *pubsub.PubSub
	services []api.Service // those of narrower paths before those of wider ones
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
		return nil, fmt.Errorf("starting the local Google Cloud: %w", err)
	}
	c := &Cloud{opts: opts, blobs: blobs, tokens: &token.Store{Now: opts.Now}}
	policies := orgpolicy.New(orgpolicy.Options{ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Resource: "//cloudresourcemanager.googleapis.com/projects/" + opts.ProjectID})
	c.iam = iam.New(iam.Options{ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Now: opts.Now, Delay: opts.IAMDelay, Policies: policies, Renamed: c.renamed})
	if opts.Services == nil {
		opts.Services = apis
	}
	c.projects = projects.New(projects.Options{
		ID: opts.ProjectID, Number: opts.ProjectNumber, Owner: admin, Enabled: opts.Services, Known: c.iam.Known, Policies: policies,
		Now: opts.Now, Delay: opts.IAMDelay, EnableDelay: opts.EnableDelay,
		Agents: map[string]string{"pubsub.googleapis.com": pubsub.Agent(opts.ProjectNumber)}, Appear: c.iam.Appear,
	})
	c.pubsub = pubsub.New(pubsub.Options{
		ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Now: opts.Now, Known: c.iam.Known, Delay: opts.IAMDelay,
		Appear: c.iam.Appear, Decide: c.decide, Wait: opts.PullWait,
	})
	c.storage = storage.New(storage.Options{
		ProjectID: opts.ProjectID, ProjectNumber: opts.ProjectNumber, Now: opts.Now, Blobs: blobs, URL: opts.URL, Known: c.iam.Known,
		Delay: opts.IAMDelay, Billed: c.projects.Billed, Appear: c.iam.Appear, Topics: c.pubsub,
	})
	c.services = []api.Service{
		sts.New(sts.Options{IAM: c.iam, Tokens: c.tokens, AWS: opts.AWS, Web: opts.Web}).Service(),
		credentials.New(credentials.Options{IAM: c.iam, Tokens: c.tokens, Policies: policies}).Service(),
		policies.Service(),
		c.projects.Service(),
		c.pubsub.Service(),
		c.iam.Service(),
		c.storage.JSON(),
		c.storage.XML(),
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
	c.pubsub.Rename(from, to)
}

// AdminToken is an access token of the project's owner.
func (c *Cloud) AdminToken() string { return c.admin }

// PubSub is the service itself, for a look at its messages.
func (c *Cloud) PubSub() *pubsub.PubSub { return c.pubsub }

// Close removes what the cloud stored.
func (c *Cloud) Close() error {
	c.pubsub.Close()
	return c.blobs.Close()
}

// service is the service that a path belongs to, which on Google's own addresses its
// host would name.
func (c *Cloud) service(r *http.Request) *api.Service {
	return &c.services[slices.IndexFunc(c.services, func(s api.Service) bool { return s.Paths.MatchString(r.URL.Path) })]
}

// ServeHTTP authenticates a request, lets its service answer, and records both.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := c.service(r)
	entry := c.entry(r, service)
	req := &api.Request{Request: r, ID: entry.RequestID, Service: service.Name, Time: entry.Time, Entry: &entry}
	out := c.opts.Journal.Answer(w, &entry)
	defer out.End()
	if service.Name != "sts" {
		if err := c.authenticate(req); err != nil {
			service.Fail(out, req, err)
			return
		}
	}
	if entry.Principal == "" {
		entry.Principal, entry.Through = req.Principal.Member, req.Principal.Through
	}
	req.Decide = func(who api.Principal, permission, resource string, own []api.Granter) journal.Decision {
		return c.decide(who, permission, resource, own, req.Time)
	}
	if err := cmp.Or(service.Known(r), c.counted(req, service), c.enabled(req, service)); err != nil {
		service.Fail(out, req, err)
		return
	}
	service.Serve(out, req)
}

func (c *Cloud) entry(r *http.Request, service *api.Service) journal.Entry {
	return journal.Entry{Time: c.opts.Now(), Cloud: "google", Service: service.Name, Operation: service.Operation(r), RequestID: rand.Text()}
}
