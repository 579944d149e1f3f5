package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func lookAWSCredentials(ctx context.Context, e *examination) finding {
	who := e.identity(ctx)
	if because(who.Err()).Reason == clouds.RegionOff {
		return good("accepted by AWS, but not in %s", e.AWS.Region)
	}
	if reason, hint, found := strings.Cut(because(who.Err()).Reply.String(), "; hint: "); found {
		return wrong(hint, "%s", reason)
	}
	if !who.There() {
		return wrong("`aws sso login`, or new keys in your shell; `aws sts get-caller-identity` shows whether AWS accepts them", "%s", because(who.Err()).Reply)
	}
	return good("%s", aws.ToString(who.Thing.Arn))
}

func lookAWSAccount(ctx context.Context, e *examination) finding {
	who := e.identity(ctx)
	if !who.There() {
		return e.withoutAWS(ctx)
	}
	if got := aws.ToString(who.Thing.Account); got != e.Environment.AWSAccount {
		return wrong("choose the right profile: `export AWS_PROFILE=…`; or set awsAccount in the environment's file", "%s; the environment is in %s", got, e.Environment.AWSAccount)
	}
	return good("%s", e.Environment.AWSAccount)
}

// withoutAWS is the finding of checks that need AWS where it does not answer.
func (e *examination) withoutAWS(ctx context.Context) finding {
	if because(e.identity(ctx).Err()).Reason == clouds.RegionOff {
		return skip("the account has not enabled %s", e.AWS.Region)
	}
	return skip("there are no AWS credentials")
}

func lookAWSRegion(ctx context.Context, e *examination) finding {
	if u := because(e.identity(ctx).Err()); u.Reason == clouds.RegionOff {
		return wrong(u.Hint()+"; or set awsRegion in the environment's file to another region", "%s", u.Why())
	}
	if f := e.withoutAWS(ctx); !e.identity(ctx).There() {
		return f
	}
	if f := lookAWSAccount(ctx, e); f.status == Error {
		return skip("your AWS credentials are for another account")
	}
	if e.AWS.Region != e.Environment.AWSRegion {
		return wrong("`unset AWS_REGION`, or set awsRegion in the environment's file", "the clients use %s; the environment is in %s", e.AWS.Region, e.Environment.AWSRegion)
	}
	return good("%s answers", e.Environment.AWSRegion)
}

func lookGoogleCredentials(ctx context.Context, e *examination) finding {
	const login = "`gcloud auth application-default login`, or a new token in GOOGLE_OAUTH_ACCESS_TOKEN"
	switch u := because(e.project(ctx).Err()); u.Reason {
	case clouds.Credentials, clouds.Unreachable:
		if reason, hint, found := strings.Cut(u.Reply.String(), "; hint: "); found {
			return wrong(hint, "%s", reason)
		}
		if e.GoogleProblem == nil && u.Reason == clouds.Credentials {
			return wrong(u.Hint(), "%s", u.Reply)
		}
		return wrong(login, "%s", u.Reply)
	}
	return good("Google accepts them")
}

func lookGoogleProject(ctx context.Context, e *examination) finding {
	id := e.Environment.GoogleProject
	project := e.project(ctx)
	u := because(project.Err())
	switch {
	case lookGoogleCredentials(ctx, e).status == Error:
		return skip("there are no Google credentials")
	case u.Reason == clouds.APIDisabled && !u.Foreign:
		return warn("`pulumi up` enables it", "%s; the Cloud Resource Manager API is not enabled yet, so nothing else can be seen", id)
	case u.Reason == clouds.APIDisabled, u.Reason == clouds.QuotaProject, u.Reason == clouds.Billing:
		return wrong(u.Hint(), "%s cannot be seen: %s", id, u.Why())
	case project.Absent(), project.Err() != nil:
		return wrong("`gcloud projects describe "+id+"`; set googleProject in the environment's file to a project's id, or have a role in it granted to you", "%s", clouds.ReplyOf(project.Cause()))
	case project.Thing.LifecycleState != "ACTIVE":
		return wrong("`gcloud projects undelete "+id+"`", "%s is %s", id, project.Thing.LifecycleState)
	}
	return good("%s, number %d", id, project.Thing.ProjectNumber)
}

func lookAPIs(ctx context.Context, e *examination) finding {
	answer := e.services(ctx)
	if u := because(answer.Err()); u.Reason == clouds.APIDisabled || u.Reason == clouds.QuotaProject {
		return wrong(u.Hint(), "cannot be seen: %s", u.Why())
	}
	if !answer.There() {
		return wrong("have roles/serviceusage.serviceUsageAdmin granted to you in the project: `pulumi up` needs it, too", "%s", clouds.ReplyOf(answer.Cause()))
	}
	services := answer.Thing
	var off []string
	for _, s := range services {
		if s.State != "ENABLED" {
			off = append(off, s.Name[strings.LastIndex(s.Name, "/")+1:])
		}
	}
	if len(off) > 0 {
		return warn("`gcloud services enable "+strings.Join(off, " ")+" --project "+e.Environment.GoogleProject+"`; the first `pulumi up` enables them, too", "not enabled: %s", strings.Join(off, ", "))
	}
	return good("%d of %[1]d enabled", len(services))
}

func lookSubject(_ context.Context, e *examination) finding {
	names := e.Environment.Functions()
	function := names[len(names)-1] // the longest
	subject := e.Environment.AssumedRole() + "/" + function
	arithmetic := fmt.Sprintf("%d of %d bytes: %d for the account, %d for the role %s, 1, %d for the function %s", len(subject), environment.MaxSubject,
		len(subject)-len(e.Environment.Role)-len(function)-1, len(e.Environment.Role), e.Environment.Role, len(function), function)
	if len(subject) > environment.MaxSubject {
		return wrong("shorten role or function in the environment's file", "%s", arithmetic)
	}
	return good("%s", arithmetic)
}
