// Package cloudformation is AWS CloudFormation: stacks, change sets, their events
// and what they create.
//
// Modelled: creating, updating and deleting stacks directly and by change sets;
// property differences with in-place updates and replacements; rollback of failed
// creates and updates; clean-up after replacements; DeletionPolicy and
// UpdateReplacePolicy; exports and their users; termination protection;
// capabilities; stack tags on resources; the execution role, with whose rights
// every resource is made. Package resource lists the resource types, package
// template the templates that are understood; anything else is refused by name.
//
// An operation runs in its own goroutine, independent of its request, one resource
// after another in the order of their dependencies. It waits only for a new role
// that Lambda cannot assume yet. The request that begins it is answered after a
// moment, so that a short operation is over when a client first asks for its state.
//
// Not modelled: nested stacks, StackSets, drift detection and import but by change sets,
// validations of direct creations and updates, stack policies, rollback triggers,
// notifications (the ARNs are kept), hooks, macros, resource scans, and pages: lists are
// answered whole. A change set is complete
// when CreateChangeSet answers. Express deployments run like standard ones.
package cloudformation

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// principal is the service that assumes a stack's role.
const principal = "cloudformation.amazonaws.com"

// sessionLength bounds one operation, since its credentials are made once.
const sessionLength = time.Hour

// Options say where the service is and what it relies on.
type Options struct {
	api.Options
	// Ask checks a right of the identity of an access key for resources that no
	// request makes, since they are inert.
	Ask func(accessKeyID, action, arn string, keys map[string][]string) error
	// Pause waits for changes of IAM on the cloud's clock; nil does not, where
	// they have effect at once.
	Pause func(context.Context, time.Duration) error
}

// Server is the service. Make it with New.
type Server struct {
	Options
	types   map[string]resource.Type
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	inert   resource.Inert

	mu     sync.Mutex // guards all stacks and what they hold
	stacks []*stack   // in the order of their creation, deleted ones included
}

// New makes the service.
func New(o Options) *Server {
	o.Options = o.WithDefaults()
	s := &Server{Options: o, types: resource.Types()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Service declares the CloudFormation API.
func (s *Server) Service() api.Service {
	return api.Service{
		Protocol:   api.Query{Namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/", Version: "2010-05-15"},
		Operations: s.operations(),
	}
}

func (s *Server) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"CancelUpdateStack":           api.Do(s.cancelUpdateStack),
		"ContinueUpdateRollback":      unhurried(api.Do(s.continueUpdateRollback)),
		"CreateChangeSet":             api.Do(s.createChangeSet),
		"CreateStack":                 unhurried(api.Do(s.createStack)),
		"DeleteChangeSet":             api.Do(s.deleteChangeSet),
		"DeleteStack":                 unhurried(api.Do(s.deleteStack)),
		"DescribeChangeSet":           api.Do(s.describeChangeSet),
		"DescribeEvents":              api.Do(s.describeEvents),
		"DescribeStackEvents":         api.Do(s.describeStackEvents),
		"DescribeStackResource":       api.Do(s.describeStackResource),
		"DescribeStackResources":      api.Do(s.describeStackResources),
		"DescribeStacks":              api.Do(s.describeStacks),
		"ExecuteChangeSet":            unhurried(api.Do(s.executeChangeSet)),
		"GetTemplate":                 api.Do(s.getTemplate),
		"GetTemplateSummary":          api.Do(s.getTemplateSummary),
		"ListChangeSets":              api.Do(s.listChangeSets),
		"ListExports":                 api.Do(s.listExports),
		"ListHookResults":             api.Do(s.listHookResults),
		"ListImports":                 api.Do(s.listImports),
		"ListStackResources":          api.Do(s.listStackResources),
		"ListStacks":                  api.Do(s.listStacks),
		"RollbackStack":               unhurried(api.Do(s.rollbackStack)),
		"UpdateStack":                 unhurried(api.Do(s.updateStack)),
		"UpdateTerminationProtection": api.Do(s.updateTerminationProtection),
		"ValidateTemplate":            api.Do(s.validateTemplate),

		"DescribeStackDriftDetectionStatus": drift,
		"DescribeStackResourceDrifts":       drift,
		"DetectStackDrift":                  drift,
		"DetectStackResourceDrift":          drift,
	}
}

// drift refuses what would have to read every resource back.
func drift(*api.Request) (any, error) {
	return nil, api.Unmodelled("detection of", "drift")
}

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

// random gives n lower-case characters for ids and generated names.
func (s *Server) random(n int) string { return s.Text("0123456789abcdefghijklmnopqrstuv", n) }

func validationError(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}
