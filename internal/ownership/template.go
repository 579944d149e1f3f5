package ownership

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// The resource types of CloudFormation that the stacks of an environment have.
const (
	TypeRole     = "AWS::IAM::Role"
	TypeFunction = "AWS::Lambda::Function"
	TypeLogGroup = "AWS::Logs::LogGroup"
	TypeQueue    = "AWS::SQS::Queue"
	TypeSchedule = "AWS::Scheduler::Schedule"
	TypeMachine  = "AWS::StepFunctions::StateMachine"
	TypeMetadata = "AWS::CDK::Metadata"
)

// types are all of them, by the kind of the stack.
var types = map[Stack][]string{
	RoleStack: {TypeRole, TypeMetadata},
	FunctionStack: {
		TypeRole,
		TypeFunction,
		TypeLogGroup,
		TypeQueue,
		TypeSchedule,
		TypeMetadata,
		"AWS::CloudWatch::Alarm",
		"AWS::CloudWatch::Dashboard",
		TypeMachine,
		"AWS::Lambda::EventInvokeConfig",
	},
}

// Stack is one of the two stacks of an environment.
type Stack string

const (
	RoleStack     Stack = "role"
	FunctionStack Stack = "function"
)

// stackPrefix begins the names of the stacks.
const stackPrefix = "gcs-to-s3-"

// StackOf takes the name of a stack apart: gcs-to-s3-NAME-role or gcs-to-s3-NAME-function.
func StackOf(name string) (stack Stack, env string, ok bool) {
	middle, ok := strings.CutPrefix(name, stackPrefix)
	if !ok {
		return "", "", false
	}
	for _, stack := range []Stack{RoleStack, FunctionStack} {
		if env, ok := strings.CutSuffix(middle, "-"+string(stack)); ok && env != "" {
			return stack, env, true
		}
	}
	return "", "", false
}

// RoleDescription is the description of the environment's role, and functionDescription
// begins that of its function: the form of what outlived its stack.
const (
	RoleDescription     = "Copies from Google Cloud Storage to S3; Google Cloud trusts it through workload identity federation"
	functionDescription = "Copies from gs://"
)

// FunctionDescription is the description of an environment's function.
func FunctionDescription(env environment.Environment) string {
	return functionDescription + env.SourceBucket + " to s3://" + env.DestinationBucket
}

// Role is the evidence of a role that is in no stack.
func Role(tags map[string]string, description string) Evidence {
	e := Tags(tags)
	if e.Marked && description != RoleDescription {
		e.Form = "its description is not that of an environment's role"
	}
	return e
}

// Function is the evidence of a function that is in no stack.
func Function(tags map[string]string, description string) Evidence {
	e := Tags(tags)
	if e.Marked && !strings.HasPrefix(description, functionDescription) {
		e.Form = "its description is not that of an environment's function"
	}
	return e
}

// Template is what a CloudFormation template says of itself.
type Template struct {
	Makes     string   // the one resource that it is about, by its type and name; empty if its form is not ours
	Name      string   // of that resource
	Bundles   []string // the keys of the bundles of its functions in the CDK's bucket
	Qualifier string   // of the CDK's bootstrap; empty if it names none
	KeepsLogs bool     // its log group outlives it
	Events    bool     // one of its functions works off events
	Sum       string   // SHA-256, after which the CDK names its file

	form string
	mark environment.Mark // of what was imported and not deployed since
}

// StackEvidence is the evidence of a stack by its tags and its template. An imported stack has
// its mark in the template until it is deployed.
func StackEvidence(tags map[string]string, body []byte, name, env string) (Evidence, Template) {
	e := Tags(tags)
	t, err := ReadTemplate(body)
	if err != nil {
		e.Form = "its template cannot be read: " + err.Error()
		return e, t
	}
	e.Form = t.Form(name, env)
	if !e.Marked && t.mark.Environment != "" {
		e.Mark, e.Marked = t.mark, true
	}
	return e, t
}

// Form says how a stack of this name and template differs from those of an environment;
// it is empty if it does not.
func (t Template) Form(name, env string) string {
	stack, of, ok := StackOf(name)
	if !ok || of != env {
		return "its name is not that of a stack of the environment " + env
	}
	if t.form != "" {
		return t.form
	}
	if want := map[Stack]string{RoleStack: TypeRole, FunctionStack: TypeFunction}[stack]; !strings.HasPrefix(t.Makes, want+" ") {
		return "its template is not that of the environment's " + string(stack)
	}
	return ""
}

// asJSON is a template as JSON; cdk import makes YAML of it.
func asJSON(body []byte) ([]byte, error) {
	if json.Valid(body) {
		return body, nil
	}
	var content any
	if err := yaml.Unmarshal(body, &content); err != nil {
		return nil, err
	}
	return json.Marshal(content)
}

// ReadTemplate reads a template.
func ReadTemplate(body []byte) (Template, error) {
	var found struct {
		Parameters struct {
			BootstrapVersion struct{ Default string }
		}
		Resources map[string]struct {
			Type           string
			DeletionPolicy string
			Properties     map[string]json.RawMessage
			Metadata       map[string]json.RawMessage
		}
	}
	content, err := asJSON(body)
	if err == nil {
		err = json.Unmarshal(content, &found)
	}
	if err != nil {
		return Template{}, err
	}
	text := func(raw json.RawMessage) (s string) {
		_ = json.Unmarshal(raw, &s) // a computed value is no name of ours
		return s
	}
	sum := sha256.Sum256(body)
	t := Template{Sum: hex.EncodeToString(sum[:])}
	if parts := strings.Split(found.Parameters.BootstrapVersion.Default, "/"); len(parts) == 4 && parts[1] == "cdk-bootstrap" {
		t.Qualifier = parts[2]
	}
	stack, made, imported := RoleStack, map[string]string{}, len(found.Resources) > 0
	for _, resource := range found.Resources {
		if resource.Type == TypeFunction || resource.Type == TypeLogGroup {
			stack = FunctionStack
		}
		imported = imported && resource.Type == TypeLogGroup
	}
	for _, id := range slices.Sorted(maps.Keys(found.Resources)) {
		resource := found.Resources[id]
		if !slices.Contains(types[stack], resource.Type) {
			t.form = fmt.Sprintf("its template has %s of the type %s, which no environment has", id, resource.Type)
			return t, nil
		}
		if mark, ok := environment.FindMark(text(resource.Metadata[environment.MarkMetadata])); ok {
			t.mark = mark
		}
		switch resource.Type {
		case TypeLogGroup:
			t.KeepsLogs = resource.DeletionPolicy == "Retain"
			if imported { // alone, ahead of its function
				made[strings.TrimPrefix(text(resource.Properties["LogGroupName"]), environment.LogGroupOf(""))] = TypeFunction
			}
		case TypeFunction:
			made[text(resource.Properties["FunctionName"])] = TypeFunction
			var code struct{ S3Key json.RawMessage }
			if json.Unmarshal(resource.Properties["Code"], &code) == nil && text(code.S3Key) != "" {
				t.Bundles = append(t.Bundles, text(code.S3Key))
			}
		case TypeRole:
			if stack == RoleStack {
				made[text(resource.Properties["RoleName"])] = TypeRole
			}
		}
	}
	delete(made, "")
	for _, name := range slices.Collect(maps.Keys(made)) { // the functions for bulk jobs and for events are beside the function
		env := environment.Environment{Function: name}
		if _, drains := made[env.Drain()]; drains {
			t.Events = true
		}
		delete(made, env.Jobs())
		delete(made, env.Drain())
	}
	if len(made) != 1 {
		t.form = "its template does not make one role or one function with a name"
		return t, nil
	}
	for name, kind := range made {
		t.Name, t.Makes = name, kind+" "+name
	}
	return t, nil
}

// ArticlePolicies are the ARNs of the policies that the article attaches to the role.
func ArticlePolicies() []string {
	return []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
}

// RolePolicies are the names of the policies inside an environment's role, and the ARNs of
// those that are attached to it.
func RolePolicies(env environment.Environment) (inline, managed []string) {
	if env.RolePolicies == environment.ArticlePolicies {
		managed = ArticlePolicies()
	} else {
		inline = []string{"write-destination", "find-uploads", "write-logs"}
		if env.Bulk {
			inline = append(inline, "keep-jobs")
		}
		if env.EventDeletes {
			inline = append(inline, "delete-copies")
		}
	}
	if env.KMSKey != "" {
		inline = append(inline, "use-key")
	}
	if env.DeadLetterQueue {
		inline = append(inline, "send-dead-letters")
	}
	return inline, managed
}
