package adoption

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// states are the states of a plan's things, by kind and name.
func states(p Plan) map[string]State {
	out := map[string]State{}
	for _, t := range p.Things {
		out[t.Kind+" "+t.Name] = t.State
	}
	return out
}

// TestOf asks both clouds: of what was made by hand, of what another stack has, of what the
// environment's stacks have, and without the right to look.
func TestOf(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Env.Architecture = integration.Architecture()
	both := c.Clients(t)
	c.Deploy(t, func(in *lambda.CreateFunctionInput) { in.Tags = nil })
	c.MakeStack(
		t,
		"billing",
		`{"Resources":{"L":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":"/aws/lambda/gcs-to-s3"}}}}`,
		environment.Mark{},
	)
	p, err := Of(t.Context(), both, c.Env)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]State{
		"service account " + c.Env.ServiceAccountEmail(): Adopt,
		"workload identity pool aws-connect":             Adopt,
		"provider aws-connect/aws-connect":               Adopt,
		"role gcs-to-s3-role":                            Refused, // it has an inline policy
		"function gcs-to-s3":                             Adopt,
		"log group /aws/lambda/gcs-to-s3":                Refused,
	}
	if diff := cmp.Diff(want, states(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{
		"the role gcs-to-s3-role has the inline policy rights, which a deployment would delete; hint: ",
		"the log group /aws/lambda/gcs-to-s3 is part of the stack billing; hint: choose another name in the environment's file",
	} {
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("the plan's error is %v, want %q", err, text)
		}
	}

	blind := both
	blind.AWS = c.AWSConfig(c.Session(t, c.Env.Role))
	if _, err := Of(t.Context(), blind, c.Env); err == nil ||
		!strings.Contains(err.Error(), "cannot be seen") && !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("without the right to look: %v", err)
	}

	jobs := c.Env
	jobs.Function, jobs.Bulk = "gcs-to", true // whose function for jobs is gcs-to-bulk
	c.Deploy(t, func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String(jobs.Jobs()) })
	const taken = "the function gcs-to-bulk is not part of the stack gcs-to-s3-test-function"
	if p, err = Of(t.Context(), both, jobs); err != nil || p.Err() == nil || !strings.Contains(p.Err().Error(), taken) {
		t.Errorf("of a function with the name of that for jobs: %v, %v", p.Err(), err)
	}

	named := c.Env
	named.Name = "billing-test"
	c.MakeStack(t, named.FunctionStack(), `{"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}`, named.Mark())
	if p, err = Of(t.Context(), both, named); err != nil || p.Err() == nil ||
		!strings.Contains(
			p.Err().Error(),
			"the stack gcs-to-s3-billing-test-function carries the environment's mark, but its template has Q",
		) {
		t.Errorf("of a stack with the environment's name: %v, %v", p.Err(), err)
	}

	free := c.Env
	free.Role, free.Function, free.ServiceAccount, free.Pool = "free", "free", "free-account", "free-pool"
	if p, err = Of(t.Context(), both, free); err != nil || !p.Empty() || p.Found() {
		t.Errorf("of free names: %+v, %v", p, err)
	}
}
