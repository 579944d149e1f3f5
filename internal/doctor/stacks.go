package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
)

// minBootstrap is the oldest bootstrap that the modern synthesizer works with: the
// rule that the CDK puts into every template, CheckBootstrapVersion.
const minBootstrap = 6

// newestBootstrap is the version that the installed CDK would bootstrap; 0 is unknown.
func (e *examination) newestBootstrap() int {
	data, err := os.ReadFile(filepath.Join(e.Root, "node_modules", "aws-cdk", "lib", "api", "bootstrap", "bootstrap-template.yaml"))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`(?s)\n  CdkBootstrapVersion:\n.*?Value: ["']?([0-9]+)`).FindSubmatch(data)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n
}

func lookBootstrap(ctx context.Context, e *examination) finding {
	run := fmt.Sprintf("`npx cdk bootstrap aws://%s/%s`", e.Environment.AWSAccount, e.Environment.AWSRegion)
	qualifier, file := engine.Qualifier(e.Root)
	if qualifier != "" {
		run += ", which uses the qualifier " + qualifier + " of " + filepath.Base(file)
	}
	name := clouds.BootstrapVersion(cmp.Or(qualifier, clouds.DefaultQualifier))
	parameter := clouds.Parameter(ctx, e.AWS, name)
	switch {
	case parameter.Absent():
		return wrong(
			run,
			"the account's region is not bootstrapped: there is no parameter %s; "+
				"with another qualifier, the CDK needs it in cdk.json: @aws-cdk/core:bootstrapQualifier",
			name,
		)
	case parameter.Err() != nil:
		return unseen(parameter.Err())
	}
	text := parameter.Thing
	have, err := strconv.Atoi(text)
	newest := e.newestBootstrap()
	switch {
	case err != nil:
		return wrong(run, "the parameter %s is %q, which is not a version", name, text)
	case have < minBootstrap:
		return wrong(run, "version %d; the CDK needs %d or newer", have, minBootstrap)
	case have < newest:
		return warn(run+", when convenient", "version %d, which works; the newest is %d", have, newest)
	}
	return good("version %d", have)
}

func lookRoleStack(ctx context.Context, e *examination) finding {
	return e.stacked(ctx, e.Environment.RoleStack())
}

func lookFunctionStack(ctx context.Context, e *examination) finding {
	return e.stacked(ctx, e.Environment.FunctionStack())
}

// stacked judges a stack's state: AWS CloudFormation User Guide, "Stack status codes".
func (e *examination) stacked(ctx context.Context, name string) finding {
	stack := e.stack(ctx, name)
	if !stack.There() {
		return undeployed(stack)
	}
	if f := e.ownStack(ctx, name); f.status == Error {
		return skip("it is not the environment's")
	}
	status, why := string(stack.Thing.StackStatus), ""
	if reason := aws.ToString(stack.Thing.StackStatusReason); reason != "" {
		why = ": " + reason
	}
	again := fmt.Sprintf("`npx cdk deploy -c environment=%s %s`", e.Environment.Name, name)
	switch {
	case status == "ROLLBACK_COMPLETE" || status == "ROLLBACK_FAILED" || status == "CREATE_FAILED":
		return wrong("`gcs-to-s3 down "+e.Environment.Name+"` removes it; the events say why: `aws cloudformation describe-stack-events --stack-name "+name+"`", "%s is in %s, so it can only be deleted%s", name, status, why)
	case status == "UPDATE_ROLLBACK_FAILED":
		return wrong("`aws cloudformation continue-update-rollback --stack-name "+name+"`", "%s is in %s%s", name, status, why)
	case status == "REVIEW_IN_PROGRESS":
		return warn(
			"`gcs-to-s3 up "+e.Environment.Name+"` deploys it; `gcs-to-s3 down "+e.Environment.Name+"` removes it",
			"%s was never deployed and holds nothing: its change set was not executed%s",
			name,
			why,
		)
	case strings.HasSuffix(status, "_FAILED"):
		return wrong("`aws cloudformation describe-stack-events --stack-name "+name+"` says why", "%s is in %s%s", name, status, why)
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		return warn("wait; `gcs-to-s3 up` and `gcs-to-s3 down` wait, too", "%s has an operation in progress: %s", name, status)
	case status == "UPDATE_ROLLBACK_COMPLETE":
		return warn(again, "%s was rolled back after its last update failed%s", name, why)
	}
	return good("%s is in %s", name, status)
}
