package adoption

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// rename is the hint where only another name helps.
const rename = "choose another name in the environment's file"

// role is what is known of a role that is there.
type role struct {
	*iamtypes.Role
	policies clouds.RolePolicies
	stack    string   // that it is part of, or empty
	users    []string // the region's functions that run as it
}

// outside is the stack that something is part of, unless that is the environment's own.
func outside(stack, own string) string {
	if stack == own {
		return ""
	}
	return stack
}

// role judges a role.
func (p *Plan) role(env environment.Environment, r role) error {
	t := Thing{Cloud: "AWS", Kind: inventory.KindRole, Name: env.Role}
	evidence := ownership.Tags(clouds.TagsOfRole(r.Role))
	if v := ownership.Adopt(env.Mark(), evidence, outside(r.stack, env.RoleStack())); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	if at := aws.ToString(r.Path); at != "/" {
		t.refuse(
			rename+"; a role's path cannot be changed",
			"has the path %s, and CloudFormation would replace it to change that",
			at,
		)
	}
	trust, err := clouds.PolicyDocument(r.AssumeRolePolicyDocument)
	if err != nil {
		return err
	}
	if others := otherPrincipals(trust); len(others) > 0 {
		t.refuse("give them a role of their own, or choose another name in the environment's file",
			"can also be assumed by %s, which would lose it", strings.Join(others, ", "))
	}
	t.differs("description", aws.ToString(r.Description), ownership.RoleDescription)
	if !reflect.DeepEqual(trust, lambdaTrust()) {
		t.differs("trust policy", compact(trust), compact(lambdaTrust()))
	}
	p.Detach = t.policies(env, r)
	switch found := boundaryOf(r.Role); {
	case env.PermissionsBoundary != "":
		t.differs("permissions boundary", found, env.PermissionsBoundary)
	case found != "":
		t.leave("the permissions boundary %s; the setting permissionsBoundary makes it the environment's", found)
	}
	t.settle(evidence.Marked && r.stack != "")
	if r.stack == "" && t.State == Adopt {
		p.Role = &engine.Existing{Type: ownership.TypeRole, Property: "RoleName", Name: env.Role, Properties: r.properties(env, trust)}
	}
	p.add(t)
	return nil
}

// policies compares a role's policies with the environment's, and returns the ARNs of those
// of the article that the environment's own replace.
func (t *Thing) policies(env environment.Environment, r role) (detach []string) {
	inline, managed := ownership.RolePolicies(env)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(r.policies.Inline)) {
		found = append(found, name)
		if !slices.Contains(inline, name) {
			t.refuse(
				"turn it into a managed policy, which stays: `aws iam get-role-policy --role-name "+env.Role+" --policy-name "+name+
					" --query PolicyDocument --output json > policy.json`, `aws iam create-policy --policy-name "+name+
					" --policy-document file://policy.json`, `aws iam attach-role-policy --role-name "+env.Role+
					" --policy-arn arn:aws:iam::"+env.AWSAccount+":policy/"+name+
					"`, `aws iam delete-role-policy --role-name "+env.Role+" --policy-name "+name+"`",
				"has the inline policy %s, which a deployment would delete",
				name,
			)
		}
	}
	for _, arn := range slices.Sorted(slices.Values(r.policies.Attached)) {
		name := path.Base(arn)
		switch {
		case slices.Contains(managed, arn):
			found = append(found, name)
		case slices.Contains(ownership.ArticlePolicies(), arn):
			found, detach = append(found, name), append(detach, arn)
		case len(managed) > 0:
			t.refuse(
				"detach it, or leave rolePolicies out, where a further policy stays",
				"has the policy %s, which a deployment would detach",
				arn,
			)
		default:
			t.leave("the policy %s; detach it before `gcs-to-s3 down`, which cannot delete a role that has it", arn)
		}
	}
	if len(detach) > 0 && len(r.users) > 0 {
		t.refuse(
			"give them a role of their own, or set rolePolicies: article",
			"is also used by %s, which would lose the rights of the article's policies",
			strings.Join(r.users, ", "),
		)
	}
	wanted := slices.Clone(inline)
	for _, arn := range managed {
		wanted = append(wanted, path.Base(arn))
	}
	slices.Sort(found)
	slices.Sort(wanted)
	t.differs("policies", strings.Join(found, ", "), strings.Join(wanted, ", "))
	return detach
}

// properties describe a role as it is, by the properties that the environment's has.
func (r role) properties(env environment.Environment, trust any) map[string]any {
	out := map[string]any{"RoleName": env.Role, "AssumeRolePolicyDocument": trust}
	if text := aws.ToString(r.Description); text != "" {
		out["Description"] = text
	}
	if boundary := boundaryOf(r.Role); boundary != "" && env.PermissionsBoundary != "" {
		out["PermissionsBoundary"] = boundary
	}
	// What the environment's role does not have is not the stack's, which so leaves it alone.
	inline, managed := ownership.RolePolicies(env)
	var attached, inside []any
	for _, arn := range r.policies.Attached {
		if slices.Contains(managed, arn) {
			attached = append(attached, arn)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.policies.Inline)) {
		if slices.Contains(inline, name) {
			inside = append(inside, map[string]any{"PolicyName": name, "PolicyDocument": r.policies.Inline[name]})
		}
	}
	if len(attached) > 0 {
		out["ManagedPolicyArns"] = attached
	}
	if len(inside) > 0 {
		out["Policies"] = inside
	}
	return out
}

func boundaryOf(r *iamtypes.Role) string {
	if r.PermissionsBoundary == nil {
		return ""
	}
	return aws.ToString(r.PermissionsBoundary.PermissionsBoundaryArn)
}

// lambdaTrust is the trust policy of the environment's role.
func lambdaTrust() any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": lambdaService}},
	}}
}

const lambdaService = "lambda.amazonaws.com"

// otherPrincipals are those other than Lambda that a trust policy allows anything: IAM User
// Guide, "AWS JSON policy elements: Principal".
func otherPrincipals(trust any) []string {
	document, _ := trust.(map[string]any)
	var out []string
	add := func(kind string, v any) {
		if name := fmt.Sprint(v); kind != "Service" || name != lambdaService {
			out = append(out, name)
		}
	}
	for _, s := range many(document["Statement"]) {
		statement, _ := s.(map[string]any)
		if statement["Effect"] != "Allow" {
			continue
		}
		principal, ok := statement["Principal"].(map[string]any)
		if !ok {
			add("", cmp.Or[any](statement["Principal"], "everybody but some"))
		}
		for _, kind := range slices.Sorted(maps.Keys(principal)) {
			for _, v := range many(principal[kind]) {
				add(kind, v)
			}
		}
	}
	return out
}

// many is a policy's element as a list: it may be one without.
func many(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// function judges a function. stack is the stack that it is part of, or empty.
func (p *Plan) function(env environment.Environment, f *lambda.GetFunctionOutput, stack string) {
	t, c := Thing{Cloud: "AWS", Kind: inventory.KindFunction, Name: env.Function}, f.Configuration
	evidence := ownership.Tags(clouds.TagsOfFunction(f))
	if v := ownership.Adopt(env.Mark(), evidence, outside(stack, env.FunctionStack())); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	if c.PackageType == lambdatypes.PackageTypeImage {
		t.refuse(rename, "is a container image, and CloudFormation would replace it to change that")
	}
	if got := aws.ToString(c.Role); got != env.RoleARN() {
		t.refuse(
			"set role: in the environment's file to its role, which Google's side must trust, too",
			"runs as %s, and not as %s",
			got,
			env.RoleARN(),
		)
	}
	if len(c.Architectures) == 1 && string(c.Architectures[0]) != string(env.Architecture) {
		t.refuse("set architecture: "+string(c.Architectures[0])+" in the environment's file; `gcs-to-s3 up` can change it later",
			"is built for %s, and changing it to %s would interrupt it", c.Architectures[0], env.Architecture)
	}
	if c.State != lambdatypes.StateActive && c.State != lambdatypes.StateInactive && c.State != "" {
		t.refuse("`aws lambda get-function --function-name "+env.Function+"` says why", "is %s", c.State)
	}
	if c.LastUpdateStatus == lambdatypes.LastUpdateStatusInProgress {
		t.refuse("wait, and run the command again", "is being updated")
	}
	known := map[string]string{}
	if c.Environment != nil {
		if c.Environment.Error != nil {
			t.refuse("get the right to use its KMS key", "has variables that cannot be read: %s", aws.ToString(c.Environment.Error.Message))
		}
		known = c.Environment.Variables
	}
	t.differs("description", aws.ToString(c.Description), ownership.FunctionDescription(env))
	t.differs("runtime", string(c.Runtime), string(lambdatypes.RuntimeProvidedal2023))
	t.differs("handler", aws.ToString(c.Handler), "bootstrap")
	t.differs("timeout", fmt.Sprintf("%d seconds", aws.ToInt32(c.Timeout)), fmt.Sprintf("%d seconds", env.TimeoutSeconds))
	t.differs("memory", fmt.Sprintf("%d MB", aws.ToInt32(c.MemorySize)), fmt.Sprintf("%d MB", env.MemoryMB))
	t.variables(known, env.Variables())
	if l := c.LoggingConfig; l != nil && l.LogGroup != nil {
		t.differs("log group", *l.LogGroup, env.LogGroup())
	}
	ours := evidence.Marked && stack != ""
	if !ours {
		t.differs(
			"code",
			fmt.Sprintf("%d bytes, SHA-256 %s", c.CodeSize, aws.ToString(c.CodeSha256)),
			"this project's function, with the credential configuration",
		)
		p.HandOver = true
	}
	t.beyond(f)
	t.settle(ours)
	if stack == "" && t.State == Adopt {
		p.Function = &engine.Existing{
			Type:       ownership.TypeFunction,
			Property:   "FunctionName",
			Name:       env.Function,
			Properties: properties(c, known),
		}
	}
	p.add(t)
}

// variables compares the variables of a function.
func (t *Thing) variables(found, wanted map[string]string) {
	names := maps.Clone(wanted)
	maps.Copy(names, found)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		got, is := found[name]
		want, should := wanted[name]
		if is && !should {
			got = "set"
		}
		t.differs("variable "+name, got, want)
	}
}

// beyond notes what a function has that the environment's does not, and keeps.
func (t *Thing) beyond(f *lambda.GetFunctionOutput) {
	c := f.Configuration
	for _, layer := range c.Layers {
		t.leave("the layer %s", aws.ToString(layer.Arn))
	}
	if c.VpcConfig != nil && aws.ToString(c.VpcConfig.VpcId) != "" {
		t.leave("the VPC %s, from which it reaches Google only through a NAT", *c.VpcConfig.VpcId)
	}
	for _, system := range c.FileSystemConfigs {
		t.leave("the file system %s", aws.ToString(system.Arn))
	}
	if c.DeadLetterConfig != nil && aws.ToString(c.DeadLetterConfig.TargetArn) != "" {
		t.leave("the dead-letter target %s", *c.DeadLetterConfig.TargetArn)
	}
	if f.Concurrency != nil && f.Concurrency.ReservedConcurrentExecutions != nil {
		t.leave("the reserved concurrency of %d", *f.Concurrency.ReservedConcurrentExecutions)
	}
}

// properties describe a function as it is, by the properties that the environment's has; the
// code is added where it is kept.
func properties(c *lambdatypes.FunctionConfiguration, variables map[string]string) map[string]any {
	out := map[string]any{
		"FunctionName":  aws.ToString(c.FunctionName),
		"Role":          aws.ToString(c.Role),
		"Runtime":       string(c.Runtime),
		"Handler":       aws.ToString(c.Handler),
		"Timeout":       aws.ToInt32(c.Timeout),
		"MemorySize":    aws.ToInt32(c.MemorySize),
		"Architectures": c.Architectures,
	}
	if text := aws.ToString(c.Description); text != "" {
		out["Description"] = text
	}
	if len(variables) > 0 {
		out["Environment"] = map[string]any{"Variables": variables}
	}
	if c.LoggingConfig != nil && c.LoggingConfig.LogGroup != nil {
		out["LoggingConfig"] = map[string]any{"LogGroup": *c.LoggingConfig.LogGroup}
	}
	return out
}

// elsewhere refuses to create a function whose role works in another region.
func (p *Plan) elsewhere(env environment.Environment, r *iamtypes.Role) {
	t := Thing{Cloud: "AWS", Kind: inventory.KindFunction, Name: env.Function, State: Absent}
	if r != nil && r.RoleLastUsed != nil {
		if region := aws.ToString(r.RoleLastUsed.Region); region != "" && region != env.AWSRegion {
			t.refuse("set awsRegion: "+region+" in the environment's file if the function is there; otherwise choose another name for the role",
				"does not exist in %s, but its role was last used in %s", env.AWSRegion, region)
			t.State = Refused
		}
	}
	p.add(t)
}

// logGroup judges a log group. stack is the stack that it is part of, or empty.
func (p *Plan) logGroup(env environment.Environment, group logtypes.LogGroup, tags map[string]string, stack string, now time.Time) {
	name := env.LogGroup()
	t := Thing{Cloud: "AWS", Kind: inventory.KindLogGroup, Name: name}
	evidence := ownership.Tags(tags)
	if v := ownership.Adopt(env.Mark(), evidence, outside(stack, env.FunctionStack())); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	if class := group.LogGroupClass; class != "" && class != logtypes.LogGroupClassStandard {
		t.refuse(rename, "is of the class %s, which cannot be changed", class)
	}
	days := "never expires"
	if group.RetentionInDays != nil {
		days = strconv.Itoa(int(*group.RetentionInDays)) + " days"
	}
	t.differs("retention", days, strconv.Itoa(env.LogRetentionDays)+" days")
	age := now.Sub(time.UnixMilli(aws.ToInt64(group.CreationTime)))
	shorter := group.RetentionInDays == nil || int(*group.RetentionInDays) > env.LogRetentionDays
	if kept := time.Duration(env.LogRetentionDays) * 24 * time.Hour; shorter && age > kept && aws.ToInt64(group.StoredBytes) > 0 {
		t.refuse("set logRetentionDays in the environment's file to more days than the log group is old, at most 3653",
			"may hold lines older than %d days, which would be deleted", env.LogRetentionDays)
	}
	t.settle(evidence.Marked && stack != "")
	if stack == "" && t.State == Adopt {
		p.Logs = new(LogGroup(group))
	}
	p.add(t)
}
