package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// proveGone asks both clouds for everything that the engines created.
func proveGone(ctx context.Context, s *Stand, summary *Summary) (string, error) {
	from := len(summary.Proofs)
	if err := s.goneFromAWS(ctx, summary); err != nil {
		return "", err
	}
	if err := s.goneFromGoogle(ctx, summary); err != nil {
		return "", err
	}
	l, err := s.Lifecycle(ctx, s.Env, s.progress)
	if err != nil {
		return "", err
	}
	_, stands, err := l.Pulumi.Resources(ctx)
	if err != nil {
		return "", err
	}
	seen := "none"
	if stands {
		seen = "a stack named " + s.Env.Name
	}
	summary.prove("Pulumi has no stack of it", seen, !stands)
	return summary.verdict(from)
}

func (s *Stand) goneFromAWS(ctx context.Context, summary *Summary) error {
	cfg := s.admin()
	type resource struct {
		what, code string
		get        func() error
	}
	resources := []resource{{"the role " + s.Env.Role, "NoSuchEntity", func() error {
		_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &s.Env.Role})
		return err
	}}}
	for _, name := range s.Env.Functions() {
		resources = append(resources, resource{"the function " + name, "ResourceNotFoundException", func() error {
			_, err := lambda.NewFromConfig(cfg).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
			return err
		}})
	}
	for _, name := range s.Env.Schedules() {
		resources = append(resources, resource{"the schedule " + name, "ResourceNotFoundException", func() error {
			_, err := scheduler.NewFromConfig(cfg).GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name})
			return err
		}})
	}
	for _, resource := range resources {
		err := resource.get()
		seen := "it exists"
		var refusal smithy.APIError
		switch {
		case errors.As(err, &refusal):
			seen = refusal.ErrorCode() + ": " + refusal.ErrorMessage()
		case err != nil:
			seen = err.Error()
		}
		summary.prove(resource.what+" is gone", seen, refused(err, resource.code) == nil)
	}
	group := s.Env.LogGroup()
	groups, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	if err != nil {
		return err
	}
	summary.prove("the log group "+group+" is gone", fmt.Sprintf("%d log groups", len(groups.LogGroups)), len(groups.LogGroups) == 0)
	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, nil)
	if err != nil {
		return err
	}
	var names []string
	ours := false
	for _, stack := range stacks.Stacks {
		names = append(names, *stack.StackName)
		ours = ours || *stack.StackName == s.Env.RoleStack() || *stack.StackName == s.Env.FunctionStack()
	}
	summary.prove("only the account's CDK bootstrap stack is left", strings.Join(names, ", "), !ours)
	objects, err := s3.NewFromConfig(cfg).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.Env.DestinationBucket})
	if err != nil {
		return err
	}
	want := 1
	if summary.Bulk != nil {
		want += int(summary.Bulk.Copied)
	}
	if summary.Events != nil {
		want += summary.Events.Objects
	}
	want = min(want, int(aws.ToInt32(objects.MaxKeys)))
	summary.prove("what was copied is left: no engine touches data", fmt.Sprintf("%d objects in the first page", len(objects.Contents)), len(objects.Contents) == want)
	return nil
}

func (s *Stand) goneFromGoogle(ctx context.Context, summary *Summary) error {
	project := "/v1/projects/" + s.Env.GoogleProject
	email := s.Env.ServiceAccountEmail()
	if !s.Env.DirectAccess {
		status, data, err := s.google(ctx, s.Sandbox.Google.AdminToken(), http.MethodGet, project+"/serviceAccounts/"+email, "", nil)
		if err != nil {
			return err
		}
		summary.prove("the service account "+email+" is gone", fmt.Sprintf("%d %s", status, message(data)), status == http.StatusNotFound)
	}

	for _, policy := range []struct{ what, method, path string }{
		{"the bucket's", http.MethodGet, "/storage/v1/b/" + s.Env.SourceBucket + "/iam"},
		{"the project's", http.MethodPost, project + ":getIamPolicy"},
	} {
		var got json.RawMessage
		if err := s.ask(ctx, policy.method, policy.path, "", nil, &got); err != nil {
			return err
		}
		left := !s.Env.DirectAccess && strings.Contains(string(got), email) || strings.Contains(string(got), "principalSet:")
		seen := "no member of the federation in it"
		if left {
			seen = string(got)
		}
		summary.prove(policy.what+" policy grants nothing to the federation, not even to deleted principals", seen, !left)
	}

	if s.Env.Events == environment.PullEvents {
		if err := s.eventsGone(ctx, summary); err != nil {
			return err
		}
	}
	pool := project + "/locations/global/workloadIdentityPools/" + s.Env.Pool
	for _, resource := range []struct{ what, path string }{
		{"the provider " + s.Env.Provider, pool + "/providers/" + s.Env.Provider},
		{"the pool " + s.Env.Pool, pool},
	} {
		var got struct{ State, ExpireTime string }
		if err := s.ask(ctx, http.MethodGet, resource.path, "", nil, &got); err != nil {
			return err
		}
		summary.prove(resource.what+" is soft-deleted: Google frees its ID after 30 days",
			fmt.Sprintf("%s, freed at %s", got.State, got.ExpireTime), got.State == clouds.Deleted && got.ExpireTime != "")
	}
	return nil
}

// eventsGone proves that nothing tells of the source bucket any more.
func (s *Stand) eventsGone(ctx context.Context, summary *Summary) error {
	for _, name := range []string{
		s.Env.Topic(s.Env.Drain()), s.Env.Subscription(s.Env.Drain()),
		s.Env.Topic(s.Env.EventDeadLetters()), s.Env.Subscription(s.Env.EventDeadLetters()),
	} {
		status, data, err := s.google(ctx, s.Sandbox.Google.AdminToken(), http.MethodGet, "/v1/"+name, "", nil)
		if err != nil {
			return err
		}
		summary.prove(name+" is gone", fmt.Sprintf("%d %s", status, message(data)), status == http.StatusNotFound)
	}
	var notifications struct{ Items []json.RawMessage }
	if err := s.ask(ctx, http.MethodGet, "/storage/v1/b/"+s.Env.SourceBucket+"/notificationConfigs", "", nil, &notifications); err != nil {
		return err
	}
	summary.prove("the source bucket notifies nobody", fmt.Sprintf("%d notifications", len(notifications.Items)), len(notifications.Items) == 0)
	return nil
}

// message returns the message of an error response from Google.
func message(data []byte) string {
	var failure struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(data, &failure) != nil {
		return string(data)
	}
	return failure.Error.Message
}
