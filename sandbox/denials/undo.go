package denials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// undoing stands between a run and the clouds. It lets no request pass that it could
// not undo; it keeps how to undo the others; and what the owner was answered once, a row
// that is asked again is not asked for twice.
type undoing struct {
	mu      sync.Mutex
	steps   []step
	answers map[string]any
	asked   map[string]int                               // how often in this asking, by request
	at      map[string]time.Time                         // of the last change, by cloud
	row     *Clouds                                      // that is asked; nil while the federation is made
	again   func(ctx context.Context, cloud string) bool // waits, if a change may have no effect yet
	between time.Duration                                // at most, between two looks at an operation of Google's
	plain   func(api.Credentials) aws.Config
	owner   api.Credentials
	project string
}

// step undoes one change.
type step struct {
	cloud, what string
	do          func(ctx context.Context) error
}

// prepare puts it between the access and the clouds.
func (u *undoing) prepare(access *sandboxtest.Access, again func(context.Context, string) bool, between time.Duration) {
	u.again, u.between = again, between
	u.answers, u.asked, u.at = map[string]any{}, map[string]int{}, map[string]time.Time{}
	u.plain, u.owner, u.project = access.Configure, access.Owner, access.Names.Project
	access.Configure = func(creds api.Credentials) aws.Config {
		cfg := u.plain(creds)
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Undo",
				func(
					ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
				) (middleware.InitializeOutput, middleware.Metadata, error) {
					return u.aws(ctx, creds == u.owner, in, next)
				}), middleware.After)
		})
		return cfg
	}
	access.Client = &http.Client{Transport: googleUndoing{u, access.Client.Transport}}
}

// begin forgets the answers of the row before.
func (u *undoing) begin(row *Clouds) { u.row, u.answers = row, map[string]any{} }

// asking begins another asking of the row.
func (u *undoing) asking() { u.asked = map[string]int{} }

// key names a request in an asking, in which the same one may be made several times.
func (u *undoing) key(request string) string {
	u.asked[request]++
	return fmt.Sprint(u.asked[request], " ", request)
}

func (u *undoing) changed(cloud string) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.at[cloud]
}

// push keeps how to undo a change that was made now.
func (u *undoing) push(cloud, what string, do func(context.Context) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.at[cloud] = time.Now()
	if do != nil {
		u.steps = append(u.steps, step{cloud, what, do})
	}
}

// refuse ends the row that would do what cannot be undone.
func (u *undoing) refuse(why string) error {
	if u.row != nil {
		u.row.only(why)
	}
	return errors.New(why)
}

// keep hands over the steps so far: they are undone last.
func (u *undoing) keep() []step {
	u.mu.Lock()
	defer u.mu.Unlock()
	steps := u.steps
	u.steps = nil
	return steps
}

// undo undoes everything, last things first, and returns what it could not undo.
func (u *undoing) undo() []error { return u.undoThese(u.keep()) }

// tries of a step, since a change of a moment before may be in its way.
const tries = 5

func (u *undoing) undoThese(steps []step) []error {
	var left []error
	for _, s := range slices.Backward(steps) {
		var err error
		for try := range tries {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			err = s.do(ctx)
			cancel()
			if err == nil || gone(err) {
				err = nil
				break
			}
			time.Sleep(time.Duration(try) * time.Second)
		}
		if err != nil {
			left = append(left, fmt.Errorf("%s: %w", s.what, err))
		}
		u.push(s.cloud, "", nil)
	}
	return left
}

// gone reports whether an error says that what was to be removed is not there.
func gone(err error) bool {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound {
		return true
	}
	if !errors.As(err, &api) {
		return false
	}
	for _, part := range []string{"NoSuch", "NotFound", "NonExistent", "DoesNotExist"} {
		if strings.Contains(api.ErrorCode(), part) {
			return true
		}
	}
	return false
}

// harmless are operations that change nothing that stays: they read, or what they change
// goes with what the row made.
var harmless = []string{
	"Get", "List", "Describe", "Head", "Filter", "AssumeRole", "Invoke", "SendMessage", "StartExecution", "Redrive", "Delete", "UploadPart",
	"UpdateStateMachine", "PutFunctionConcurrency",
}

// costly are those that the clouds do not undo at once, or not for nothing.
var costly = map[string]string{
	"CreateKey":                  "a KMS key costs money, and is deleted after a week at the earliest",
	"PutObjectLockConfiguration": "an object that is retained cannot be deleted",
}

// aws lets a request pass, and keeps how to undo it.
func (u *undoing) aws(
	ctx context.Context, owner bool, in middleware.InitializeInput, next middleware.InitializeHandler,
) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
	operation := strings.TrimSuffix(reflect.TypeOf(in.Parameters).Elem().Name(), "Input")
	if why := costly[operation]; why != "" {
		return out, md, u.refuse(why)
	}
	if b, ok := in.Parameters.(*s3.CreateBucketInput); ok && aws.ToBool(b.ObjectLockEnabledForBucket) {
		return out, md, u.refuse(costly["PutObjectLockConfiguration"])
	}
	changes := !slices.ContainsFunc(harmless, func(prefix string) bool { return strings.HasPrefix(operation, prefix) })
	if changes && u.undoAWS(in.Parameters, nil) == nil {
		return out, md, u.refuse("the suite does not know how to undo " + operation)
	}
	text, err := json.Marshal(in.Parameters)
	if err != nil {
		return out, md, err
	}
	key := u.key(operation + " " + string(text))
	keeps := owner && (changes || strings.HasPrefix(operation, "AssumeRole") || strings.HasPrefix(operation, "Delete"))
	if kept, ok := u.answers[key]; ok && keeps {
		return middleware.InitializeOutput{Result: kept}, md, nil
	}
	if out, md, err = next.HandleInitialize(ctx, in); err != nil {
		return out, md, err
	}
	if keeps {
		u.answers[key] = out.Result
	}
	if changes {
		u.push("aws", operation, u.undoAWS(in.Parameters, out.Result))
	} else if strings.HasPrefix(operation, "Delete") {
		u.push("aws", "", nil)
	}
	return out, md, nil
}

// undoAWS is how to undo a request that was answered; nil if it is not known.
func (u *undoing) undoAWS(in, out any) func(context.Context) error {
	cfg := u.plain(u.owner)
	roles := iam.NewFromConfig(cfg)
	buckets := s3.NewFromConfig(cfg)
	switch in := in.(type) {
	case *iam.CreateRoleInput:
		return func(ctx context.Context) error { return removeRole(ctx, roles, in.RoleName) }
	case *iam.PutRolePolicyInput:
		return func(ctx context.Context) error {
			_, err := roles.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: in.RoleName, PolicyName: in.PolicyName})
			return err
		}
	case *iam.AttachRolePolicyInput:
		return func(ctx context.Context) error {
			_, err := roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: in.RoleName, PolicyArn: in.PolicyArn})
			return err
		}
	case *iam.PutRolePermissionsBoundaryInput:
		return func(ctx context.Context) error {
			_, err := roles.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: in.RoleName})
			return err
		}
	case *iam.CreateUserInput:
		return func(ctx context.Context) error {
			_, err := roles.DeleteUser(ctx, &iam.DeleteUserInput{UserName: in.UserName})
			return err
		}
	case *iam.CreatePolicyInput:
		made, _ := out.(*iam.CreatePolicyOutput)
		return func(ctx context.Context) error {
			_, err := roles.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: made.Policy.Arn})
			return err
		}
	case *lambda.CreateFunctionInput:
		return func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(cfg).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: in.FunctionName})
			return err
		}
	case *sqs.CreateQueueInput:
		made, _ := out.(*sqs.CreateQueueOutput)
		return func(ctx context.Context) error {
			_, err := sqs.NewFromConfig(cfg).DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
			return err
		}
	case *sfn.CreateStateMachineInput:
		made, _ := out.(*sfn.CreateStateMachineOutput)
		return func(ctx context.Context) error {
			_, err := sfn.NewFromConfig(cfg).DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: made.StateMachineArn})
			return err
		}
	case *scheduler.CreateScheduleInput:
		return func(ctx context.Context) error {
			_, err := scheduler.NewFromConfig(cfg).DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name})
			return err
		}
	case *cloudformation.CreateStackInput:
		return removeStack(cfg, in.StackName)
	case *cloudformation.CreateChangeSetInput: // of a new stack, which is in review then
		return removeStack(cfg, in.StackName)
	case *s3.CreateBucketInput:
		if in.CreateBucketConfiguration != nil {
			cfg.Region = string(in.CreateBucketConfiguration.LocationConstraint)
		}
		return func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg).DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: in.Bucket})
			return err
		}
	case *s3.PutObjectInput:
		return func(ctx context.Context) error {
			_, err := buckets.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: in.Bucket, Key: in.Key})
			return err
		}
	case *s3.CreateMultipartUploadInput:
		made, _ := out.(*s3.CreateMultipartUploadOutput)
		return func(ctx context.Context) error {
			_, err := buckets.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: made.UploadId})
			return err
		}
	case *s3.PutBucketPolicyInput:
		return func(ctx context.Context) error {
			_, err := buckets.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: in.Bucket})
			return err
		}
	case *s3.PutBucketEncryptionInput:
		return func(ctx context.Context) error {
			_, err := buckets.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: in.Bucket})
			return err
		}
	case *s3.PutBucketLifecycleConfigurationInput:
		return func(ctx context.Context) error {
			_, err := buckets.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: in.Bucket})
			return err
		}
	}
	return nil
}

// removeStack removes a stack.
func removeStack(cfg aws.Config, name *string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := cloudformation.NewFromConfig(cfg).DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: name})
		return err
	}
}

// removeRole removes a role with its policies.
func removeRole(ctx context.Context, client *iam.Client, name *string) error {
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil {
		return err
	}
	for _, policy := range inline.PolicyNames {
		if _, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy}); err != nil {
			return err
		}
	}
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
	return err
}

// body is a request's, which can be read again.
func body(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	var out bytes.Buffer
	_, err := out.ReadFrom(r.Body)
	r.Body = http.NoBody
	return out.Bytes(), err
}
