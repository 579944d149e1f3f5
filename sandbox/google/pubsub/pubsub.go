// Package pubsub is Google Cloud Pub/Sub as far as a pull subscriber needs it: topics,
// subscriptions with their settings, policies and filters, publishing, and delivery at
// least once.
//
// Modelled: leases that end with their ack deadline on the cloud's clock, negative
// acknowledgements, retry policies, dead-letter topics with the rights of the Pub/Sub
// service agent, retention, expiration of subscriptions, long polling, deletion of
// topics under their subscriptions, and duplicates and disorder on demand (package
// faults). A late acknowledgement has no effect, although the real service honours many
// of them. Not modelled: push, BigQuery and Cloud Storage subscriptions, ordering keys,
// exactly-once delivery, snapshots and seeking, schemas, keys of KMS, message transforms,
// and quotas. A field that needs one of these is refused by name.
package pubsub

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Now           func() time.Time
	Known         func(member string) bool // of a policy
	Delay         time.Duration            // until a change of a policy has effect
	// Appear is called with the address of the Pub/Sub service agent when the first topic
	// is made, before which it does not exist.
	Appear func(email string)
	// Decide evaluates the rights of principals that make no request themselves: the
	// service agents of Pub/Sub and of Cloud Storage.
	Decide func(who api.Principal, permission, resource string, own []api.Granter, now time.Time) journal.Decision
	// Wait is how long a pull waits for a message; zero is 10 seconds. The real service
	// promises a "bounded" time (REST reference, "projects.subscriptions.pull").
	Wait time.Duration
}

// PubSub is the service.
type PubSub struct {
	opts Options
	key  []byte // that ack ids are signed with

	mu            sync.Mutex
	topics        map[string]*topic        // by id
	subscriptions map[string]*subscription // by id
	lastMessage   int64                    // the last message id given out
	lastSerial    int64                    // of subscriptions
	changed       chan struct{}            // closed when there may be something to deliver
	closed        bool
}

// defaultWait is how long a pull waits for a message.
const defaultWait = 10 * time.Second

// New makes the service of one project.
func New(opts Options) *PubSub {
	if opts.Wait == 0 {
		opts.Wait = defaultWait
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // which does not fail
	return &PubSub{
		opts: opts, key: key, topics: map[string]*topic{}, subscriptions: map[string]*subscription{}, changed: make(chan struct{}),
		lastMessage: opts.Now().UnixMicro(),
	}
}

// Close ends the pulls that wait.
func (s *PubSub) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake()
}

// wake lets the pulls that wait look again. The caller holds the lock.
func (s *PubSub) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Agent is the address of the Pub/Sub service agent of a project: Pub/Sub documentation,
// "Handle message failures".
func Agent(projectNumber string) string {
	return "service-" + projectNumber + "@gcp-sa-pubsub.iam.gserviceaccount.com"
}

// The largest requests, in bytes: Pub/Sub documentation, "Pub/Sub quotas and limits".
const (
	maxRequest     = 10 << 20
	maxAcknowledge = 512 << 10
)

// version is what every path begins with. It comes twice from HashiCorp's plugin, and so
// from Pulumi's: its one address of Pub/Sub has the version in it, and a client of
// google.golang.org/api adds it again, unless the address is https
// (hashicorp/terraform-provider-google, issue 26600).
const version = "/v1(?:/v1)?"

// Service declares the API.
func (s *PubSub) Service() api.Service {
	method := func(id, verb, pattern string, do api.Handler, query ...string) api.Method {
		path := regexp.MustCompile("^" + version + "/projects/" + strings.ReplaceAll(pattern, "{}", "([^/:]+)") + "$")
		return api.Method{ID: "pubsub.projects." + id, HTTP: verb, Path: path, Query: query, Do: s.locked(do)}
	}
	const topics, subscriptions = "{}/topics", "{}/subscriptions"
	pull := method("subscriptions.pull", "POST", subscriptions+"/{}:pull", nil)
	pull.Do = s.pull // which waits without the lock
	methods := []api.Method{
		method("topics.create", "PUT", topics+"/{}", s.createTopic),
		method("topics.get", "GET", topics+"/{}", s.getTopic),
		method("topics.list", "GET", topics, s.listTopics, "pageSize", "pageToken"),
		method("topics.patch", "PATCH", topics+"/{}", s.patchTopic, "updateMask"),
		method("topics.delete", "DELETE", topics+"/{}", s.deleteTopic),
		method("topics.publish", "POST", topics+"/{}:publish", s.publish),
		method("topics.subscriptions.list", "GET", topics+"/{}/subscriptions", s.listTopicSubscriptions, "pageSize", "pageToken"),

		method("subscriptions.create", "PUT", subscriptions+"/{}", s.createSubscription),
		method("subscriptions.get", "GET", subscriptions+"/{}", s.getSubscription),
		method("subscriptions.list", "GET", subscriptions, s.listSubscriptions, "pageSize", "pageToken"),
		method("subscriptions.patch", "PATCH", subscriptions+"/{}", s.patchSubscription, "updateMask"),
		method("subscriptions.delete", "DELETE", subscriptions+"/{}", s.deleteSubscription),
		method("subscriptions.detach", "POST", subscriptions+"/{}:detach", s.detachSubscription),
		pull,
		method("subscriptions.acknowledge", "POST", subscriptions+"/{}:acknowledge", s.acknowledge),
		method("subscriptions.modifyAckDeadline", "POST", subscriptions+"/{}:modifyAckDeadline", s.modifyAckDeadline),
	}
	for _, of := range []struct {
		kind, path string
		find       func(*api.Request, []string) holder
	}{
		{"topics", topics + "/{}", s.topicOf}, {"subscriptions", subscriptions + "/{}", s.subscriptionOf},
	} {
		methods = append(methods,
			method(of.kind+".getIamPolicy", "GET", of.path+":getIamPolicy", s.getPolicy(of.kind, of.find), "options.requestedPolicyVersion"),
			method(of.kind+".setIamPolicy", "POST", of.path+":setIamPolicy", s.setPolicy(of.kind, of.find)),
			method(of.kind+".testIamPermissions", "POST", of.path+":testIamPermissions", s.testPermissions(of.find)),
		)
	}
	return api.Service{
		Name: "pubsub", API: "pubsub.googleapis.com", Title: "Cloud Pub/Sub API",
		Paths:   regexp.MustCompile("^" + version + `/projects/[^/:]+/(topics|subscriptions|snapshots|schemas)([/:]|$)`),
		Methods: methods, Check: check,
	}
}

// check is that of api.Service, with the limits that Pub/Sub has.
func check(r *api.Request, query []string) error {
	if err := api.CheckQuery(r, query...); err != nil {
		return err
	}
	most := int64(maxRequest)
	if strings.HasSuffix(r.URL.Path, ":acknowledge") || strings.HasSuffix(r.URL.Path, ":modifyAckDeadline") {
		most = maxAcknowledge
	}
	return api.BufferUpTo(r, most)
}

// locked runs a method under the lock, up to its answer's bytes.
func (s *PubSub) locked(do api.Handler) api.Handler {
	return func(r *api.Request, args []string) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.settle()
		result, err := do(r, args)
		if err != nil {
			return nil, err
		}
		return encoded(result)
	}
}

// full is the full resource name of a topic or a subscription by its relative one.
func full(name string) string { return "//pubsub.googleapis.com/" + name }

// authorize asks for a permission and refuses as Pub/Sub does, which says neither which
// permission nor on what (googleapis/nodejs-pubsub, issue 1385).
func authorize(r *api.Request, permission, resource string, own ...api.Granter) error {
	if r.Allowed(permission, resource, own...) {
		return nil
	}
	return &api.Error{HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED", Message: "User not authorized to perform this action."}
}

func (s *PubSub) projectResource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ProjectID
}

// project checks that a path's project is ours, by id or number.
func (s *PubSub) project(name string) error {
	if name == s.opts.ProjectID || name == s.opts.ProjectNumber {
		return nil
	}
	return api.NotFound("Requested project not found or user does not have access to it (project=%s). "+
		"Make sure to specify the unique project identifier and not the Google Cloud Console display name.", name)
}

// idPattern is the id of a topic or a subscription: Pub/Sub documentation, "Resource
// names".
var idPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$`)

// checkName checks the name of what a path is about.
func checkName(name string) error {
	id := name[strings.LastIndex(name, "/")+1:]
	if !idPattern.MatchString(id) || strings.HasPrefix(id, "goog") {
		return invalidName("name", name)
	}
	return nil
}

func invalidName(field, name string) error {
	return api.InvalidArgument("Invalid resource name given (%s=%s). "+
		"Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.", field, name)
}

func notFound(id string) error { return api.NotFound("Resource not found (resource=%s).", id) }

func alreadyExists(id string) error {
	return api.AlreadyExists("Resource already exists in the project (resource=%s).", id)
}

// outOfBounds refuses a number.
func outOfBounds(name string, given, least, most any, small bool) error {
	if small {
		return api.InvalidArgument("The value for %s is too small. You passed %v in the request, "+
			"but the minimum value is %v.", name, given, least)
	}
	return api.InvalidArgument("The value for %s is too large. You passed %v in the request, "+
		"but the maximum value is %v.", name, given, most)
}

// labelPattern and labelValuePattern are the rules of labels, and maxLabels their number:
// Pub/Sub documentation, "Create and manage labels".
var (
	labelPattern      = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValuePattern = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

const maxLabels = 64

func checkLabels(labels map[string]string) error {
	const argument = "You have passed an invalid argument to the service (argument=Invalid labels: "
	const pattern = argument + "Invalid field \"labels\"; %s %q does not conform to regular expression \"%s\")."
	for key, value := range labels {
		if !labelPattern.MatchString(key) {
			return api.InvalidArgument(pattern, "key", key, `[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}`)
		}
		if !labelValuePattern.MatchString(value) {
			return api.InvalidArgument(pattern, "value", value, `[\p{Ll}\p{Lo}\p{N}_-]{0,63}`)
		}
	}
	if len(labels) > maxLabels {
		return api.InvalidArgument(argument+"more than %d labels).", maxLabels)
	}
	return nil
}

// Rename changes a member in every policy.
func (s *PubSub) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		t.policy = t.policy.Rename(from, to)
	}
	for _, sub := range s.subscriptions {
		sub.policy = sub.policy.Rename(from, to)
	}
}

// holder is a topic or a subscription, as far as its policy is concerned.
type holder struct {
	id, name string
	policy   *policy.Timeline // nil if it is not there
}

func (h holder) grants() []api.Granter {
	if h.policy == nil {
		return nil
	}
	return []api.Granter{*h.policy}
}
