// Package cloudformation is AWS CloudFormation: stacks, change sets, their
// events and what they create.
//
// Modelled: creating, updating and deleting stacks directly and by change sets;
// property differences with in-place updates and replacements; rollback of
// failed creates and updates; clean-up after replacements; DeletionPolicy and
// UpdateReplacePolicy; exports and their users; termination protection;
// capabilities; stack tags on resources; the execution role, whose rights every
// resource is made with. Which resource types exist is said by package resource,
// which templates by package template; anything else is refused by name.
//
// An operation runs in its own goroutine, whatever becomes of the request,
// one resource after another in the order of their dependencies, and waits for
// nothing but a new role that Lambda cannot assume yet. The answer to the request that began it waits for it a moment,
// so that it is over when a client first asks for its state.
//
// Not modelled: nested stacks, StackSets, drift, import of resources, stack
// policies, rollback triggers, notifications (the ARNs are kept), hooks, macros,
// resource scans, and pages: lists are answered whole. A change set is complete
// when CreateChangeSet answers. Express deployments run like standard ones.
package cloudformation

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// principal is the service that assumes a stack's role.
const principal = "cloudformation.amazonaws.com"

// sessionLength bounds one operation, since its credentials are made once.
const sessionLength = time.Hour

// nowhere is a closed port. Without an endpoint the SDK would ask the real AWS.
const nowhere = "http://127.0.0.1:9"

// Options say where the service is and what it relies on.
type Options struct {
	Account, Region string
	URL             string // the cloud's endpoint, where resources are made
	Sessions        api.Sessions
	Now             func() time.Time // nil is time.Now
	Random          io.Reader        // nil is crypto/rand
	// Ask checks a right of the identity of an access key for resources that no
	// request makes, since they are inert.
	Ask func(accessKeyID, action, arn string, keys map[string][]string) error
	// Pause waits for changes of IAM on the cloud's clock; nil does not, where
	// they have effect at once.
	Pause func(context.Context, time.Duration) error
}

// Server is the service. Make it with New.
type Server struct {
	opts     Options
	types    map[string]resource.Type
	protocol api.QueryProtocol
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	inert    resource.Inert

	mu     sync.Mutex // guards all stacks and what they hold
	stacks []*stack   // in the order of their creation, deleted ones included
}

// New makes the service.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.URL == "" {
		opts.URL = nowhere
	}
	if opts.Random == nil {
		opts.Random = rand.Reader
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{opts: opts, types: resource.Types(), ctx: ctx, cancel: cancel}
	s.protocol = api.QueryProtocol{
		Namespace:  "http://cloudformation.amazonaws.com/doc/2010-05-15/",
		Version:    "2010-05-15",
		Operations: s.operations(),
	}
	return s
}

func (s *Server) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"CancelUpdateStack":           api.QueryOperation(s.cancelUpdateStack),
		"ContinueUpdateRollback":      unhurried(api.QueryOperation(s.continueUpdateRollback)),
		"CreateChangeSet":             api.QueryOperation(s.createChangeSet),
		"CreateStack":                 unhurried(api.QueryOperation(s.createStack)),
		"DeleteChangeSet":             api.QueryOperation(s.deleteChangeSet),
		"DeleteStack":                 unhurried(api.QueryOperation(s.deleteStack)),
		"DescribeChangeSet":           api.QueryOperation(s.describeChangeSet),
		"DescribeEvents":              api.QueryOperation(s.describeEvents),
		"DescribeStackEvents":         api.QueryOperation(s.describeStackEvents),
		"DescribeStackResource":       api.QueryOperation(s.describeStackResource),
		"DescribeStackResources":      api.QueryOperation(s.describeStackResources),
		"DescribeStacks":              api.QueryOperation(s.describeStacks),
		"ExecuteChangeSet":            unhurried(api.QueryOperation(s.executeChangeSet)),
		"GetTemplate":                 api.QueryOperation(s.getTemplate),
		"GetTemplateSummary":          api.QueryOperation(s.getTemplateSummary),
		"ListChangeSets":              api.QueryOperation(s.listChangeSets),
		"ListExports":                 api.QueryOperation(s.listExports),
		"ListHookResults":             api.QueryOperation(s.listHookResults),
		"ListImports":                 api.QueryOperation(s.listImports),
		"ListStackResources":          api.QueryOperation(s.listStackResources),
		"ListStacks":                  api.QueryOperation(s.listStacks),
		"RollbackStack":               unhurried(api.QueryOperation(s.rollbackStack)),
		"UpdateStack":                 unhurried(api.QueryOperation(s.updateStack)),
		"UpdateTerminationProtection": api.QueryOperation(s.updateTerminationProtection),
		"ValidateTemplate":            api.QueryOperation(s.validateTemplate),

		"DescribeStackDriftDetectionStatus": drift,
		"DescribeStackResourceDrifts":       drift,
		"DetectStackDrift":                  drift,
		"DetectStackResourceDrift":          drift,
	}
}

// drift refuses what would have to read every resource back.
func drift(*api.Request) (any, error) {
	return nil, api.Errorf(http.StatusNotImplemented, "NotImplemented", "Drift detection is not modelled by this sandbox.")
}

// ServeAWS answers one request.
func (s *Server) ServeAWS(w http.ResponseWriter, r *api.Request) { s.protocol.ServeAWS(w, r) }

// Inert holds what exists and does nothing, such as alarms.
func (s *Server) Inert() *resource.Inert { return &s.inert }

// Close stops operations that still run and waits for them.
func (s *Server) Close() error {
	s.cancel()
	s.running.Wait()
	return nil
}

// Wait waits until no operation runs.
func (s *Server) Wait() { s.running.Wait() }

// config is an SDK configuration that reaches the cloud with these credentials.
func (s *Server) config(c api.Credentials) aws.Config {
	return aws.Config{
		Region:       s.opts.Region,
		BaseEndpoint: aws.String(s.opts.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		// A refusal is an answer here, and there is no weather to wait out.
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// random gives n lower-case characters for ids and generated names.
func (s *Server) random(n int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv" // 32 characters: no bias
	b := make([]byte, n)
	if _, err := io.ReadFull(s.opts.Random, b); err != nil {
		panic("reading randomness: " + err.Error())
	}
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b)
}

// uuid gives a random UUID.
func (s *Server) uuid() string {
	const digits = "0123456789abcdef"
	b := make([]byte, 36)
	if _, err := io.ReadFull(s.opts.Random, b); err != nil {
		panic("reading randomness: " + err.Error())
	}
	for i := range b {
		b[i] = digits[b[i]%16]
	}
	for _, i := range []int{8, 13, 18, 23} {
		b[i] = '-'
	}
	b[14] = '4'
	return string(b)
}

func validationError(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}
