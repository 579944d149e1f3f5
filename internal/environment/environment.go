// Package environment is the one typed set of names, numbers and limits that
// describes a deployment: the AWS role and function, the Google service account
// and workload identity pool, the two buckets, and the endpoints of both clouds.
// The CDK app, the Pulumi program and the command line all load it from the same
// place, the file Pulumi.<environment>.yaml, so that a name is typed once.
//
// It is not a deployment: it touches no cloud. Values come, in this order, from
// the file's "gcs-to-s3:<key>" entries, and from the defaults of the settings
// table, to which the environment's suffix is added where a cloud demands
// unique names. All mistakes are reported together, as Problems.
package environment

import (
	"fmt"
	"path/filepath"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// Namespace is the prefix of our keys in a Pulumi stack's configuration file;
// it is the project name of Pulumi.yaml.
const Namespace = "gcs-to-s3"

// Default is the name of the environment that carries the article's names.
const Default = "dev"

// RolePolicies says which rights the Lambda's role gets.
type RolePolicies string

const (
	// LeastPrivilege grants writing below the destination prefix of the one
	// bucket, and writing to the function's own log group.
	LeastPrivilege RolePolicies = "least-privilege"
	// ArticlePolicies attaches AmazonS3FullAccess and AWSLambdaBasicExecutionRole.
	ArticlePolicies RolePolicies = "article"
)

// ViewerScope says where the service account becomes Storage Object Viewer.
type ViewerScope string

const (
	// ViewBucket grants the role on the source bucket alone.
	ViewBucket ViewerScope = "bucket"
	// ViewProject grants it on the whole project, as the article does.
	ViewProject ViewerScope = "project"
)

// Architecture is the Lambda's instruction set, as Lambda names it.
type Architecture string

const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// GOARCH is the Go compiler's name of the architecture.
func (a Architecture) GOARCH() string {
	if a == X8664 {
		return "amd64"
	}
	return "arm64"
}

// LogRemoval says what becomes of the log group when its stack is destroyed.
type LogRemoval string

const (
	DestroyLogs LogRemoval = "destroy"
	RetainLogs  LogRemoval = "retain"
)

// Environment is one validated environment. The settings table (Settings) says
// what each field means, its key, default and rule.
type Environment struct {
	Name string // the Pulumi stack's name, and the file's: Pulumi.<Name>.yaml

	AWSAccount    string // 12 digits
	AWSRegion     string
	GoogleProject string // the project's id, not its number
	Suffix        string
	Owner         string
	Expires       string // a day, or a moment as RFC 3339 writes it; empty for never

	Role           string
	Function       string
	ServiceAccount string // the id, the part of the e-mail address before the @
	Pool           string
	Provider       string

	SourceBucket      string // on Google Cloud Storage
	DestinationBucket string // on S3
	Object            string
	DestinationPrefix string
	KeyTemplate       string // of package objectkey
	KMSKey            string // ARN; empty for the bucket's own encryption

	Overwrite    string // one of variables.Overwrites
	SourceChange string // one of variables.SourceChanges
	Concurrency  int
	Streams      int

	RolePolicies RolePolicies
	ViewerScope  ViewerScope
	DirectAccess bool   // there is no service account
	TrustedRoles string // Trusted reads it

	Schedule         string // empty for none
	ScheduleTimezone string
	ScheduleEvent    string // a JSON object

	AsyncRetries    int
	DeadLetterQueue bool
	Alarms          bool
	AlarmTopic      string // ARN, or empty

	PermissionsBoundary string // ARN, or empty
	Tags                string // AWSTags reads it

	Architecture     Architecture
	TimeoutSeconds   int
	MemoryMB         int
	LogRetentionDays int
	LogRemoval       LogRemoval

	TokenLifetimeSeconds   int // 0: Google's default of an hour
	GoogleTokenURL         string
	IAMCredentialsEndpoint string
	StorageEndpoint        string
	AllowLoopbackEndpoints bool

	Google GoogleAPIs // not a setting of ours
}

// GoogleAPIs are what the file's gcp: entries say of Google's APIs. They are
// settings of Pulumi's Google Cloud provider, which checks them; where one is
// empty, Google's own address is meant.
type GoogleAPIs struct {
	IAM             string // http://127.0.0.1:8080/v1/
	ResourceManager string
	ServiceUsage    string
	Storage         string // http://127.0.0.1:8080/storage/v1/
	OrgPolicy       string
	AccessToken     string
}

// keys are the keys of the entries: Pulumi Registry, "Google Cloud
// installation & configuration".
func (g *GoogleAPIs) keys() map[string]*string {
	return map[string]*string{
		"gcp:iamCustomEndpoint":             &g.IAM,
		"gcp:resourceManagerCustomEndpoint": &g.ResourceManager,
		"gcp:serviceUsageCustomEndpoint":    &g.ServiceUsage,
		"gcp:storageCustomEndpoint":         &g.Storage,
		"gcp:orgPolicyCustomEndpoint":       &g.OrgPolicy,
		"gcp:accessToken":                   &g.AccessToken,
	}
}

// AssumedRole is the ARN that every session of the role shares, and the value
// of attribute.aws_role on Google's side: arn:aws:sts::ACCOUNT:assumed-role/ROLE.
func (e Environment) AssumedRole() string {
	return names.AssumedRole(e.AWSAccount, e.Role)
}

// Subject is the google.subject of the function's sessions: the assumed role
// with the session name, for which Lambda takes the function's name.
func (e Environment) Subject() string { return e.AssumedRole() + "/" + e.Function }

// RoleARN is the role's IAM ARN.
func (e Environment) RoleARN() string {
	return fmt.Sprintf("arn:aws:iam::%s:role/%s", e.AWSAccount, e.Role)
}

// ServiceAccountEmail is the service account's address. It is empty with direct
// access, which needs none.
func (e Environment) ServiceAccountEmail() string {
	if e.DirectAccess {
		return ""
	}
	return fmt.Sprintf("%s@%s.iam.gserviceaccount.com", e.ServiceAccount, e.GoogleProject)
}

// DeadLetters is the name of the queue of events that failed.
func (e Environment) DeadLetters() string { return e.Function + "-dead-letters" }

// DeadLettersARN is the queue's ARN.
func (e Environment) DeadLettersARN() string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", e.AWSRegion, e.AWSAccount, e.DeadLetters())
}

// LogGroup is the name of the function's log group.
func (e Environment) LogGroup() string { return "/aws/lambda/" + e.Function }

// RoleStack and FunctionStack are the names of the CDK's stacks, which stay the
// same when names inside them change.
func (e Environment) RoleStack() string     { return "gcs-to-s3-" + e.Name + "-role" }
func (e Environment) FunctionStack() string { return "gcs-to-s3-" + e.Name + "-function" }

// CredentialFileName is the name of the credential configuration inside the
// function's bundle, the same that Google's console gives the download.
func (e Environment) CredentialFileName() string {
	return "clientLibraryConfig-" + e.Provider + ".json"
}

// OutputDir is where programs leave what they make for this environment, below
// the project's root.
func (e Environment) OutputDir(root string) string { return filepath.Join(root, "out", e.Name) }

// CredentialFile is the path at which `pulumi up` leaves the credential
// configuration and from which the function's stack takes it.
func (e Environment) CredentialFile(root string) string {
	return filepath.Join(e.OutputDir(root), e.CredentialFileName())
}
