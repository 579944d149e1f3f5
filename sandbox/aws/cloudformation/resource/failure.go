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
	apiErr, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	service, status, request := "AWS", 0, ""
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		service = op.Service()
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
	return fmt.Errorf("Resource handler returned message: \"%s (Service: %s, Status Code: %d, Request ID: %s)\" (HandlerErrorCode: %s)",
		apiErr.ErrorMessage(), service, status, request, handlerCode(apiErr.ErrorCode()))
}

// handlerCode is the HandlerErrorCode of "Handler error codes".
func handlerCode(code string) string {
	switch {
	case slices.Contains([]string{"AccessDenied", "AccessDeniedException"}, code):
		return "AccessDenied"
	case slices.Contains(notFoundCodes(), code):
		return "NotFound"
	case slices.Contains([]string{"EntityAlreadyExists", "ResourceConflictException", "ResourceAlreadyExistsException", "BucketAlreadyExists",
		"BucketAlreadyOwnedByYou", "ParameterAlreadyExists", "RepositoryAlreadyExistsException", "QueueAlreadyExists", "ConflictException"}, code):
		return "AlreadyExists"
	case slices.Contains([]string{"DeleteConflict", "BucketNotEmpty", "RepositoryNotEmptyException"}, code):
		return "ResourceConflict"
	case slices.Contains([]string{"InvalidParameterValueException", "MalformedPolicyDocument", "ValidationError", "ValidationException", "InvalidInput",
		"InvalidParameterException", "MalformedPolicy", "InvalidArgument", "InvalidBucketName",
		"InvalidParameterValue", "InvalidAttributeValue", "InvalidAttributeName"}, code):
		return "InvalidRequest"
	}
	return "GeneralServiceException"
}

func notFoundCodes() []string {
	return []string{"NoSuchEntity", "ResourceNotFoundException", "NoSuchBucket", "ParameterNotFound", "RepositoryNotFoundException",
		"NoSuchBucketPolicy", "NoSuchKey", "NotFound", "LifecyclePolicyNotFoundException", "RepositoryPolicyNotFoundException",
		"AWS.SimpleQueueService.NonExistentQueue", "ResourceNotFound"}
}

func notFound(err error) bool {
	apiErr, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(notFoundCodes(), apiErr.ErrorCode())
}
