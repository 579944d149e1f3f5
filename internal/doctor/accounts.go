package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"google.golang.org/api/googleapi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func lookAWSCredentials(ctx context.Context, e *examination) finding {
	who, err := e.identity(ctx)
	if err != nil {
		return wrong("aws sso login, or fresh keys in your shell; aws sts get-caller-identity shows whether they are good", "%s", brief(err))
	}
	return good("%s", aws.ToString(who.Arn))
}

func lookAWSAccount(ctx context.Context, e *examination) finding {
	who, err := e.identity(ctx)
	if err != nil {
		return skip("there are no AWS credentials")
	}
	if got := aws.ToString(who.Account); got != e.Environment.AWSAccount {
		return wrong("choose the right profile: export AWS_PROFILE=…; or set awsAccount in the environment's file", "%s; the environment's is %s", got, e.Environment.AWSAccount)
	}
	return good("%s", e.Environment.AWSAccount)
}

func lookAWSRegion(_ context.Context, e *examination) finding {
	if e.AWS.Region != e.Environment.AWSRegion {
		return wrong("unset AWS_REGION, or set awsRegion in the environment's file", "the clients ask %s; the environment's is %s", e.AWS.Region, e.Environment.AWSRegion)
	}
	return good("%s answers", e.Environment.AWSRegion)
}

func lookGoogleCredentials(ctx context.Context, e *examination) finding {
	const login = "gcloud auth application-default login, or a fresh token in GOOGLE_OAUTH_ACCESS_TOKEN"
	_, err := e.project(ctx)
	var answer *googleapi.Error
	switch {
	case errors.As(err, &answer) && answer.Code == http.StatusUnauthorized, err != nil && !errors.As(err, &answer):
		return wrong(login, "%s", brief(err))
	}
	return good("Google accepts them")
}

func lookGoogleProject(ctx context.Context, e *examination) finding {
	id := e.Environment.GoogleProject
	project, err := e.project(ctx)
	switch {
	case lookGoogleCredentials(ctx, e).status == Error:
		return skip("there are no Google credentials")
	case apiOff(err):
		return warn("pulumi up enables it", "%s; the Cloud Resource Manager API is not enabled yet, so that no more can be seen", id)
	case err != nil:
		return wrong("gcloud projects describe "+id+"; set googleProject in the environment's file to a project's id, or have somebody give you a role in it", "%s", brief(err))
	case project.LifecycleState != "ACTIVE":
		return wrong("gcloud projects undelete "+id, "%s is %s", id, project.LifecycleState)
	}
	return good("%s, number %d", id, project.ProjectNumber)
}

func lookAPIs(ctx context.Context, e *examination) finding {
	services, err := e.services(ctx)
	if err != nil {
		return wrong("have somebody give you roles/serviceusage.serviceUsageAdmin in the project: pulumi up asks for the APIs, too", "%s", brief(err))
	}
	var off []string
	for _, s := range services {
		if s.State != "ENABLED" {
			off = append(off, s.Name[strings.LastIndex(s.Name, "/")+1:])
		}
	}
	if len(off) > 0 {
		return warn("pulumi up enables them; or gcloud services enable "+strings.Join(off, " ")+" --project "+e.Environment.GoogleProject, "not enabled: %s", strings.Join(off, ", "))
	}
	return good("%d of %[1]d enabled", len(services))
}

func lookSubject(_ context.Context, e *examination) finding {
	subject := e.Environment.Subject()
	arithmetic := fmt.Sprintf("%d of %d bytes: %d for the account, %d for the role %s, 1, %d for the function %s", len(subject), environment.MaxSubject,
		len(subject)-len(e.Environment.Role)-len(e.Environment.Function)-1, len(e.Environment.Role), e.Environment.Role, len(e.Environment.Function), e.Environment.Function)
	if len(subject) > environment.MaxSubject {
		return wrong("shorten role or function in the environment's file", "%s", arithmetic)
	}
	return good("%s", arithmetic)
}
