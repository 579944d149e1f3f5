package cloudformation

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type createStackInput struct {
	StackName                   string
	TemplateBody                string
	TemplateURL                 string
	Parameters                  []parameterInput
	Tags                        []tagInput
	Capabilities                []string
	NotificationARNs            []string
	RoleARN                     string
	ClientRequestToken          string
	DisableRollback             bool
	OnFailure                   string
	EnableTerminationProtection bool
	RetainExceptOnCreate        bool
	RollbackConfiguration       rollbackConfiguration
	TimeoutInMinutes            int // ignored: operations take no time
	DeploymentConfig            deploymentConfig
}

type stackIDAnswer struct{ StackId string }

func (s *Server) createStack(r *api.Request, in *createStackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := r.Authorize("cloudformation:CreateStack", s.arn(nil, in.StackName), stackKeys(in.RoleARN, in.TemplateURL)); err != nil {
		return nil, err
	}
	if err := checkName(in.StackName); err != nil {
		return nil, err
	}
	if err := in.RollbackConfiguration.check(); err != nil {
		return nil, err
	}
	if in.OnFailure != "" && in.DisableRollback {
		return nil, validationError("Only one of OnFailure or DisableRollback can be specified")
	}
	if st := s.find(in.StackName); st != nil {
		return nil, api.Errorf(http.StatusBadRequest, "AlreadyExistsException", "Stack [%s] already exists", in.StackName)
	}
	src, err := s.prepareUnlocked(r, sourceInput{TemplateBody: in.TemplateBody, TemplateURL: in.TemplateURL, Parameters: in.Parameters, Tags: in.Tags,
		Capabilities: in.Capabilities, NotificationARNs: in.NotificationARNs, RoleARN: in.RoleARN}, nil)
	if err != nil {
		return nil, err
	}
	if s.find(in.StackName) != nil { // made by someone else while the template was fetched
		return nil, api.Errorf(http.StatusBadRequest, "AlreadyExistsException", "Stack [%s] already exists", in.StackName)
	}
	if err := s.checkNew(in.StackName, src); err != nil {
		return nil, err
	}
	clients, err := s.clients(r, in.RoleARN)
	if err != nil {
		return nil, err
	}
	st := s.newStack(in.StackName)
	st.source, st.roleARN, st.mode = src, in.RoleARN, in.DeploymentConfig.Mode
	st.disableRollback, st.terminationProtection, st.retainExceptOnCreate = in.DisableRollback, in.EnableTerminationProtection, in.RetainExceptOnCreate
	s.setStatus(st, "CREATE_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
	s.start(r, st, clients, in.ClientRequestToken, func(o *operation) { o.runCreate(in.OnFailure) })
	return stackIDAnswer{StackId: st.id}, nil
}

// checkNew plans a stack that does not exist, for the errors of its template.
// An export that is missing fails the stack later, not the request.
func (s *Server) checkNew(name string, src source) error {
	_, _, err := s.plan(&stack{name: name, id: s.arn(nil, name)}, src)
	if err != nil && !missingExport(err) {
		return asValidation(err)
	}
	return nil
}

func missingExport(err error) bool { return strings.HasPrefix(err.Error(), "No export named ") }

// prepareUnlocked lets go of Server.mu while templates and parameters are
// fetched, because fetching them asks this same cloud.
func (s *Server) prepareUnlocked(r *api.Request, in sourceInput, before *source) (source, error) {
	s.mu.Unlock()
	defer s.mu.Lock()
	src, err := s.prepare(r, in, before)
	if err != nil {
		return src, err
	}
	return src, s.passRole(r, in.RoleARN)
}

func stackKeys(roleARN, templateURL string) map[string][]string {
	keys := map[string][]string{}
	if roleARN != "" {
		keys["cloudformation:RoleArn"] = []string{roleARN}
	}
	if templateURL != "" {
		keys["cloudformation:TemplateUrl"] = []string{templateURL}
	}
	return keys
}

type updateStackInput struct {
	StackName string
	sourceInput
	ClientRequestToken    string
	DisableRollback       bool
	RetainExceptOnCreate  bool
	RollbackConfiguration rollbackConfiguration
	DeploymentConfig      deploymentConfig
}

// updatable are the states that "UpdateStack" may start from. The two failed
// ones are those of stacks whose rollback is disabled.
func updatable(status string) bool {
	return slices.Contains([]string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED",
		"IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}, status)
}

func notInState(st *stack, verb string) error {
	return validationError("Stack:%s is in %s state and can not be %s.", st.id, st.status, verb)
}

func (s *Server) updateStack(r *api.Request, in *updateStackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "UpdateStack", in.StackName, stackKeys(in.RoleARN, in.TemplateURL))
	if err != nil {
		return nil, err
	}
	if err := in.RollbackConfiguration.check(); err != nil {
		return nil, err
	}
	if !updatable(st.status) {
		return nil, notInState(st, "updated")
	}
	before := st.source
	src, err := s.prepareUnlocked(r, in.sourceInput, &before)
	if err != nil {
		return nil, err
	}
	if !updatable(st.status) { // it may have changed while the template was fetched
		return nil, notInState(st, "updated")
	}
	changes, outputsChange, err := s.plan(st, src)
	if err != nil && !missingExport(err) {
		return nil, asValidation(err)
	}
	if err == nil && len(changes) == 0 && !outputsChange && sameSettings(st.source, src) && !strings.HasSuffix(st.status, "_FAILED") {
		return nil, validationError("No updates are to be performed.")
	}
	if in.RoleARN != "" {
		st.roleARN = in.RoleARN
	}
	clients, err := s.clients(r, st.roleARN)
	if err != nil {
		return nil, err
	}
	st.mode, st.disableRollback, st.retainExceptOnCreate = in.DeploymentConfig.Mode, in.DisableRollback, in.RetainExceptOnCreate
	s.beginUpdate(st, src, in.ClientRequestToken)
	s.start(r, st, clients, in.ClientRequestToken, (*operation).runUpdate)
	return stackIDAnswer{StackId: st.id}, nil
}

// beginUpdate moves the stack to its new source. Change sets made against the
// old one are out of date.
func (s *Server) beginUpdate(st *stack, src source, token string) {
	st.begin(src)
	s.setStatus(st, "UPDATE_IN_PROGRESS", "User Initiated", token)
}

func (st *stack) begin(src source) {
	if st.stable == nil {
		// A create without rollback or an import failed; there is only emptiness to go back to.
		st.stable = &snapshot{source: st.source, resources: map[string]*stackResource{}}
	}
	st.source = src
	for _, cs := range st.changeSets {
		if cs.executionStatus == "AVAILABLE" {
			cs.executionStatus = "OBSOLETE"
		}
	}
}

func sameSettings(a, b source) bool {
	return slices.Equal(a.notificationARNs, b.notificationARNs) && canonicalTags(a) == canonicalTags(b)
}

func canonicalTags(src source) string {
	m := map[string]any{}
	for k, v := range src.tags {
		m[k] = v
	}
	return canonical(m)
}

type deleteStackInput struct {
	StackName          string
	RetainResources    []string
	RoleARN            string
	ClientRequestToken string
	DeletionMode       string
	DeploymentConfig   deploymentConfig
}

// deleteStack answers success for a stack that does not exist, as CloudFormation does.
func (s *Server) deleteStack(r *api.Request, in *deleteStackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.find(in.StackName)
	if err := r.Authorize("cloudformation:DeleteStack", s.arn(st, in.StackName), stackKeys(in.RoleARN, "")); err != nil {
		return nil, err
	}
	if st == nil || st.status == "DELETE_COMPLETE" || st.status == "DELETE_IN_PROGRESS" {
		return nil, nil
	}
	switch {
	case st.busy():
		return nil, validationError("Stack [%s] cannot be deleted while in status %s", st.name, st.status)
	case st.terminationProtection:
		return nil, validationError("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	case len(in.RetainResources) > 0 && st.status != "DELETE_FAILED":
		return nil, validationError("Invalid operation on stack [%s]. RetainResources can only be specified for stacks in the DELETE_FAILED state.", st.id)
	}
	if err := s.checkExports(st, nil); err != nil {
		return nil, validationError("%s", err.Error())
	}
	roleARN := st.roleARN
	if in.RoleARN != "" {
		s.mu.Unlock()
		err := s.passRole(r, in.RoleARN)
		s.mu.Lock()
		if err != nil {
			return nil, err
		}
		roleARN = in.RoleARN
	}
	clients, err := s.clients(r, roleARN)
	if err != nil {
		return nil, err
	}
	retain := in.RetainResources
	if in.DeletionMode == "FORCE_DELETE_STACK" {
		for id, res := range st.resources {
			if res.status == "DELETE_FAILED" {
				retain = append(retain, id)
			}
		}
	}
	s.setStatus(st, "DELETE_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
	s.start(r, st, clients, in.ClientRequestToken, func(o *operation) { o.runDelete(retain, false) })
	return nil, nil
}
