package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"google.golang.org/api/cloudresourcemanager/v1"
	googleiam "google.golang.org/api/iam/v1"
	"google.golang.org/api/serviceusage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// fact is something that several checks need, and that a cloud is asked for once.
type fact[T any] struct {
	once   sync.Once
	answer clouds.Answer[T]
}

func (f *fact[T]) get(ask func() clouds.Answer[T]) clouds.Answer[T] {
	f.once.Do(func() { f.answer = ask() })
	return f.answer
}

// bundle is what the deployed bundle has of the credential configuration.
type bundle struct {
	once    sync.Once
	content []byte // nil if it has none
	err     error
}

// stacks are the stacks of the environment's names, with whose they are.
type stacks struct {
	once  sync.Once
	items []inventory.Item
	err   error
}

// examination is one run, with what it has found out.
type examination struct {
	Options

	bundle bundle
	own    stacks
	facts  struct {
		identity fact[*sts.GetCallerIdentityOutput]
		role     fact[*iamtypes.Role]
		function fact[*lambda.GetFunctionOutput]
		stacks   map[string]*fact[cfntypes.Stack]

		project  fact[*cloudresourcemanager.Project]
		services fact[[]*serviceusage.GoogleApiServiceusageV1Service]
		pool     fact[*googleiam.WorkloadIdentityPool]
		provider fact[*googleiam.WorkloadIdentityPoolProvider]
		account  fact[*googleiam.ServiceAccount]
	}
}

func newExamination(o Options) *examination {
	e := &examination{Options: o}
	e.facts.stacks = map[string]*fact[cfntypes.Stack]{o.Environment.RoleStack(): {}, o.Environment.FunctionStack(): {}}
	return e
}

func (e *examination) identity(ctx context.Context) clouds.Answer[*sts.GetCallerIdentityOutput] {
	return e.facts.identity.get(func() clouds.Answer[*sts.GetCallerIdentityOutput] {
		if e.AWSProblem != nil {
			return clouds.Unopened[*sts.GetCallerIdentityOutput]("AWS", e.AWSProblem)
		}
		return clouds.Identity(ctx, e.AWS)
	})
}

func (e *examination) role(ctx context.Context) clouds.Answer[*iamtypes.Role] {
	return e.facts.role.get(func() clouds.Answer[*iamtypes.Role] { return clouds.Role(ctx, e.AWS, e.Environment.Role) })
}

func (e *examination) function(ctx context.Context) clouds.Answer[*lambda.GetFunctionOutput] {
	return e.facts.function.get(func() clouds.Answer[*lambda.GetFunctionOutput] {
		return clouds.Function(ctx, e.AWS, e.Environment.Function)
	})
}

func (e *examination) stack(ctx context.Context, name string) clouds.Answer[cfntypes.Stack] {
	return e.facts.stacks[name].get(func() clouds.Answer[cfntypes.Stack] { return clouds.Stack(ctx, e.AWS, name) })
}

func (e *examination) stacks(ctx context.Context) *stacks {
	e.own.once.Do(func() { e.own.items, e.own.err = inventory.Stacks(ctx, e.AWS, e.Environment) })
	return &e.own
}

func (e *examination) project(ctx context.Context) clouds.Answer[*cloudresourcemanager.Project] {
	return e.facts.project.get(func() clouds.Answer[*cloudresourcemanager.Project] {
		if e.GoogleProblem != nil {
			return clouds.Unopened[*cloudresourcemanager.Project]("Google", e.GoogleProblem)
		}
		return e.Google.Project(ctx)
	})
}

func (e *examination) services(ctx context.Context) clouds.Answer[[]*serviceusage.GoogleApiServiceusageV1Service] {
	return e.facts.services.get(func() clouds.Answer[[]*serviceusage.GoogleApiServiceusageV1Service] {
		if e.GoogleProblem != nil {
			return clouds.Unopened[[]*serviceusage.GoogleApiServiceusageV1Service]("Google", e.GoogleProblem)
		}
		return e.Google.APIs(ctx, clouds.RequiredAPIs(e.Environment)...)
	})
}

// projectNumber is the project's number, or empty where it cannot be seen.
func (e *examination) projectNumber(ctx context.Context) string {
	if project := e.project(ctx); project.There() {
		return fmt.Sprint(project.Thing.ProjectNumber)
	}
	if services := e.services(ctx).Thing; len(services) > 0 {
		return strings.TrimPrefix(services[0].Parent, "projects/")
	}
	return ""
}

func (e *examination) pool(ctx context.Context) clouds.Answer[*googleiam.WorkloadIdentityPool] {
	return e.facts.pool.get(func() clouds.Answer[*googleiam.WorkloadIdentityPool] {
		return e.Google.PoolByID(ctx, e.Environment.Pool)
	})
}

func (e *examination) provider(ctx context.Context) clouds.Answer[*googleiam.WorkloadIdentityPoolProvider] {
	return e.facts.provider.get(func() clouds.Answer[*googleiam.WorkloadIdentityPoolProvider] {
		return e.Google.ProviderByID(ctx, e.Environment.Pool, e.Environment.Provider)
	})
}

func (e *examination) account(ctx context.Context) clouds.Answer[*googleiam.ServiceAccount] {
	return e.facts.account.get(func() clouds.Answer[*googleiam.ServiceAccount] {
		return e.Google.AccountByEmail(ctx, e.Environment.ServiceAccountEmail())
	})
}

// federated reports whether the federation is deployed, as far as a check can see. A
// deleted provider is all that gcs-to-s3 down leaves; next to a function or a service
// account it is a provider that somebody deleted.
func (e *examination) federated(ctx context.Context) bool {
	provider := e.provider(ctx)
	switch {
	case !provider.There():
		return false
	case provider.Thing.State != clouds.Deleted:
		return true
	}
	return !e.Environment.DirectAccess && e.account(ctx).There() || e.identity(ctx).There() && e.function(ctx).There()
}
