package cloudformation

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// changeSet is a prepared operation.
type changeSet struct {
	id, name, kind, description string
	created                     time.Time
	status, reason              string // CREATE_COMPLETE or FAILED
	executionStatus             string
	source                      source
	roleARN, mode, onFailure    string
	includeNested               bool
	changes                     []change
	drift                       drifted
}

type createChangeSetInput struct {
	StackName     string
	ChangeSetName string
	ChangeSetType string
	Description   string
	ClientToken   string
	sourceInput
	OnStackFailure          string
	RollbackConfiguration   rollbackConfiguration
	IncludeNestedStacks     bool
	ImportExistingResources bool
	ResourcesToImport       []resourceToImport
	DisableRollback         bool
	DeploymentMode          string
	DeploymentConfig        deploymentConfig
}

type createChangeSetAnswer struct{ Id, StackId string }

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

func (s *Server) createChangeSet(r *api.Request, in *createChangeSetInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.find(in.StackName)
	keys := stackKeys(in.RoleARN, in.TemplateURL)
	keys["cloudformation:ChangeSetName"] = []string{in.ChangeSetName}
	if len(in.ResourcesToImport) > 0 {
		keys["cloudformation:ImportResourceTypes"] = in.typesToImport()
	}
	if err := r.Authorize("cloudformation:CreateChangeSet", s.arn(st, in.StackName), keys); err != nil {
		return nil, err
	}
	if err := s.checkChangeSet(st, in); err != nil {
		return nil, err
	}
	var before *source
	if st != nil && st.source.template != nil {
		b := st.source
		before = &b
	}
	src, err := s.prepareUnlocked(r, in.sourceInput, before)
	if err != nil {
		return nil, err
	}
	st = s.find(in.StackName)
	if err := s.checkChangeSet(st, in); err != nil { // again, now that it is locked again
		return nil, err
	}
	drift, err := s.driftUnlocked(r, in, st)
	if err != nil {
		return nil, err
	}
	st = s.find(in.StackName)
	if err := s.checkChangeSet(st, in); err != nil { // and again
		return nil, err
	}
	planned := st
	if st != nil {
		planned = drift.applied(st)
	} else {
		planned = &stack{name: in.StackName, id: s.arn(nil, in.StackName)}
	}
	changes, outputsChange, planErr := s.plan(planned, src)
	if planErr != nil && !missingExport(planErr) {
		return nil, asValidation(planErr)
	}
	if in.kind() == "IMPORT" {
		if err := s.checkImport(in, st, src, changes, outputsChange); err != nil {
			return nil, err
		}
	}
	conflict, err := s.validateUnlocked(r, in, src, changes)
	if err != nil {
		return nil, err
	}
	st = s.find(in.StackName)
	if err := s.checkChangeSet(st, in); err != nil { // and again
		return nil, err
	}
	if st == nil {
		st = s.newStack(in.StackName)
		s.setStatus(st, "REVIEW_IN_PROGRESS", "User Initiated", in.ClientToken)
	}
	cs := &changeSet{
		id:   "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":changeSet/" + in.ChangeSetName + "/" + s.UUID(),
		name: in.ChangeSetName, kind: in.kind(), description: in.Description, created: s.tick(st),
		status: "CREATE_COMPLETE", executionStatus: "AVAILABLE", source: src, roleARN: in.RoleARN, mode: in.DeploymentConfig.Mode,
		onFailure: in.OnStackFailure, includeNested: in.IncludeNestedStacks, changes: changes, drift: drift,
	}
	settled := st.status == "REVIEW_IN_PROGRESS" || strings.HasSuffix(st.status, "_FAILED")
	switch {
	case conflict != "":
		cs.status, cs.executionStatus, cs.reason = "FAILED", "UNAVAILABLE", conflict
	case planErr != nil:
		cs.status, cs.executionStatus, cs.reason = "FAILED", "UNAVAILABLE", planErr.Error()
	case len(changes) == 0 && !outputsChange && !settled && sameSettings(st.source, src):
		cs.status, cs.executionStatus, cs.reason = "FAILED", "UNAVAILABLE", noChanges
	}
	st.changeSets = append(slices.DeleteFunc(st.changeSets, func(old *changeSet) bool { return old.name == cs.name }), cs)
	return createChangeSetAnswer{Id: cs.id, StackId: st.id}, nil
}

// validateUnlocked lets go of Server.mu while services are asked.
func (s *Server) validateUnlocked(r *api.Request, in *createChangeSetInput, src source, changes []change) (string, error) {
	roleARN := in.RoleARN
	if st := s.find(in.StackName); st != nil && roleARN == "" {
		roleARN = st.roleARN
	}
	clients, err := s.clients(r, roleARN)
	if err != nil {
		return "", err
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.validate(r.Context(), clients, src, changes, in.ImportExistingResources)
}

func (in *createChangeSetInput) kind() string {
	if in.ChangeSetType == "" {
		return "UPDATE"
	}
	return in.ChangeSetType
}

func (s *Server) checkChangeSet(st *stack, in *createChangeSetInput) error {
	if err := in.RollbackConfiguration.check(); err != nil {
		return err
	}
	switch in.kind() {
	case "CREATE":
		if err := checkName(in.StackName); err != nil && !strings.HasPrefix(in.StackName, "arn:") {
			return err
		}
		if st != nil && st.status != "REVIEW_IN_PROGRESS" {
			return validationError("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.name, in.ChangeSetName)
		}
	case "UPDATE":
		if st == nil {
			return validationError("Stack [%s] does not exist", in.StackName)
		}
		if !updatable(st.status) {
			return notInState(st, "updated")
		}
	case "IMPORT":
		if st != nil && st.status != "REVIEW_IN_PROGRESS" && !updatable(st.status) {
			return notInState(st, "updated")
		}
	default:
		return api.NotModelled("ChangeSetType=" + in.ChangeSetType)
	}
	if (in.kind() == "IMPORT") != (len(in.ResourcesToImport) > 0) {
		return validationError("ResourcesToImport must be specified for change sets of type IMPORT, and only for them") // believed
	}
	if st == nil {
		return nil
	}
	for _, old := range st.changeSets {
		if old.name == in.ChangeSetName && old.executionStatus != "EXECUTE_COMPLETE" {
			return api.Errorf(http.StatusBadRequest, "AlreadyExistsException", "ChangeSet %s already exists", in.ChangeSetName)
		}
	}
	return nil
}

// changeSet finds a change set by its id, or by name and stack.
func (s *Server) changeSet(r *api.Request, action, stackName, name string) (*stack, *changeSet, error) {
	keys := map[string][]string{"cloudformation:ChangeSetName": {name}}
	if strings.HasPrefix(name, "arn:") {
		for _, st := range s.stacks {
			for _, cs := range st.changeSets {
				if cs.id == name {
					return st, cs, r.Authorize("cloudformation:"+action, st.id, keys)
				}
			}
		}
	}
	if stackName == "" {
		if strings.HasPrefix(name, "arn:") {
			return nil, nil, noChangeSet(name)
		}
		return nil, nil, validationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st, err := s.existing(r, action, stackName, keys)
	if err != nil {
		return nil, nil, err
	}
	for _, cs := range st.changeSets {
		if cs.name == name {
			return st, cs, nil
		}
	}
	return st, nil, noChangeSet(name)
}

func noChangeSet(name string) error {
	return api.Errorf(http.StatusNotFound, "ChangeSetNotFound", "ChangeSet [%s] does not exist", name)
}

type executeChangeSetInput struct {
	StackName            string
	ChangeSetName        string
	ClientRequestToken   string
	DisableRollback      *bool
	RetainExceptOnCreate bool
}

func (s *Server) executeChangeSet(r *api.Request, in *executeChangeSetInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, cs, err := s.changeSet(r, "ExecuteChangeSet", in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	if cs.executionStatus != "AVAILABLE" {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current status of [%s]", cs.id, cs.status)
	}
	if st.status != "REVIEW_IN_PROGRESS" && !updatable(st.status) {
		return nil, notInState(st, "updated")
	}
	roleARN := st.roleARN
	if cs.roleARN != "" {
		roleARN = cs.roleARN
	}
	clients, err := s.clients(r, roleARN)
	if err != nil {
		return nil, err
	}
	cs.executionStatus = "EXECUTE_COMPLETE"
	st.roleARN, st.mode, st.executingChangeSet = roleARN, cs.mode, cs.id
	st.disableRollback = in.DisableRollback != nil && *in.DisableRollback
	st.retainExceptOnCreate = in.RetainExceptOnCreate
	if cs.kind == "IMPORT" {
		s.beginImport(st, cs, in.ClientRequestToken)
		s.start(r, st, clients, in.ClientRequestToken, func(o *operation) {
			o.adopts = cs.imports()
			o.runImport()
		})
		return struct{}{}, nil
	}
	if st.status == "REVIEW_IN_PROGRESS" {
		st.source = cs.source
		s.setStatus(st, "CREATE_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
		s.start(r, st, clients, in.ClientRequestToken, func(o *operation) {
			o.adopts = cs.imports()
			o.runCreate(cs.onFailure)
		})
		return struct{}{}, nil
	}
	s.beginUpdate(st, cs.source, in.ClientRequestToken)
	st.resources = cs.drift.applied(st).resources
	s.start(r, st, clients, in.ClientRequestToken, func(o *operation) {
		o.adopts = cs.imports()
		o.runUpdate()
	})
	return struct{}{}, nil
}

type deleteChangeSetInput struct{ StackName, ChangeSetName string }

// deleteChangeSet answers success for a change set that does not exist.
func (s *Server) deleteChangeSet(r *api.Request, in *deleteChangeSetInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, cs, err := s.changeSet(r, "DeleteChangeSet", in.StackName, in.ChangeSetName)
	if e, ok := err.(*api.Error); ok && e.Code == "ChangeSetNotFound" {
		return struct{}{}, nil
	}
	if err != nil {
		return nil, err
	}
	st.changeSets = slices.DeleteFunc(st.changeSets, func(other *changeSet) bool { return other == cs })
	return struct{}{}, nil
}
