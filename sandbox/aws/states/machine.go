package states

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// stateMachine is a state machine. Server.mu guards it; its revision is never changed
// in place, so that executions keep theirs.
type stateMachine struct {
	*revision
	created  time.Time
	deleting bool
	tags     map[string]string
}

// revision is what an update replaces.
type revision struct {
	id         string // empty for the first
	arn, name  string
	role       string
	definition string
	workflow   *workflow
	logging    logging
	tracing    bool
	updated    time.Time
}

type logging struct {
	Level                string        `json:"level"`
	IncludeExecutionData bool          `json:"includeExecutionData"`
	Destinations         []destination `json:"destinations,omitempty"`
}

type destination struct {
	CloudWatchLogsLogGroup *logGroup `json:"cloudWatchLogsLogGroup"`
}

type logGroup struct {
	LogGroupArn string `json:"logGroupArn"`
}

type tracing struct {
	Enabled bool `json:"enabled"`
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type createInput struct {
	Name, Definition, RoleArn, Type string
	LoggingConfiguration            *logging
	TracingConfiguration            *tracing
	Tags                            []tag
	Publish                         bool
	EncryptionConfiguration         *struct{ Type string }
}

func (s *Server) machineARN(name string) string { return s.ARN("states", "stateMachine:"+name) }

// define reads a definition and refuses what is wrong with it.
func define(text string) (*workflow, error) {
	if len(text) > maxDefinition {
		return nil, invalid("…", "definition", "Member must have length less than or equal to 1048576")
	}
	w, diagnostics, err := parseDefinition(text)
	if len(diagnostics) > 0 {
		return nil, refusal(diagnostics)
	}
	return w, err
}

// checkRole checks that the caller may pass the role, and that Step Functions may
// assume it.
func (s *Server) checkRole(r *api.Request, machine, role string) error {
	if !strings.HasPrefix(role, "arn:aws:iam::"+s.Account+":role/") {
		return refuse("InvalidArn", "Invalid Role Arn: '%s'", role)
	}
	if err := r.Authorize("iam:PassRole", role, map[string][]string{"iam:PassedToService": {principal}}); err != nil {
		return err
	}
	if _, err := (&session{server: s, machine: machine, role: role}).credentials(); err != nil {
		return refuse("AccessDeniedException", "%s", notAssumable)
	}
	return nil
}

// notAssumable is what a role is refused with that Step Functions cannot assume.
const notAssumable = "Neither the global service principal states.amazonaws.com, " +
	"nor the regional one is authorized to assume the provided role."

func (s *Server) createStateMachine(r *api.Request, in *createInput) (any, error) {
	arn := s.machineARN(in.Name)
	tags := tagMap(in.Tags)
	if err := r.Authorize("states:CreateStateMachine", arn, api.TagKeys(tags)); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := r.Authorize("states:TagResource", arn, api.TagKeys(tags)); err != nil {
			return nil, err
		}
	}
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	switch {
	case in.Type != "" && in.Type != "STANDARD" && in.Type != "EXPRESS":
		return nil, invalid(in.Type, "type", "Member must satisfy enum value set: [STANDARD, EXPRESS]")
	case in.Type == "EXPRESS":
		return nil, api.NotModelled("type EXPRESS")
	case in.Publish:
		return nil, api.NotModelled("publish")
	case in.EncryptionConfiguration != nil && in.EncryptionConfiguration.Type != "AWS_OWNED_KEY":
		return nil, api.NotModelled("encryptionConfiguration " + in.EncryptionConfiguration.Type)
	case len(tags) > maxTags:
		return nil, refuse("TooManyTags", "Too many tags: '%s'", arn)
	}
	w, err := define(in.Definition)
	if err != nil {
		return nil, err
	}
	if err := s.checkRole(r, arn, in.RoleArn); err != nil {
		return nil, err
	}
	v := &revision{arn: arn, name: in.Name, role: in.RoleArn, definition: in.Definition, workflow: w, logging: logging{Level: "OFF"},
		updated: s.Now()}
	if err := s.configure(v, in.LoggingConfiguration, in.TracingConfiguration); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.machines[arn]; old != nil {
		switch {
		case old.deleting:
			return nil, refuse("StateMachineDeleting", "State Machine is being deleted: '%s'", arn)
		case old.definition != v.definition || !old.logging.equal(v.logging) || old.tracing != v.tracing:
			return nil, refuse("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", arn)
		}
		return created{arn, api.Timestamp(old.created)}, nil // the role and the tags are not compared, and stay
	}
	s.machines[arn] = &stateMachine{revision: v, created: v.updated, tags: tags}
	return created{arn, api.Timestamp(v.updated)}, nil
}

type created struct {
	StateMachineArn string        `json:"stateMachineArn"`
	CreationDate    api.Timestamp `json:"creationDate"`
}

type updateInput struct {
	StateMachineArn, Definition, RoleArn string
	LoggingConfiguration                 *logging
	TracingConfiguration                 *tracing
	Publish                              bool
}

func (s *Server) updateStateMachine(r *api.Request, in *updateInput) (any, error) {
	if err := s.authorize(r, "UpdateStateMachine", in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	switch {
	case in.Publish:
		return nil, api.NotModelled("publish")
	case in.Definition == "" && in.RoleArn == "" && in.LoggingConfiguration == nil && in.TracingConfiguration == nil:
		return nil, refuse("MissingRequiredParameter",
			"Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	s.mu.Lock()
	old, err := s.machine(in.StateMachineArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	v := *old.revision
	v.id, v.updated, v.role = s.UUID(), s.Now(), cmp.Or(in.RoleArn, v.role)
	if in.Definition != "" {
		v.definition = in.Definition
		if v.workflow, err = define(in.Definition); err != nil {
			return nil, err
		}
	}
	if in.RoleArn != "" {
		if err := s.checkRole(r, in.StateMachineArn, in.RoleArn); err != nil {
			return nil, err
		}
	}
	if err := s.configure(&v, in.LoggingConfiguration, in.TracingConfiguration); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	m.revision = &v
	return map[string]any{"updateDate": api.Timestamp(v.updated), "revisionId": v.id}, nil
}

// machine finds a state machine that is not being deleted. The caller holds the lock.
func (s *Server) machine(arn string) (*stateMachine, error) {
	m := s.machines[arn]
	switch {
	case m == nil:
		return nil, refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
	case m.deleting:
		return nil, refuse("StateMachineDeleting", "State Machine is being deleted: '%s'", arn)
	}
	return m, nil
}

// deleteStateMachine deletes a state machine once its executions have ended, which it
// ends at their next transitions.
func (s *Server) deleteStateMachine(r *api.Request, in *struct{ StateMachineArn string }) (any, error) {
	if err := s.authorize(r, "DeleteStateMachine", in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[in.StateMachineArn]; m != nil {
		m.deleting = true
		s.sweep(in.StateMachineArn)
	}
	return nil, nil
}

// sweep removes a state machine that is being deleted and has no execution that runs.
// The caller holds the lock.
func (s *Server) sweep(arn string) {
	m := s.machines[arn]
	if m == nil || !m.deleting {
		return
	}
	for _, e := range s.executions {
		if e.revision.arn == arn && e.running() {
			return
		}
	}
	delete(s.machines, arn)
}

type machineShape struct {
	StateMachineArn      string         `json:"stateMachineArn"`
	Name                 string         `json:"name"`
	Status               string         `json:"status,omitempty"`
	Definition           string         `json:"definition"`
	RoleArn              string         `json:"roleArn"`
	Type                 string         `json:"type,omitempty"`
	CreationDate         *api.Timestamp `json:"creationDate,omitempty"`
	UpdateDate           *api.Timestamp `json:"updateDate,omitempty"`
	LoggingConfiguration logging        `json:"loggingConfiguration"`
	TracingConfiguration tracing        `json:"tracingConfiguration"`
	RevisionID           string         `json:"revisionId,omitempty"`
	MapRunArn            string         `json:"mapRunArn,omitempty"`
	Label                string         `json:"label,omitempty"`
}

func (v *revision) shape() machineShape {
	return machineShape{
		StateMachineArn: v.arn, Name: v.name, Definition: v.definition, RoleArn: v.role,
		LoggingConfiguration: v.logging, TracingConfiguration: tracing{v.tracing}, RevisionID: v.id,
	}
}

func (s *Server) describeStateMachine(r *api.Request, in *struct{ StateMachineArn, IncludedData string }) (any, error) {
	if err := s.authorize(r, "DescribeStateMachine", in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	if in.IncludedData != "" && in.IncludedData != "ALL_DATA" {
		return nil, api.NotModelled("includedData " + in.IncludedData)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[in.StateMachineArn]
	if m == nil {
		return nil, refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", in.StateMachineArn)
	}
	shape, at := m.shape(), api.Timestamp(m.created)
	shape.Status, shape.Type, shape.CreationDate = "ACTIVE", "STANDARD", &at
	if m.deleting {
		shape.Status = "DELETING"
	}
	return shape, nil
}

func (s *Server) describeStateMachineForExecution(r *api.Request, in *executionInput) (any, error) {
	e, err := s.execution(r, "DescribeStateMachineForExecution", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	shape, at := e.revision.shape(), api.Timestamp(e.revision.updated)
	shape.UpdateDate = &at
	if run := e.run; run != nil {
		shape.StateMachineArn, shape.MapRunArn, shape.Label = run.machineARN(), run.arn, run.label
		shape.Definition = run.definition
	}
	return shape, nil
}

type listInput struct {
	MaxResults *int
	NextToken  string
}

type machineItem struct {
	StateMachineArn string        `json:"stateMachineArn"`
	Name            string        `json:"name"`
	Type            string        `json:"type"`
	CreationDate    api.Timestamp `json:"creationDate"`
}

func (s *Server) listStateMachines(r *api.Request, in *listInput) (any, error) {
	if err := r.Authorize("states:ListStateMachines", s.machineARN("*"), nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []machineItem{}
	for _, arn := range slices.Sorted(maps.Keys(s.machines)) {
		m := s.machines[arn]
		items = append(items, machineItem{arn, m.name, "STANDARD", api.Timestamp(m.created)})
	}
	page, next, err := cut(items, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return struct {
		StateMachines []machineItem `json:"stateMachines"`
		NextToken     string        `json:"nextToken,omitempty"`
	}{page, next}, nil
}

type validateInput struct {
	Definition, Type, Severity string
	MaxResults                 *int
}

// validateDefinition answers what is wrong with a definition; what is not modelled is
// refused.
func (s *Server) validateDefinition(r *api.Request, in *validateInput) (any, error) {
	if err := r.Authorize("states:ValidateStateMachineDefinition", "*", nil); err != nil {
		return nil, err
	}
	switch {
	case in.Type != "" && in.Type != "STANDARD":
		return nil, api.NotModelled("type " + in.Type)
	case in.MaxResults != nil && (*in.MaxResults < 0 || *in.MaxResults > 100):
		return nil, invalid(*in.MaxResults, "maxResults", "Member must have value between 0 and 100")
	}
	_, diagnostics, err := parseDefinition(in.Definition)
	if err != nil && len(diagnostics) == 0 {
		return nil, err
	}
	out := struct {
		Result      string       `json:"result"`
		Diagnostics []diagnostic `json:"diagnostics"`
		Truncated   bool         `json:"truncated"`
	}{"OK", append([]diagnostic{}, diagnostics...), false}
	if len(diagnostics) > 0 {
		out.Result = "FAIL"
	}
	most := 100
	if in.MaxResults != nil && *in.MaxResults > 0 {
		most = *in.MaxResults
	}
	if len(out.Diagnostics) > most {
		out.Diagnostics, out.Truncated = out.Diagnostics[:most], true
	}
	return out, nil
}

func tagMap(tags []tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// tagged finds the state machine of a call about tags. The caller holds the lock.
func (s *Server) tagged(r *api.Request, action, arn string, keys map[string][]string) (*stateMachine, error) {
	if _, err := s.resource(arn, "stateMachine"); err != nil {
		return nil, err
	}
	if err := r.Authorize("states:"+action, arn, keys); err != nil {
		return nil, err
	}
	m := s.machines[arn]
	if m == nil {
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", arn)
	}
	return m, nil
}

type tagInput struct {
	ResourceArn string
	Tags        []tag
}

func (s *Server) tagResource(r *api.Request, in *tagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(r, "TagResource", in.ResourceArn, api.TagKeys(tagMap(in.Tags)))
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(m.tags)
	maps.Copy(tags, tagMap(in.Tags))
	if len(tags) > maxTags {
		return nil, refuse("TooManyTags", "Too many tags: '%s'", in.ResourceArn)
	}
	m.tags = tags
	return nil, nil
}

type untagInput struct {
	ResourceArn string
	TagKeys     []string
}

func (s *Server) untagResource(r *api.Request, in *untagInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(r, "UntagResource", in.ResourceArn, map[string][]string{"aws:TagKeys": in.TagKeys})
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(m.tags, key)
	}
	return nil, nil
}

func (s *Server) listTagsForResource(r *api.Request, in *struct{ ResourceArn string }) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(r, "ListTagsForResource", in.ResourceArn, nil)
	if err != nil {
		return nil, err
	}
	tags := []tag{}
	for _, key := range slices.Sorted(maps.Keys(m.tags)) {
		tags = append(tags, tag{key, m.tags[key]})
	}
	return map[string]any{"tags": tags}, nil
}
