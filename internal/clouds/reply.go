package clouds

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/googleapi"
)

// NoCredentials is the code of a reply where the caller's credentials could not be had
// or renewed, so that no cloud was asked.
const NoCredentials = "NoCredentials"

// Reply is what a cloud answered to a request that it did not fulfil. Nothing else
// reads the errors of either cloud's clients.
type Reply struct {
	Status  int    // of HTTP; 0 when there was no answer
	Code    string // NoSuchEntity, PERMISSION_DENIED or, of Cloud Storage, its reason
	Message string

	cause    string // of no answer, without the address that was asked
	google   bool
	shaped   bool              // it has the form of the API's errors
	reason   string            // of google.rpc.ErrorInfo
	metadata map[string]string // of the same
}

func (r Reply) String() string {
	text, _, _ := strings.Cut(r.Message, " Enable it by visiting")
	switch {
	case r.google && r.Status != 0:
		return fmt.Sprintf("%d %s", r.Status, text)
	case r.Code != "" && r.Code != NoCredentials:
		return r.Code + ": " + text
	}
	return cmp.Or(r.cause, text)
}

// ReplyOf reads the error of a client of either cloud.
func ReplyOf(err error) Reply {
	if err == nil {
		return Reply{}
	}
	r := Reply{Message: err.Error()}
	var (
		google   *googleapi.Error
		aws      smithy.APIError
		response *smithyhttp.ResponseError
		address  *url.Error
	)
	if errors.As(err, &address) {
		r.cause = address.Err.Error()
	}
	switch {
	case errors.As(err, &google):
		r.fromGoogle(google)
	case errors.As(err, &aws):
		r.Code, r.shaped = aws.ErrorCode(), true
		if errors.As(err, &response) {
			r.Status = response.HTTPStatusCode()
		}
		if text := aws.ErrorMessage(); text != "" {
			r.Message = text
		}
	case slices.ContainsFunc(withoutCredentials, func(part string) bool { return strings.Contains(r.Message, part) }):
		r.Code = NoCredentials
	}
	return r
}

// withoutCredentials are what the clients of both clouds say without credentials.
var withoutCredentials = []string{
	"cannot fetch token",
	cannotImpersonate,
	"invalid_grant",
	"invalid_rapt",
	"failed to refresh cached credentials",
	"get identity: get credentials",
	"static credentials are empty",
	"no EC2 IMDS role found",
}

func (r *Reply) fromGoogle(err *googleapi.Error) {
	r.google, r.Status, r.Code = true, err.Code, http.StatusText(err.Code)
	r.shaped = err.Message != "" || len(err.Errors) > 0
	if err.Message != "" {
		r.Message = err.Message
	}
	var body struct {
		Error struct{ Status string }
	}
	switch {
	case json.Unmarshal([]byte(err.Body), &body) == nil && body.Error.Status != "":
		r.Code = body.Error.Status
	case len(err.Errors) > 0:
		r.Code = err.Errors[0].Reason
	}
	for _, detail := range err.Details {
		info, ok := detail.(map[string]any)
		reason, _ := info["reason"].(string)
		if !ok || reason == "" {
			continue
		}
		r.reason, r.metadata = reason, map[string]string{}
		if metadata, ok := info["metadata"].(map[string]any); ok {
			for key, value := range metadata {
				r.metadata[key] = fmt.Sprint(value)
			}
		}
	}
}

// notThere are the codes by which AWS's services say that a thing does not exist: the
// API references of IAM, of Lambda, CloudWatch Logs and EventBridge Scheduler, of SQS in
// two protocols, of SSM, of KMS, and of S3 for three operations.
var notThere = []string{
	"NoSuchEntity",
	"ResourceNotFoundException",
	"ResourceNotFound", // Step Functions
	"QueueDoesNotExist",
	"AWS.SimpleQueueService.NonExistentQueue",
	"ParameterNotFound",
	"NotFoundException",
	"NoSuchBucket",
	"NoSuchKey",
	"NotFound",
	"NoSuchLifecycleConfiguration",
}

// absent reports whether the cloud says that the thing does not exist. A 404 that has
// not the form of an API's errors is of a wrong address, and says nothing.
func (r Reply) absent() bool {
	if r.google {
		return r.Status == http.StatusNotFound && r.shaped
	}
	// CloudFormation API reference, "DescribeStacks".
	return slices.Contains(notThere, r.Code) || r.Code == "ValidationError" && strings.Contains(r.Message, "does not exist")
}

// Absent reports whether an error says that what was to be changed or removed does not
// exist.
func Absent(err error) bool { return ReplyOf(err).absent() }

// Conflicted reports whether a change was refused because another one came first.
func Conflicted(err error) bool {
	r := ReplyOf(err)
	return r.google && (r.Status == http.StatusConflict || r.Status == http.StatusPreconditionFailed)
}

// Code is the error code that AWS answered, or empty.
func Code(err error) string {
	if r := ReplyOf(err); !r.google && r.Code != NoCredentials {
		return r.Code
	}
	return ""
}

// What Google says in errors that have no google.rpc.ErrorInfo, such as those of Cloud
// Storage: "Troubleshoot your ADC setup" and "Troubleshooting API errors".
var (
	disabledIn    = regexp.MustCompile(`has not been used in project (\S+) before`)
	disabledAPI   = regexp.MustCompile(`/apis/api/([a-z0-9.-]+\.googleapis\.com)`)
	quotaUsed     = regexp.MustCompile(`permission to use project ([^\s]+?)\.(\s|$)`)
	quotaRequired = "requires a quota project, which is not set by default"
)

// DisabledAPI is the name of the API that a message says is disabled, or empty.
func DisabledAPI(message string) string {
	if m := disabledAPI.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// refusedCredentials are the codes by which AWS's services refuse keys and sessions:
// "Common errors" of their API references.
var refusedCredentials = []string{
	"ExpiredToken",
	"ExpiredTokenException",
	"InvalidClientTokenId",
	"UnrecognizedClientException",
	"SignatureDoesNotMatch",
	"InvalidSignatureException",
	"IncompleteSignature", // a blank in the access key id: boto/boto3, issue 2280
	"IncompleteSignatureException",
	"InvalidAccessKeyId",
	"InvalidToken",
	"RequestExpired",
}

// classify finds why something cannot be seen.
func (r Reply) classify() (reason Reason, api, project string) {
	consumer := strings.TrimPrefix(r.metadata["consumer"], "projects/")
	in, used := disabledIn.FindStringSubmatch(r.Message), quotaUsed.FindStringSubmatch(r.Message)
	switch {
	case !r.google && r.Code != NoCredentials:
	case strings.Contains(r.Message, quotaRequired):
		return QuotaProject, r.metadata["service"], ""
	case r.reason == "USER_PROJECT_DENIED" || used != nil:
		if used != nil {
			consumer = used[1]
		}
		return QuotaProject, r.metadata["service"], consumer
	case r.reason == "SERVICE_DISABLED" || in != nil:
		api = r.metadata["service"]
		api = cmp.Or(api, DisabledAPI(r.Message))
		if consumer == "" && in != nil {
			consumer = in[1]
		}
		return APIDisabled, api, consumer
	case r.reason == "BILLING_DISABLED", r.google && r.Code == "accountDisabled": // Cloud Storage's: "HTTP status and error codes for JSON"
		return Billing, r.metadata["service"], consumer
	}
	switch {
	case r.Code == NoCredentials, r.google && r.Status == http.StatusUnauthorized, !r.google && slices.Contains(refusedCredentials, r.Code):
		return Credentials, "", ""
	case r.Status == 0 && r.Code == "":
		return Unreachable, "", ""
	case r.Status == http.StatusForbidden, !r.google && strings.HasPrefix(r.Code, "AccessDenied"):
		return Denied, "", ""
	}
	if r.Status == http.StatusTooManyRequests || r.Status >= http.StatusInternalServerError || strings.HasPrefix(r.Code, "Throttling") {
		return Busy, "", ""
	}
	return Unclear, "", ""
}
