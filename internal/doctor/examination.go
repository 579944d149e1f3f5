package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"google.golang.org/api/cloudresourcemanager/v1"
	"google.golang.org/api/googleapi"
	googleiam "google.golang.org/api/iam/v1"
	"google.golang.org/api/serviceusage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// fact is something that several checks ask for, and that is asked of a cloud once.
type fact[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (f *fact[T]) get(look func() (T, error)) (T, error) {
	f.once.Do(func() { f.value, f.err = look() })
	return f.value, f.err
}

// examination is one run, with what it has learned.
type examination struct {
	Options

	facts struct {
		identity fact[*sts.GetCallerIdentityOutput]
		role     fact[*iamtypes.Role]
		function fact[*lambda.GetFunctionOutput]
		bundle   fact[[]byte]
		stacks   map[string]*fact[*cloudformationtypes.Stack]

		project  fact[*cloudresourcemanager.Project]
		services fact[[]*serviceusage.GoogleApiServiceusageV1Service]
		pool     fact[*googleiam.WorkloadIdentityPool]
		provider fact[*googleiam.WorkloadIdentityPoolProvider]
		account  fact[*googleiam.ServiceAccount]
	}
}

func newExamination(o Options) *examination {
	e := &examination{Options: o}
	e.facts.stacks = map[string]*fact[*cloudformationtypes.Stack]{o.Environment.RoleStack(): {}, o.Environment.FunctionStack(): {}}
	return e
}

// errMissing is that something does not exist.
var errMissing = errors.New("it does not exist")

// isMissing tells whether an error says that something does not exist; that an API
// is not enabled says nothing.
func isMissing(err error) bool {
	var google *googleapi.Error
	return errors.Is(err, errMissing) || errors.As(err, &google) && google.Code == http.StatusNotFound
}

func (e *examination) identity(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
	return e.facts.identity.get(func() (*sts.GetCallerIdentityOutput, error) {
		if e.AWSProblem != nil {
			return nil, e.AWSProblem
		}
		return sts.NewFromConfig(e.AWS).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
}

func (e *examination) role(ctx context.Context) (*iamtypes.Role, error) {
	return e.facts.role.get(func() (*iamtypes.Role, error) {
		out, err := iam.NewFromConfig(e.AWS).GetRole(ctx, &iam.GetRoleInput{RoleName: &e.Environment.Role})
		if clouds.Code(err) == "NoSuchEntity" {
			return nil, errMissing
		}
		if err != nil {
			return nil, err
		}
		return out.Role, nil
	})
}

func (e *examination) function(ctx context.Context) (*lambda.GetFunctionOutput, error) {
	return e.facts.function.get(func() (*lambda.GetFunctionOutput, error) {
		out, err := lambda.NewFromConfig(e.AWS).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &e.Environment.Function})
		if clouds.Code(err) == "ResourceNotFoundException" {
			return nil, errMissing
		}
		return out, err
	})
}

func (e *examination) stack(ctx context.Context, name string) (*cloudformationtypes.Stack, error) {
	return e.facts.stacks[name].get(func() (*cloudformationtypes.Stack, error) {
		stack, err := inventory.Stack(ctx, cloudformation.NewFromConfig(e.AWS), name)
		if err == nil && stack == nil {
			err = errMissing
		}
		return stack, err
	})
}

func (e *examination) project(ctx context.Context) (*cloudresourcemanager.Project, error) {
	return e.facts.project.get(func() (*cloudresourcemanager.Project, error) {
		if e.GoogleProblem != nil {
			return nil, e.GoogleProblem
		}
		return e.Google.Projects.Projects.Get(e.Environment.GoogleProject).Context(ctx).Do()
	})
}

func (e *examination) services(ctx context.Context) ([]*serviceusage.GoogleApiServiceusageV1Service, error) {
	return e.facts.services.get(func() ([]*serviceusage.GoogleApiServiceusageV1Service, error) {
		if e.GoogleProblem != nil {
			return nil, e.GoogleProblem
		}
		parent := "projects/" + e.Environment.GoogleProject
		var names []string
		for _, api := range clouds.RequiredAPIs(e.Environment.DirectAccess) {
			names = append(names, parent+"/services/"+api)
		}
		out, err := e.Google.Services.Services.BatchGet(parent).Names(names...).Context(ctx).Do()
		if err != nil {
			return nil, err
		}
		return out.Services, nil
	})
}

// projectNumber is the project's number, or empty when nobody says it.
func (e *examination) projectNumber(ctx context.Context) string {
	if project, err := e.project(ctx); err == nil {
		return fmt.Sprint(project.ProjectNumber)
	}
	if services, err := e.services(ctx); err == nil && len(services) > 0 {
		return strings.TrimPrefix(services[0].Parent, "projects/")
	}
	return ""
}

func (e *examination) pool(ctx context.Context) (*googleiam.WorkloadIdentityPool, error) {
	return e.facts.pool.get(func() (*googleiam.WorkloadIdentityPool, error) {
		return e.Google.IAM.Projects.Locations.WorkloadIdentityPools.Get(e.Google.Pool()).Context(ctx).Do()
	})
}

func (e *examination) provider(ctx context.Context) (*googleiam.WorkloadIdentityPoolProvider, error) {
	return e.facts.provider.get(func() (*googleiam.WorkloadIdentityPoolProvider, error) {
		return e.Google.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Get(e.Google.Provider()).Context(ctx).Do()
	})
}

func (e *examination) account(ctx context.Context) (*googleiam.ServiceAccount, error) {
	return e.facts.account.get(func() (*googleiam.ServiceAccount, error) {
		return e.Google.IAM.Projects.ServiceAccounts.Get(e.Google.ServiceAccount()).Context(ctx).Do()
	})
}

// federated tells whether the federation stands as far as this check needs it.
func (e *examination) federated(ctx context.Context) bool {
	_, err := e.provider(ctx)
	return err == nil
}
