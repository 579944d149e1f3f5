package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func number(n int) json.Number { return json.Number(itoa(n)) }

// errTaskTimedOut ends a task that took longer than TimeoutSeconds.
var errTaskTimedOut = errors.New("the task took too long")

// task invokes a function and tells of it in the history.
func (v *visit) task(ctx context.Context, in any) (any, error) {
	parameters, err := v.state.parameters.eval(v.environment(in))
	if err != nil {
		return nil, err
	}
	timeout := v.state.timeout
	if p := v.state.timeoutPath; p != nil {
		got, ok := v.environment(in).find(*p)
		if !ok {
			return nil, invalidPath(p)
		}
		n, ok := integer(got)
		if !ok || n < 1 || n > maxSeconds {
			return nil, runtimeError("The TimeoutSecondsPath field refers to value %s which is not a valid positive integer: %s",
				encode(got), p.text)
		}
		timeout = time.Duration(n) * time.Second
	}
	text := encode(parameters)
	if len(text) > maxData {
		return nil, dataLimit("lambda")
	}
	about := taskDetails{ResourceType: "lambda", Resource: "invoke"}
	scheduled := about
	scheduled.Region, scheduled.Parameters, scheduled.Timeout = v.server.Region, text, int64(timeout/time.Second)
	if err := v.tell("TaskScheduled", "taskScheduledEventDetails", scheduled); err != nil {
		return nil, err
	}
	if err := v.tell("TaskStarted", "taskStartedEventDetails", about); err != nil {
		return nil, err
	}
	output, err := v.timed(ctx, timeout, parameters.(map[string]any))
	f, ok := errors.AsType[*failure](err)
	switch {
	case err == nil:
		about.Output, about.OutputDetails = encode(output), &truncated{}
		if len(about.Output) > maxData {
			f = dataLimit("lambda")
			break
		}
		return output, v.tell("TaskSucceeded", "taskSucceededEventDetails", about)
	case !ok:
		return nil, err
	}
	about.Output, about.OutputDetails, about.failed = "", nil, failed{f.name, f.cause}
	if f.name == "States.Timeout" {
		err = v.tell("TaskTimedOut", "taskTimedOutEventDetails", about)
	} else {
		err = v.tell("TaskFailed", "taskFailedEventDetails", about)
	}
	if err != nil {
		return nil, err
	}
	return nil, f
}

// tell records an event that follows the last one.
func (v *visit) tell(kind, field string, details any) error {
	id, err := v.add(v.last, kind, field, details)
	if err == nil {
		v.last = id
	}
	return err
}

// timed invokes the function within the task's time, by the cloud's clock.
func (v *visit) timed(ctx context.Context, timeout time.Duration, parameters map[string]any) (any, error) {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if timeout > 0 {
		defer v.server.clock.at(v.server.Now().Add(timeout), func() { cancel(errTaskTimedOut) })()
	}
	output, err := v.invoke(within, parameters)
	if err != nil && within.Err() != nil {
		if cause := context.Cause(within); !errors.Is(cause, errTaskTimedOut) {
			return nil, cause
		}
		return nil, &failure{name: "States.Timeout"}
	}
	return output, err
}

// invoke calls Lambda as the role, and answers as the optimized integration does.
func (v *visit) invoke(ctx context.Context, parameters map[string]any) (any, error) {
	creds, err := v.session.credentials()
	if err != nil {
		return nil, &failure{name: "States.Permissions", cause: notAssumable} // believed
	}
	config := v.server.Config(creds)
	config.HTTPClient = &http.Client{Transport: v.server.transport}
	name, _ := parameters["FunctionName"].(string)
	in := &lambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeRequestResponse}
	if qualifier, ok := parameters["Qualifier"].(string); ok {
		in.Qualifier = &qualifier
	}
	in.Payload = []byte("{}")
	if payload, ok := parameters["Payload"]; ok {
		in.Payload = []byte(encode(payload))
	}
	out, err := lambda.NewFromConfig(config, func(o *lambda.Options) { o.HTTPSignerV4 = signer{v.server.Now} }).Invoke(ctx, in)
	if err != nil {
		return nil, lambdaFailure(err)
	}
	if out.FunctionError != nil {
		var document struct {
			ErrorType string `json:"errorType"`
		}
		if json.Unmarshal(out.Payload, &document) != nil || document.ErrorType == "" {
			return nil, &failure{name: "Lambda.Unknown",
				cause: "The cause could not be determined because Lambda did not return an error type. " +
					"Returned payload: " + string(out.Payload)}
		}
		return nil, &failure{name: document.ErrorType, cause: string(out.Payload)}
	}
	payload, err := parse(out.Payload)
	if err != nil && len(out.Payload) > 0 {
		payload = string(out.Payload)
	}
	result := map[string]any{"ExecutedVersion": aws.ToString(out.ExecutedVersion), "Payload": payload,
		"StatusCode": number(int(out.StatusCode))}
	headers(result, out.ResultMetadata)
	return result, nil
}

// headers adds what the integration tells of the answer's HTTP.
func headers(result map[string]any, metadata middleware.Metadata) {
	response, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return
	}
	all, one := map[string]any{}, map[string]any{}
	for name, values := range response.Header {
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		all[name], one[name] = list, strings.Join(values, ",")
	}
	result["SdkHttpMetadata"] = map[string]any{"AllHttpHeaders": all, "HttpHeaders": one, "HttpStatusCode": number(response.StatusCode)}
	result["SdkResponseMetadata"] = map[string]any{"RequestId": response.Header.Get("X-Amzn-Requestid")}
}

// lambdaCodes are the refusals of Lambda that have names of their own in a workflow;
// see "Handling error conditions in a Step Functions state machine".
var lambdaCodes = map[string]bool{
	"ResourceNotFoundException": true, "TooManyRequestsException": true, "ServiceException": true, "InvalidParameterValueException": true,
	"InvalidRequestContentException": true, "RequestTooLargeException": true, "ResourceConflictException": true,
	"ResourceNotReadyException": true,
}

// lambdaFailure is a refusal of Lambda as a workflow sees it.
func lambdaFailure(err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	response, answered := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || !answered {
		return &failure{name: "Lambda.SdkClientException", cause: "Unable to execute HTTP request: " + err.Error()}
	}
	name := "Lambda.AWSLambdaException"
	if lambdaCodes[refused.ErrorCode()] {
		name = "Lambda." + refused.ErrorCode()
	}
	return &failure{name: name, cause: fmt.Sprintf("%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		refused.ErrorMessage(), response.HTTPStatusCode(), refused.ErrorCode(), response.Response.Header.Get("X-Amzn-Requestid"))}
}
