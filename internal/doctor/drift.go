package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

// deployFunction makes the function what the environment's file says; plain cdk deploy
// does not see what was changed outside of it.
func (e *examination) deployFunction() string { return "`gcs-to-s3 up " + e.Environment.Name + "`" }

func lookFunctionSettings(ctx context.Context, e *examination) finding {
	function := e.function(ctx)
	if !function.There() {
		return undeployed(function)
	}
	c, env := function.Thing.Configuration, e.Environment
	have := map[string]string{}
	if c.Environment != nil {
		have = c.Environment.Variables
		if c.Environment.Error != nil {
			return wrong(diagnosis.Explain(env, "variables-key").Remedy, "its variables cannot be read: %s", aws.ToString(c.Environment.Error.Message))
		}
	}
	var differ []string
	wanted := env.Variables()
	names := maps.Clone(have) // additional ones are wrong, too
	maps.Copy(names, wanted)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if have[name] != wanted[name] {
			differ = append(differ, fmt.Sprintf("%s is %q, not %q", name, have[name], wanted[name]))
		}
	}
	number := func(what string, got, want int) {
		if got != want {
			differ = append(differ, fmt.Sprintf("%s is %d, not %d", what, got, want))
		}
	}
	number("timeout", int(aws.ToInt32(c.Timeout)), env.TimeoutSeconds)
	number("memory", int(aws.ToInt32(c.MemorySize)), env.MemoryMB)
	if len(c.Architectures) == 1 && string(c.Architectures[0]) != string(env.Architecture) {
		differ = append(differ, fmt.Sprintf("the architecture is %s, not %s", c.Architectures[0], env.Architecture))
	}
	if c.VpcConfig != nil && aws.ToString(c.VpcConfig.VpcId) != "" {
		return warn("take it out of the VPC, or make sure that its subnets have a NAT", "it is in the VPC %s, which needs a NAT to reach Google", aws.ToString(c.VpcConfig.VpcId))
	}
	if len(differ) > 0 {
		return wrong(e.deployFunction(), "%s", strings.Join(differ, "; "))
	}
	return good("those of the environment")
}

func lookFunctionRole(ctx context.Context, e *examination) finding {
	function := e.function(ctx)
	if !function.There() {
		return undeployed(function)
	}
	if got := aws.ToString(function.Thing.Configuration.Role); got != e.Environment.RoleARN() {
		return wrong(e.deployFunction(), "it runs as %s, which Google does not trust; the environment's role is %s", got, e.Environment.RoleARN())
	}
	return e.judge(e.rights(ctx).Trust(ctx))
}

func (e *examination) rights(ctx context.Context) diagnosis.Rights {
	return diagnosis.Rights{Environment: e.Environment, AWS: e.AWS, Google: e.Google, Number: e.projectNumber(ctx)}
}

// judge turns a verdict into a finding.
func (e *examination) judge(v diagnosis.Verdict) finding {
	switch {
	case v.State == diagnosis.Granted:
		return good("%s", v.Reason)
	case v.State == diagnosis.Missing:
		return wrong(diagnosis.Explain(e.Environment, v.Cause).Remedy, "%s", v.Reason)
	}
	return unseen(v.Err)
}

func lookTrust(ctx context.Context, e *examination) finding {
	if !e.federated(ctx) {
		return undeployed(e.provider(ctx))
	}
	return e.judge(e.rights(ctx).Provider(ctx))
}

func lookBinding(ctx context.Context, e *examination) finding {
	if e.Environment.DirectAccess {
		return skip("the function reads as itself, without a service account")
	}
	account := e.account(ctx)
	if account.Err() != nil {
		return unseen(account.Err())
	}
	if account.Absent() && !e.federated(ctx) { // never deployed, or taken down; with a provider it was deleted
		return undeployed(e.provider(ctx))
	}
	return e.judge(e.rights(ctx).Binding(ctx))
}

func lookViewer(ctx context.Context, e *examination) finding {
	if e.Environment.DirectAccess {
		if !e.federated(ctx) {
			return undeployed(e.provider(ctx))
		}
	} else if account := e.account(ctx); !account.There() {
		return undeployed(account)
	}
	return e.judge(e.rights(ctx).Viewer(ctx))
}

func lookWriter(ctx context.Context, e *examination) finding {
	if e.role(ctx).Absent() {
		return notDeployed()
	}
	return e.judge(e.rights(ctx).Writer(ctx, e.Environment.DestinationPrefix+verify.Prefix))
}
