// Package environment is the one typed set of names, numbers and limits that
// describes a deployment: the AWS role and function, the Google service account
// and workload identity pool, the two buckets, and the endpoints of both clouds.
// The CDK app, the Pulumi program and the command line all load it from the same
// place, the file Pulumi.<environment>.yaml, so that a name is typed once.
//
// It is not a deployment: it touches no cloud. Values come, in this order, from
// the file's "gcs-to-s3:<key>" entries, and from the defaults of the settings
// table, to which the environment's suffix is added where a cloud requires unique
// names. All mistakes are reported together, as Problems.
package environment

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// Namespace is the prefix of our keys in a Pulumi stack's configuration file;
// it is the project name of Pulumi.yaml.
const Namespace = "gcs-to-s3"

// Default is the name of the environment that uses the article's names.
const Default = "dev"

// RolePolicies selects the permissions of the Lambda's role.
type RolePolicies string

const (
	// LeastPrivilege allows writing below the destination prefix of the one
	// bucket, and writing to the function's own log group.
	LeastPrivilege RolePolicies = "least-privilege"
	// ArticlePolicies attaches AmazonS3FullAccess and AWSLambdaBasicExecutionRole.
	ArticlePolicies RolePolicies = "article"
)

// ViewerScope selects where the service account becomes Storage Object Viewer.
type ViewerScope string

const (
	// ViewBucket grants the role on the source bucket alone.
	ViewBucket ViewerScope = "bucket"
	// ViewProject grants it on the whole project, as the article does.
	ViewProject ViewerScope = "project"
)

// Events selects how new objects arrive at S3 by themselves.
type Events string

// PullEvents lets a function pull the source bucket's notifications.
const PullEvents Events = "pull"

// Continuous lets the function for events run all the time, instead of at a rate.
const Continuous = "continuous"

// Architecture is the Lambda's instruction set, as Lambda names it.
type Architecture string

const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// GOARCH returns the Go compiler's name for the architecture.
func (a Architecture) GOARCH() string {
	if a == X8664 {
		return "amd64"
	}
	return "arm64"
}

// LogRemoval selects what happens to the log group when its stack is destroyed.
type LogRemoval string

const (
	DestroyLogs LogRemoval = "destroy"
	RetainLogs  LogRemoval = "retain"
)

// Environment is a validated environment. The settings table (Settings) documents
// the meaning, key, default and rule of each field.
type Environment struct {
	Name string // the Pulumi stack's name, and the file's: Pulumi.<Name>.yaml

	AWSAccount    string // 12 digits
	AWSRegion     string
	GoogleProject string // the project's id, not its number
	Suffix        string
	Owner         string
	Expires       string // a date, or a time in RFC 3339; empty for never

	Role           string
	Function       string
	ServiceAccount string // the id, the part of the e-mail address before the @
	Pool           string
	Provider       string

	SourceBucket      string // on Google Cloud Storage
	DestinationBucket string // on S3
	Object            string
	DestinationPrefix string
	KeyTemplate       string // see package objectkey
	KMSKey            string // ARN; empty for the bucket's own encryption
	BillingProject    string // the Google project that pays for requests; empty: the bucket's owner pays

	Overwrite    string // one of invocation.Overwrites
	SourceChange string // one of invocation.SourceChanges
	Concurrency  int
	Streams      int

	RolePolicies RolePolicies
	ViewerScope  ViewerScope
	DirectAccess bool   // without a service account
	TrustedRoles string // parsed by Trusted

	Schedule         string // empty for none
	ScheduleTimezone string
	ScheduleEvent    string // a JSON object

	AsyncRetries    int
	DeadLetterQueue bool
	Alarms          bool
	AlarmTopic      string // ARN, or empty
	Dashboard       bool

	Bulk                    bool // with what bulk jobs need
	JobsBucket              string
	BulkMemoryMB            int
	BulkReservedConcurrency int    // 0: none is reserved
	Reconcile               string // when a bulk job compares the buckets; empty for never

	Events                    Events
	EventsEvery               string // a rate, or Continuous
	EventsPrefix              string
	EventDeletes              bool
	EventMetadata             bool
	EventsReservedConcurrency int // 0: none is reserved

	PermissionsBoundary string // ARN, or empty
	Tags                string // parsed by AWSTags

	Architecture     Architecture
	TimeoutSeconds   int
	MemoryMB         int
	LogRetentionDays int
	LogRemoval       LogRemoval

	TokenLifetimeSeconds   int // 0: Google's default of an hour
	GoogleTokenURL         string
	IAMCredentialsEndpoint string
	StorageEndpoint        string
	PubSubEndpoint         string
	AllowLoopbackEndpoints bool

	Google GoogleAPIs // not a setting of ours
}

// GoogleAPIs are the file's gcp: entries about Google's APIs. They are settings
// of Pulumi's Google Cloud provider, which validates them; an empty one means
// Google's own address.
type GoogleAPIs struct {
	IAM             string // http://127.0.0.1:8080/v1/
	ResourceManager string
	ServiceUsage    string
	Storage         string // http://127.0.0.1:8080/storage/v1/
	PubSub          string
	OrgPolicy       string

	AccessToken string
	Credentials string // a key, or the path of its file
	Impersonate string // a service account's e-mail address
	Delegates   string // a list in JSON
	Unreadable  string // the key of one of these four entries that is no plain value, such as a secret
}

// keys returns the keys of the entries: Pulumi Registry, "Google Cloud
// installation & configuration".
func (g *GoogleAPIs) keys() map[string]*string {
	return map[string]*string{
		"gcp:iamCustomEndpoint":             &g.IAM,
		"gcp:resourceManagerCustomEndpoint": &g.ResourceManager,
		"gcp:serviceUsageCustomEndpoint":    &g.ServiceUsage,
		"gcp:storageCustomEndpoint":         &g.Storage,
		"gcp:orgPolicyCustomEndpoint":       &g.OrgPolicy,
		"gcp:pubsubCustomEndpoint":          &g.PubSub,

		"gcp:accessToken":                        &g.AccessToken,
		"gcp:credentials":                        &g.Credentials,
		"gcp:impersonateServiceAccount":          &g.Impersonate,
		"gcp:impersonateServiceAccountDelegates": &g.Delegates,
	}
}

// Decrypted returns the entries with those that get, which can decrypt secrets, knows by
// their keys.
func (g GoogleAPIs) Decrypted(get func(key string) (string, bool)) GoogleAPIs {
	for key, value := range g.keys() {
		if text, found := get(key); found {
			*value = text
		}
	}
	if _, found := get(g.Unreadable); found {
		g.Unreadable = ""
	}
	return g
}

// AssumedRole returns the ARN that all sessions of the role share, and the value
// of attribute.aws_role on Google's side: arn:aws:sts::ACCOUNT:assumed-role/ROLE.
func (e Environment) AssumedRole() string {
	return names.AssumedRole(e.AWSAccount, e.Role)
}

// Subject returns the google.subject of the function's sessions: the assumed role
// with the session name, which Lambda sets to the function's name.
func (e Environment) Subject() string { return e.AssumedRole() + "/" + e.Function }

// RoleARN returns the role's IAM ARN.
func (e Environment) RoleARN() string {
	return fmt.Sprintf("arn:aws:iam::%s:role/%s", e.AWSAccount, e.Role)
}

// ServiceAccountEmail returns the service account's address. It is empty with
// direct access, which needs none.
func (e Environment) ServiceAccountEmail() string {
	if e.DirectAccess {
		return ""
	}
	return fmt.Sprintf("%s@%s.iam.gserviceaccount.com", e.ServiceAccount, e.GoogleProject)
}

// DeadLetters returns the name of the queue of failed events.
func (e Environment) DeadLetters() string { return e.Function + "-dead-letters" }

// DeadLettersARN returns the queue's ARN.
func (e Environment) DeadLettersARN() string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", e.AWSRegion, e.AWSAccount, e.DeadLetters())
}

// Jobs returns the name of the state machine of bulk jobs, and of its function.
func (e Environment) Jobs() string { return e.Function + "-bulk" }

// JobsARN returns the state machine's ARN.
func (e Environment) JobsARN() string {
	return fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", e.AWSRegion, e.AWSAccount, e.Jobs())
}

// Reconciler returns the name of the schedule that starts bulk jobs.
func (e Environment) Reconciler() string { return e.Function + "-reconcile" }

// Drain returns the name of the function that copies what events tell of, of its schedule,
// and of the topic and the subscription of the events.
func (e Environment) Drain() string { return e.Function + "-events" }

// EventDeadLetters returns the name of the topic and the subscription of events that could
// not be worked off.
func (e Environment) EventDeadLetters() string { return e.Drain() + "-dead-letters" }

// EventTypes returns the types of events that the notification of the bucket has: Cloud Storage
// documentation, "Pub/Sub notifications for Cloud Storage". Where the bucket keeps versions, an
// object that is deleted is told of as archived, and not as deleted.
func (e Environment) EventTypes() []string {
	types := []string{"OBJECT_FINALIZE"}
	if e.EventDeletes {
		types = append(types, "OBJECT_DELETE", "OBJECT_ARCHIVE")
	}
	if e.EventMetadata {
		types = append(types, "OBJECT_METADATA_UPDATE")
	}
	return types
}

// Notifies reports whether a notification of some types of events, of objects with a prefix,
// is what the settings say.
func (e Environment) Notifies(prefix string, types []string) bool {
	return prefix == e.EventsPrefix && slices.Equal(slices.Sorted(slices.Values(types)), slices.Sorted(slices.Values(e.EventTypes())))
}

// Topic and Subscription return the resource names of those of an id: Cloud Pub/Sub API
// reference, "projects.topics" and "projects.subscriptions".
func (e Environment) Topic(id string) string { return "projects/" + e.GoogleProject + "/topics/" + id }
func (e Environment) Subscription(id string) string {
	return "projects/" + e.GoogleProject + "/subscriptions/" + id
}

// Functions returns the names of all functions, the main one first.
func (e Environment) Functions() []string {
	all := []string{e.Function}
	if e.Bulk {
		all = append(all, e.Jobs())
	}
	if e.Events == PullEvents {
		all = append(all, e.Drain())
	}
	return all
}

// Schedules returns the names of all schedules.
func (e Environment) Schedules() []string {
	var all []string
	if e.Schedule != "" {
		all = append(all, e.Function)
	}
	if e.Events == PullEvents {
		all = append(all, e.Drain())
	}
	if e.Reconcile != "" {
		all = append(all, e.Reconciler())
	}
	return all
}

// LogGroup returns the name of the function's log group.
func (e Environment) LogGroup() string { return LogGroupOf(e.Function) }

// LogGroupOf returns the name of the log group of a function: AWS Lambda Developer
// Guide, "Sending Lambda function logs to CloudWatch Logs".
func LogGroupOf(function string) string { return "/aws/lambda/" + function }

// RoleStack and FunctionStack return the names of the CDK's stacks, which stay
// the same when names inside them change.
func (e Environment) RoleStack() string     { return "gcs-to-s3-" + e.Name + "-role" }
func (e Environment) FunctionStack() string { return "gcs-to-s3-" + e.Name + "-function" }

// AssetPrefix returns how the keys of the environment's templates and bundles begin in
// the CDK's bucket, where every team of the account has its own.
func (e Environment) AssetPrefix() string { return Namespace + "/" + e.Name + "/" }

// CredentialFileName returns the name of the credential configuration inside the
// function's bundle, the same that Google's console gives the download.
func (e Environment) CredentialFileName() string {
	return "clientLibraryConfig-" + e.Provider + ".json"
}

// OutputDir returns the folder below the project's root where programs put their
// output for this environment.
func (e Environment) OutputDir(root string) string { return filepath.Join(root, "out", e.Name) }

// CredentialFile returns the path to which `pulumi up` writes the credential
// configuration and from which the function's stack takes it.
func (e Environment) CredentialFile(root string) string {
	return filepath.Join(e.OutputDir(root), e.CredentialFileName())
}
