package cloudformation

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// sourceInput is what UpdateStack and CreateChangeSet share, and CreateStack but
// for the template that a new stack does not have yet.
type sourceInput struct {
	TemplateBody        string
	TemplateURL         string
	UsePreviousTemplate bool
	Parameters          []parameterInput
	Tags                []tagInput
	Capabilities        []string
	NotificationARNs    []string
	RoleARN             string
}

type parameterInput struct {
	ParameterKey     string
	ParameterValue   string
	UsePreviousValue bool
	ResolvedValue    string // clients send it back as they got it; it is looked up again
}

type tagInput struct{ Key, Value string }

// deploymentConfig is accepted: express deployments run as standard ones.
type deploymentConfig struct {
	Mode            string
	DisableRollback *bool
}

// rollbackConfiguration is accepted when it is empty; the CDK always sends it.
type rollbackConfiguration struct {
	MonitoringTimeInMinutes *int
	RollbackTriggers        []struct{ Arn, Type string }
}

func (c rollbackConfiguration) check() error {
	if len(c.RollbackTriggers) > 0 {
		return api.NotModelled("RollbackConfiguration.RollbackTriggers")
	}
	return nil
}

// checkName is the rule of "CreateStack".
func checkName(name string) error {
	const pattern = `[a-zA-Z][-a-zA-Z0-9]*`
	const maxName = 128
	if ok, _ := regexp.MatchString("^"+pattern+"$", name); !ok {
		return validationError("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", name, pattern)
	}
	if len(name) > maxName {
		return validationError("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to %d", name, maxName)
	}
	return nil
}

// prepare turns an input into a source. before is the stack's present source,
// whose template and values may be used again; nil for a new stack.
func (s *Server) prepare(r *api.Request, in sourceInput, before *source) (source, error) {
	src := source{notificationARNs: in.NotificationARNs, capabilities: in.Capabilities, tags: map[string]string{}}
	body, err := s.body(r, in, before)
	if err != nil {
		return src, err
	}
	src.body = body
	if src.template, err = template.Parse(body); err != nil {
		return src, asValidation(err)
	}
	if err := s.knownTypes(src.template); err != nil {
		return src, err
	}
	if err := s.checkCapabilities(src.template, in.Capabilities); err != nil {
		return src, err
	}
	passed := map[string]string{}
	for _, p := range in.Parameters {
		if !p.UsePreviousValue {
			passed[p.ParameterKey] = p.ParameterValue
			continue
		}
		if before == nil {
			return src, validationError("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", p.ParameterKey)
		}
		v, ok := before.inputs[p.ParameterKey]
		if !ok {
			return src, validationError("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", p.ParameterKey)
		}
		passed[p.ParameterKey] = v
	}
	if src.inputs, err = src.template.Inputs(passed); err != nil {
		return src, asValidation(err)
	}
	if src.resolved, err = s.resolveSSM(r, src); err != nil {
		return src, err
	}
	switch {
	case in.Tags == nil && before != nil:
		src.tags = before.tags
	default:
		for _, t := range in.Tags {
			src.tags[t.Key] = t.Value
		}
	}
	return src, nil
}

func asValidation(err error) error {
	if te, ok := err.(*template.Error); ok {
		return validationError("%s", te.Message)
	}
	return err
}

func (s *Server) body(r *api.Request, in sourceInput, before *source) (string, error) {
	given := 0
	for _, set := range []bool{in.TemplateBody != "", in.TemplateURL != "", in.UsePreviousTemplate} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return "", validationError("Specify exactly one of TemplateBody, TemplateURL or UsePreviousTemplate")
	case in.UsePreviousTemplate && before != nil:
		return before.body, nil
	case in.TemplateURL != "":
		return s.fetchTemplate(r, in.TemplateURL)
	case in.TemplateBody == "":
		return "", validationError("Either Template URL or Template Body must be specified.")
	case len(in.TemplateBody) > template.MaxBodyBytes:
		return "", validationError("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", template.MaxBodyBytes)
	}
	return in.TemplateBody, nil
}

// fetchTemplate reads a template from S3 with the caller's own rights.
func (s *Server) fetchTemplate(r *api.Request, templateURL string) (string, error) {
	bucket, key, err := objectOf(templateURL)
	if err != nil {
		return "", err
	}
	creds, err := s.Forward(r.Caller, sessionLength)
	if err != nil {
		return "", fmt.Errorf("forwarding the caller's credentials: %w", err)
	}
	client := s3.NewFromConfig(s.Config(creds), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.GetObject(r.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", validationError("S3 error: %s", serviceMessage(err))
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, template.MaxURLBytes+1))
	if err != nil {
		return "", fmt.Errorf("reading template s3://%s/%s: %w", bucket, key, err)
	}
	if len(b) > template.MaxURLBytes {
		return "", validationError("Template may not exceed %d bytes in size.", template.MaxURLBytes)
	}
	return string(b), nil
}

// objectOf reads both forms of an S3 URL: the bucket in the path, or before .s3.
func objectOf(templateURL string) (bucket, key string, err error) {
	u, err := url.Parse(templateURL)
	if err != nil || u.Host == "" {
		return "", "", validationError("TemplateURL must be a supported URL.")
	}
	path := strings.TrimPrefix(u.Path, "/")
	if name, rest, ok := strings.Cut(u.Hostname(), ".s3."); ok && strings.Contains(rest, "amazonaws.com") {
		return name, path, nil
	}
	bucket, key, ok := strings.Cut(path, "/")
	if !ok || key == "" {
		return "", "", validationError("TemplateURL must reference a valid S3 object to which you have access.")
	}
	return bucket, key, nil
}

func (s *Server) knownTypes(t *template.Template) error {
	var unknown []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		// A resource under a false condition is never made, so its type need not
		// be modelled; which one is known only with parameters, see plan.
		if r := t.Resources[id]; r.Condition == "" {
			if _, ok := s.types[r.Type]; !ok {
				unknown = append(unknown, r.Type)
			}
		}
	}
	return unrecognized(unknown)
}

func unrecognized(types []string) error {
	if len(types) == 0 {
		return nil
	}
	slices.Sort(types)
	return validationError("Template format error: %s", unmodelled.AWS("resource types", "["+strings.Join(slices.Compact(types), ", ")+"]"))
}

// checkCapabilities requires the consent that "Acknowledging IAM resources" describes.
func (s *Server) checkCapabilities(t *template.Template, given []string) error {
	if needed := s.capabilities(t); needed != "" && !slices.Contains(given, needed) && !slices.Contains(given, "CAPABILITY_NAMED_IAM") {
		return api.Errorf(http.StatusBadRequest, "InsufficientCapabilitiesException", "Requires capabilities : [%s]", needed)
	}
	return nil
}

func (s *Server) capabilities(t *template.Template) string {
	needed := ""
	for _, r := range t.Resources {
		kind, ok := s.types[r.Type]
		if !ok || !kind.Named {
			continue
		}
		if needed == "" {
			needed = "CAPABILITY_IAM"
		}
		if name := kind.NameProperty(); name != "" && r.Properties[name] != nil {
			needed = "CAPABILITY_NAMED_IAM"
		}
	}
	return needed
}

// resolveSSM reads the SSM parameters with the caller's own rights.
func (s *Server) resolveSSM(r *api.Request, src source) (map[string]string, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(src.template.Parameters)) {
		if src.template.Parameters[name].FromSSM() {
			names = append(names, src.inputs[name])
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	creds, err := s.Forward(r.Caller, sessionLength)
	if err != nil {
		return nil, fmt.Errorf("forwarding the caller's credentials: %w", err)
	}
	values, err := s.parameters(r.Context(), ssm.NewFromConfig(s.Config(creds)), names)
	if err != nil {
		return nil, err
	}
	resolved := map[string]string{}
	var missing []string
	for name, p := range src.template.Parameters {
		if !p.FromSSM() {
			continue
		}
		v, ok := values[src.inputs[name]]
		if !ok {
			missing = append(missing, src.inputs[name])
			continue
		}
		resolved[name] = v
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, validationError("Unable to fetch parameters [%s] from parameter store for this account.", strings.Join(missing, ","))
	}
	return resolved, nil
}

func (s *Server) parameters(ctx context.Context, client *ssm.Client, names []string) (map[string]string, error) {
	slices.Sort(names)
	out := map[string]string{}
	const maxNames = 10 // "GetParameters"
	for chunk := range slices.Chunk(slices.Compact(names), maxNames) {
		answer, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: chunk})
		if err != nil {
			return nil, validationError("%s", serviceMessage(err))
		}
		for _, p := range answer.Parameters {
			out[aws.ToString(p.Name)] = aws.ToString(p.Value)
		}
	}
	return out, nil
}
