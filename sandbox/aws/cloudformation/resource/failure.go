package resource

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// explain puts a service's error into the words of a resource's status reason:
//
//	Resource handler returned message: "User: … is not authorized to perform: …
//	(Service: IAM, Status Code: 403, Request ID: …)" (HandlerErrorCode: AccessDenied)
func explain(err error) error {
	if e, ok := errors.AsType[*inertError](err); ok {
		return handlerError(e.cause.Message, e.service, e.cause.Status, "", e.cause.Code)
	}
	apiErr, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	service, status, request := "AWS", 0, ""
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		if service = op.Service(); service == "SFN" {
			service = "Sfn" // aws-cloudformation/cfn-lint, issue 4073
		}
	}
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = re.HTTPStatusCode()
	}
	if id, ok := errors.AsType[interface {
		error
		ServiceRequestID() string
	}](err); ok {
		request = id.ServiceRequestID()
	}
	return handlerError(apiErr.ErrorMessage(), service, status, request, apiErr.ErrorCode())
}

func handlerError(message, service string, status int, request, code string) error {
	return fmt.Errorf("Resource handler returned message: \"%s (Service: %s, Status Code: %d, Request ID: %s)\" (HandlerErrorCode: %s)",
		message, service, status, request, handlerCode(code))
}

// handlerCode is the HandlerErrorCode of "Handler error codes".
func handlerCode(code string) string {
	switch {
	case slices.Contains([]string{"AccessDenied", "AccessDeniedException"}, code):
		return "AccessDenied"
	case slices.Contains(notFoundCodes(), code):
		return "NotFound"
	case slices.Contains([]string{"EntityAlreadyExists", "ResourceConflictException", "ResourceAlreadyExistsException", "BucketAlreadyExists",
		"BucketAlreadyOwnedByYou", "ParameterAlreadyExists", "RepositoryAlreadyExistsException", "QueueAlreadyExists", "ConflictException",
		"StateMachineAlreadyExists"}, code):
		return "AlreadyExists"
	case slices.Contains([]string{"DeleteConflict", "BucketNotEmpty"}, code):
		return "ResourceConflict"
	case slices.Contains([]string{"InvalidParameterValueException", "MalformedPolicyDocument", "ValidationError", "ValidationException", "InvalidInput",
		"InvalidParameterException", "MalformedPolicy", "InvalidArgument", "InvalidBucketName",
		"InvalidParameterValue", "InvalidAttributeValue", "InvalidAttributeName",
		"InvalidDefinition", "InvalidName", "InvalidArn", "InvalidLoggingConfiguration"}, code):
		return "InvalidRequest"
	}
	return "GeneralServiceException"
}

func notFoundCodes() []string {
	return []string{"NoSuchEntity", "ResourceNotFoundException", "NoSuchBucket", "ParameterNotFound", "RepositoryNotFoundException",
		"NoSuchBucketPolicy", "NoSuchKey", "NotFound",
		"AWS.SimpleQueueService.NonExistentQueue", "ResourceNotFound",
		"StateMachineDoesNotExist"}
}

func notFound(err error) bool {
	if e, ok := errors.AsType[*inertError](err); ok {
		return slices.Contains(notFoundCodes(), e.cause.Code)
	}
	apiErr, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(notFoundCodes(), apiErr.ErrorCode())
}
