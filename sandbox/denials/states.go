package denials

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// workflows makes state machines and runs them, for one row.
type workflows struct {
	t      *testing.T
	clouds *Clouds
	client *sfn.Client
	role   string
}

const (
	workflowARN = "arn:aws:states:" + sandbox.Region + ":" + sandbox.Account + ":stateMachine:m"
	passes      = `{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}`
)

// newWorkflows makes a role that a service may assume, with these statements.
func newWorkflows(t *testing.T, c *Clouds, service string, statements ...string) *workflows {
	t.Helper()
	roles := iam.NewFromConfig(admin(c))
	made := must[*iam.CreateRoleOutput](t)(roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("workflow"),
		AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`)}))
	if len(statements) > 0 {
		must[*iam.PutRolePolicyOutput](t)(roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: c.name("workflow"),
			PolicyName:     aws.String("p"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + c.here(strings.Join(statements, ",")) + `]}`)}))
	}
	return &workflows{t, c, sfn.NewFromConfig(admin(c)), *made.Role.Arn}
}

// arn is the state machine's.
func (w *workflows) arn() string {
	return "arn:aws:states" + w.clouds.place() + "stateMachine:" + w.clouds.named("m")
}

func (w *workflows) create(change func(*sfn.CreateStateMachineInput)) error {
	in := &sfn.CreateStateMachineInput{Name: w.clouds.name("m"), Definition: aws.String(passes), RoleArn: &w.role}
	change(in)
	_, err := w.client.CreateStateMachine(w.t.Context(), in)
	return err
}

// define creates the state machine with another definition.
func (w *workflows) define(definition string) error {
	definition = w.clouds.here(definition)
	return w.create(func(in *sfn.CreateStateMachineInput) { in.Definition = &definition })
}

func (w *workflows) start(client *sfn.Client, name, input string) error {
	_, err := client.StartExecution(w.t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(w.arn()), Name: &name,
		Input: &input})
	return err
}

// run runs a definition and returns how it failed, with the status of the answer that
// tells so.
func (w *workflows) run(definition, input string) error {
	w.t.Helper()
	if err := w.define(definition); err != nil {
		w.t.Fatal(err)
	}
	begun := must[*sfn.StartExecutionOutput](w.t)(w.client.StartExecution(w.t.Context(),
		&sfn.StartExecutionInput{StateMachineArn: aws.String(w.arn()), Input: &input}))
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		out := must[*sfn.DescribeExecutionOutput](w.t)(w.client.DescribeExecution(w.t.Context(),
			&sfn.DescribeExecutionInput{ExecutionArn: begun.ExecutionArn}))
		switch out.Status {
		case types.ExecutionStatusRunning:
		case types.ExecutionStatusSucceeded:
			return nil
		default:
			return &refusal{200, aws.ToString(out.Error), aws.ToString(out.Cause)}
		}
	}
	w.t.Fatal("the execution did not end")
	return nil
}

// statesDenials are those of Step Functions: what its operations refuse, and how
// executions fail.
func statesDenials() []denial {
	const (
		section = "Step Functions"
		ends    = "How executions fail (the status is that of DescribeExecution)"
		place   = ":" + sandbox.Region + ":" + sandbox.Account + ":"
		trusted = "states.amazonaws.com"

		recorded    = "localstack/localstack, tests/aws/services/stepfunctions/v2/test_sfn_api.snapshot.json"
		scenarios   = "localstack/localstack, tests/aws/services/stepfunctions/v2/scenarios/test_base_scenarios.snapshot.json"
		lambdaTasks = "localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_task_service_lambda.snapshot.json"
		quotas      = "Step Functions service quotas (AWS Step Functions Developer Guide)"
		redriving   = "RedriveExecution and DescribeExecution (AWS Step Functions API Reference)"
		maps        = "ItemReader (Map) (AWS Step Functions Developer Guide), for the error's name"
		writers     = "ResultWriter (Map) (AWS Step Functions Developer Guide), for the error's name"

		task = `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true}}}`
	)
	row := func(section string) func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message,
		source string) denial {
		return func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message, source string) denial {
			return denial{section, name, do, status, code, message, source}
		}
	}
	refused, failed := row(section), row(ends)
	state := func(s string) string { return `{"StartAt":"S","States":{"S":` + s + `}}` }
	mapping := func(more string) string {
		return state(`{"Type":"Map","Label":"items","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{"C":{"Type":"Fail","Error":"E"}}}` + more + `}`)
	}
	statement := func(action, resource string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
	}
	reader := func(bucket, key string) string {
		return `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket":"` + bucket + `","Key":"` + key + `"}}`
	}
	ran := func(definition, input string, statements ...string) func(t *testing.T, c *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			return newWorkflows(t, c, trusted, statements...).run(definition, input)
		}
	}
	defined := func(definition string) func(t *testing.T, c *Clouds) error {
		return func(t *testing.T, c *Clouds) error { return newWorkflows(t, c, trusted).define(definition) }
	}
	// made is a state machine that waits as long as its input says.
	made := func(t *testing.T, c *Clouds) *workflows {
		w := newWorkflows(t, c, trusted)
		if err := w.define(state(`{"Type":"Wait","SecondsPath":"$.n","End":true}`)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	function := func(t *testing.T, c *Clouds, role string) *lambda.Client {
		client := lambda.NewFromConfig(admin(c))
		must[*lambda.CreateFunctionOutput](t)(client.CreateFunction(t.Context(), functionInput(t, c, role)))
		return client
	}
	invoker := statement("lambda:InvokeFunction", "arn:aws:lambda"+place+"function:f")
	return []denial{
		refused("a state machine whose role does not trust Step Functions", func(t *testing.T, c *Clouds) error {
			return newWorkflows(t, c, "lambda.amazonaws.com").define(passes)
		}, 400, "AccessDeniedException",
			"Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
			"lumigo-io/lumigo-CLI, issue 83"),
		refused("a state machine whose role is not allowed to have logs delivered", func(t *testing.T, c *Clouds) error {
			return newWorkflows(t, c, trusted).create(func(in *sfn.CreateStateMachineInput) {
				in.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelAll, Destinations: []types.LogDestination{
					{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: aws.String("arn:aws:logs" + c.place() + "log-group:g:*")}}}}
			})
		}, 400, "AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination",
			"aws/aws-cdk, issue 26432"),
		refused("a state machine without the right to pass its role", func(t *testing.T, c *Clouds) error {
			w := newWorkflows(t, c, trusted)
			w.client = sfn.NewFromConfig(as(t, c, allowing("states:*", "*")))
			return w.define(passes)
		}, 400, "AccessDeniedException", noIdentity("iam:PassRole", arnPrefix+"role/workflow"), accessDenied),
		refused("a name with a blank", func(t *testing.T, c *Clouds) error {
			return newWorkflows(t, c, trusted).create(func(in *sfn.CreateStateMachineInput) { in.Name = aws.String("a b") })
		}, 400, "InvalidName", "Invalid Name: 'a b'",
			"localstack/localstack, tests/aws/services/stepfunctions/v2/test_sfn_api_activities.snapshot.json"),
		refused("a name that another definition has", func(t *testing.T, c *Clouds) error { return made(t, c).define(passes) },
			400, "StateMachineAlreadyExists", "State Machine Already Exists: '"+workflowARN+"'", recorded),
		refused("a definition without states", defined(`{"StartAt":"S"}`),
			400, "InvalidDefinition",
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'", recorded),
		refused("a definition with a target that is not there",
			defined(`{"StartAt":"pass1","States":{"pass1":{"Type":"Pass","Next":"pass3"},"pass2":{"Type":"Pass","End":true}}}`),
			400, "InvalidDefinition",
			`Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2'`,
			"localstack/localstack, issue 11978"),
		refused("a definition without an end",
			defined(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`),
			400, "InvalidDefinition", "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'",
			"floci-io/floci, issue 2735"),
		refused("a field of another type of state", defined(state(`{"Type":"Pass","TimeoutSeconds":5,"End":true}`)),
			400, "InvalidDefinition",
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/S'",
			"floci-io/floci, issue 2735"),
		refused("a field of JSONata", defined(state(`{"Type":"Pass","Output":1,"End":true}`)),
			400, "InvalidDefinition",
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S'",
			"floci-io/floci, issue 2968"),
		refused("an update of nothing", func(t *testing.T, c *Clouds) error {
			_, err := made(t, c).client.UpdateStateMachine(t.Context(),
				&sfn.UpdateStateMachineInput{StateMachineArn: aws.String((&workflows{clouds: c}).arn())})
			return err
		}, 400, "MissingRequiredParameter",
			"Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified", recorded),
		refused("starting without the right to", func(t *testing.T, c *Clouds) error {
			return made(t, c).start(sfn.NewFromConfig(as(t, c)), "a", `{}`)
		}, 400, "AccessDeniedException", noIdentity("states:StartExecution", workflowARN),
			"FormidableLabs/aws-lambda-serverless-reference, issue 31, before messages had their last clause"),
		refused("starting what is not there", func(t *testing.T, c *Clouds) error {
			return (&workflows{t: t, clouds: c}).start(sfn.NewFromConfig(admin(c)), "a", `{}`)
		}, 400, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+workflowARN+"'", recorded),
		refused("an input that is no JSON", func(t *testing.T, c *Clouds) error {
			w := made(t, c)
			return w.start(w.client, "a", "not some JSON")
		}, 400, "InvalidExecutionInput",
			"Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'",
			recorded),
		refused("an input above 256 KiB", func(t *testing.T, c *Clouds) error {
			w := made(t, c)
			return w.start(w.client, "a", `"`+strings.Repeat("x", 256<<10)+`"`)
		}, 400, "ValidationException",
			"1 validation error detected: Value '…' at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144",
			quotas+", for the limit"),
		refused("an execution's name with another input", func(t *testing.T, c *Clouds) error {
			w := made(t, c)
			if err := w.start(w.client, "a", `{"n":600}`); err != nil {
				t.Fatal(err)
			}
			return w.start(w.client, "a", `{"n":601}`)
		}, 400, "ExecutionAlreadyExists", "Execution Already Exists: 'arn:aws:states"+place+"execution:m:a'", recorded),
		refused("redriving an execution that runs", func(t *testing.T, c *Clouds) error {
			w := made(t, c)
			if err := w.start(w.client, "a", `{"n":600}`); err != nil {
				t.Fatal(err)
			}
			_, err := w.client.RedriveExecution(t.Context(),
				&sfn.RedriveExecutionInput{ExecutionArn: aws.String("arn:aws:states" + c.place() + "execution:" + c.named("m") + ":a")})
			return err
		}, 400, "ExecutionNotRedrivable", "Execution is RUNNING and cannot be redriven", redriving+", for the reason"),
		refused("an execution that is not there", func(t *testing.T, c *Clouds) error {
			_, err := sfn.NewFromConfig(admin(c)).DescribeExecution(t.Context(),
				&sfn.DescribeExecutionInput{ExecutionArn: aws.String("arn:aws:states" + c.place() + "execution:" + c.named("m") + ":a")})
			return err
		}, 400, "ExecutionDoesNotExist", "Execution Does Not Exist: 'arn:aws:states"+place+"execution:m:a'", reported),
		refused("a page above 1,000", func(t *testing.T, c *Clouds) error {
			_, err := made(t, c).client.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String((&workflows{clouds: c}).arn()),
				MaxResults: 1001})
			return err
		}, 400, "ValidationException",
			"1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000",
			recorded),
		refused("more calls than the quota", func(t *testing.T, c *Clouds) error {
			client := sfn.NewFromConfig(admin(c))
			var err error
			for n := 0; err == nil && n < 300; n++ {
				_, err = client.ListStateMachines(t.Context(), nil)
			}
			return err
		}, 400, "ThrottlingException", "Rate exceeded", quotas+", for the quota"),

		failed("a function that the role is not allowed to invoke", ran(task, `{}`), 200, "Lambda.AWSLambdaException",
			"User: arn:aws:sts::"+sandbox.Account+":assumed-role/workflow/… is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda"+place+
				"function:f because no identity-based policy allows the lambda:InvokeFunction action (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: …; Proxy: null)",
			"awslabs/aws-deployment-framework, issue 460"),
		failed("a function that is not there", ran(task, `{}`, invoker), 200, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda"+place+"function:f (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: …; Proxy: null)",
			lambdaTasks),
		failed("a function without concurrency", func(t *testing.T, c *Clouds) error {
			must[*lambda.PutFunctionConcurrencyOutput](t)(function(t, c, c.Names.Role).PutFunctionConcurrency(t.Context(),
				&lambda.PutFunctionConcurrencyInput{FunctionName: c.name("f"), ReservedConcurrentExecutions: aws.Int32(0)}))
			return newWorkflows(t, c, trusted, invoker).run(task, `{}`)
		}, 200, "Lambda.TooManyRequestsException",
			"Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: …; Proxy: null)",
			"HumanCellAtlas/data-store, issue 1118"),
		failed("a Lambda that cannot now", func(t *testing.T, c *Clouds) error {
			function(t, c, c.Names.Role)
			c.Fail(faults.Rule{Service: "aws/lambda", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 500}}})
			return newWorkflows(t, c, trusted, invoker).run(task, `{}`)
		}, 200, "Lambda.ServiceException", "An error occurred and the request cannot be processed. (Service: AWSLambda; Status Code: 500; Error Code: ServiceException; Request ID: …; Proxy: null)",
			"mentum/lambdaws, issue 49, and Handling error conditions in a Step Functions state machine (AWS Step Functions Developer Guide)"),
		failed("a path that finds nothing", ran(state(`{"Type":"Pass","Parameters":{"value.$":"$.none"},"End":true}`), `{}`), 200,
			"States.Runtime",
			"An error occurred while executing the state 'S' (entered at the event id #2). The JSONPath '$.none' specified for the field 'value.$' could not be found in the input '{}'",
			"localstack/localstack, tests/aws/services/stepfunctions/v2/base/test_base.snapshot.json"),
		failed("an output above 256 KiB", ran(state(`{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}`),
			`"`+strings.Repeat("x", 200<<10)+`"`), 200, "States.DataLimitExceeded",
			"The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit.",
			"localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_states_errors.snapshot.json"),
		failed("children that the role is not allowed to start", ran(mapping(``), `[1]`), 200, "States.Permissions",
			"User: arn:aws:sts::"+sandbox.Account+":assumed-role/workflow/… is not authorized to perform: states:StartExecution on resource: "+workflowARN+" because no identity-based policy allows the states:StartExecution action",
			believed),
		failed("more failures than are tolerated", ran(mapping(``), `[1]`, statement("states:StartExecution", workflowARN)), 200,
			"States.ExceedToleratedFailureThreshold",
			"The specified tolerated failure threshold was exceeded", scenarios),
		failed("items that the role is not allowed to read", func(t *testing.T, c *Clouds) error {
			return newWorkflows(t, c, trusted, statement("states:StartExecution",
				workflowARN)).run(mapping(reader(c.Names.DestinationBucket, "k")), `{}`)
		}, 200, "States.ItemReaderFailed",
			"User: arn:aws:sts::"+sandbox.Account+":assumed-role/workflow/… is not authorized to perform: s3:GetObject on resource: … because no identity-based policy allows the s3:GetObject action (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; …)",
			maps),
		failed("items that are no array", ran(mapping(``), `{}`), 200, "States.Runtime",
			"An error occurred while executing the state 'S' (entered at the event id #2). Map state input must be an array but was: {}",
			scenarios),
		failed("results that the role is not allowed to write", func(t *testing.T, c *Clouds) error {
			definition := mapping(`,"ToleratedFailureCount":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"` + c.Names.DestinationBucket + `"}}`)
			return newWorkflows(t, c, trusted, statement("states:StartExecution", workflowARN)).run(definition, `[1]`)
		}, 200, "States.ResultWriterFailed",
			"User: arn:aws:sts::"+sandbox.Account+":assumed-role/workflow/… is not authorized to perform: s3:PutObject on resource: … because no identity-based policy allows the s3:PutObject action (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; …)",
			writers),
	}
}

// functionInput is a function f that does nothing.
func functionInput(t *testing.T, c *Clouds, role string) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{FunctionName: c.name("f"), Role: aws.String(c.iamARN("role/" + role)),
		Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: zipOf(t)}}
}
