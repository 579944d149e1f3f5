package lambda

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda/runner"
)

// function is one function. Server.mu guards it.
type function struct {
	name          string
	configuration configuration
	code          []byte // the deployment package
	codeSHA256    string // base64
	revision      string
	modified      time.Time
	tags          map[string]string
	policy        []statement
	reserved      *int // concurrency
	running       int  // invocations, while concurrency is reserved
	asynchronous  *eventInvokeConfig
	pool          *runner.Pool // nil until the first invocation after a change

	// grantee is the unique id of the role that Lambda's grant on the key of the variables
	// is for: the one that had the ARN when the function's role was set.
	grantee string

	of      *function // of a published version; nil for $LATEST
	version string    // of a published version

	versions  []*function // oldest first
	published int         // versions, ever
	fresh     bool        // changed since the last version
}

// configuration is what UpdateFunctionConfiguration may change.
type configuration struct {
	role, handler, runtime, description string
	timeout, memory, storage            int
	architecture                        string
	variables                           map[string]string
	logFormat, logGroup                 string
	applicationLevel, systemLevel       string
	tracing                             string
	deadLetters                         string // ARN of a queue, or empty
}

// functionAnswer is FunctionConfiguration as the API has it.
type functionAnswer struct {
	FunctionName, FunctionArn, Role string
	Runtime                         string `json:",omitempty"`
	Handler                         string `json:",omitempty"`
	CodeSize                        int
	Description                     string
	Timeout, MemorySize             int
	LastModified                    string
	CodeSha256                      string
	Version                         string
	Environment                     *environmentAnswer `json:",omitempty"`
	TracingConfig                   struct{ Mode string }
	DeadLetterConfig                *deadLetterConfig `json:",omitempty"`
	RevisionId                      string
	State                           string
	LastUpdateStatus                string
	PackageType                     string
	Architectures                   []string
	EphemeralStorage                struct{ Size int }
	SnapStart                       struct{ ApplyOn, OptimizationStatus string }
	LoggingConfig                   loggingAnswer
}

type environmentAnswer struct{ Variables map[string]string }

type loggingAnswer struct {
	LogFormat           string
	ApplicationLogLevel string `json:",omitempty"`
	SystemLogLevel      string `json:",omitempty"`
	LogGroup            string
}

func (s *Server) answer(f *function) functionAnswer {
	c := f.configuration
	a := functionAnswer{
		FunctionName: f.name, FunctionArn: s.versionArn(f), Role: c.role, Runtime: c.runtime, Handler: c.handler, CodeSize: len(f.code),
		Description: c.description, Timeout: c.timeout, MemorySize: c.memory, LastModified: f.modified.UTC().Format("2006-01-02T15:04:05.000+0000"),
		CodeSha256: f.codeSHA256, Version: cmp.Or(f.version, latest), RevisionId: f.revision, State: "Active", LastUpdateStatus: "Successful", PackageType: "Zip",
		Architectures: []string{c.architecture},
		LoggingConfig: loggingAnswer{LogFormat: c.logFormat, LogGroup: c.group(f.name), ApplicationLogLevel: c.applicationLevel, SystemLogLevel: c.systemLevel},
	}
	if c.deadLetters != "" {
		a.DeadLetterConfig = &deadLetterConfig{c.deadLetters}
	}
	if len(c.variables) > 0 {
		a.Environment = &environmentAnswer{Variables: maps.Clone(c.variables)}
	}
	a.TracingConfig.Mode, a.EphemeralStorage.Size = c.tracing, c.storage
	a.SnapStart.ApplyOn, a.SnapStart.OptimizationStatus = "None", "Off"
	return a
}

func (c configuration) group(name string) string {
	if c.logGroup != "" {
		return c.logGroup
	}
	return "/aws/lambda/" + name
}

// changed gives the function a new revision. Its environments finish
// what they have begun and then end; new ones start with the new revision.
func (s *Server) changed(f *function) {
	f.revision, f.modified, f.fresh = s.UUID(), s.Now(), true
	if pool := f.pool; pool != nil {
		f.pool = nil
		s.events.Go(func() { _ = pool.Retire() }) // what it leaves is removed with the server's folder
	}
}

// discard kills the function's environments and those of its versions.
func (f *function) discard() error {
	var errs []error
	for _, v := range f.versions {
		errs = append(errs, v.discard())
	}
	if pool := f.pool; pool != nil {
		f.pool = nil
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}

// ready is the pool of the function's present version. Server.mu must be held.
func (s *Server) ready(f *function) (*runner.Pool, error) {
	if f.pool != nil {
		return f.pool, nil
	}
	if s.closed {
		return nil, errors.New("the sandbox is closing")
	}
	root := filepath.Join(s.dir, f.name+"-"+f.revision)
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, fmt.Errorf("making the task root of %s: %w", f.name, err)
	}
	if err := runner.Unpack(f.code, root); err != nil {
		return nil, err
	}
	c, grantee := f.configuration, f.grantee
	f.pool = runner.NewPool(&runner.Function{
		ARN: s.versionArn(f), Name: f.name, Version: cmp.Or(f.version, latest), Region: s.Region, Handler: c.handler,
		Architecture: c.architecture, MemoryMB: c.memory, Timeout: time.Duration(c.timeout) * time.Second, Variables: maps.Clone(c.variables),
		LogGroup: c.group(f.name), JSONLogs: c.logFormat == "JSON", Root: root, Endpoint: s.URL,
		Credentials: func() (api.Credentials, error) {
			session, err := s.ServiceRole(c.role, principal, f.name, sessionLength)
			if id, _ := s.RoleID(c.role); err == nil && len(c.variables) > 0 && id != grantee {
				return session, variablesDenied()
			}
			return session, err
		},
		Deliver: s.deliver, Now: s.Now, Random: s.Random,
	})
	return f.pool, nil
}

// variablesDenied is the refusal of a function whose variables are encrypted for a role
// that is gone, though there is another of its name: hashicorp/terraform-provider-aws,
// issue 6352, and for the words aws/chalice, issue 1342. That it is enough to set the same
// ARN again is believed; the reports set another role in between. Status: "Invoke" (AWS
// Lambda API Reference).
func variablesDenied() error {
	return api.Errorf(http.StatusBadGateway, "KMSAccessDeniedException",
		"Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. "+
			"KMS Exception: AccessDeniedException KMS Message: The ciphertext refers to a customer master key that does not exist, "+
			"does not exist in this region, or you are not allowed to access.")
}

// sessionLength is how long the credentials of an environment last; the real
// ones are renewed with the environment, too.
const sessionLength = time.Hour
