package clouds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/api/cloudresourcemanager/v1"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/option"
	"google.golang.org/api/orgpolicy/v2"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/serviceusage/v1"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Google are Google's API clients for one environment's project.
type Google struct {
	IAM         *iam.Service
	Projects    *cloudresourcemanager.Service
	Services    *serviceusage.Service
	Storage     *storage.Service
	OrgPolicies *orgpolicy.Service
	PubSub      *pubsub.Service

	env   environment.Environment
	quota string // the quota project that the credentials name, or empty

	once   sync.Once
	number string
}

// userAgent names the product to Google's APIs.
const userAgent = "gcs-to-s3"

// OpenGoogle makes the clients, with the credentials that Pulumi's plugin would use. The
// error says that there are none; whether they are good is seen at the first request.
func OpenGoogle(ctx context.Context, env environment.Environment, getenv func(string) string) (*Google, error) {
	credential, quota, err := findCredentials(ctx, env, getenv)
	if err != nil {
		return nil, err
	}
	at := func(endpoint string) []option.ClientOption {
		opts := []option.ClientOption{credential, option.WithUserAgent(userAgent)}
		if endpoint != "" {
			opts = append(opts, option.WithEndpoint(endpoint))
		}
		return opts
	}
	// The plugin's endpoints end with the version, which these clients add.
	unversioned := func(endpoint string) string {
		return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/v1"), "/v2")
	}
	g := &Google{env: env, quota: quota}
	var errs [6]error
	g.IAM, errs[0] = iam.NewService(ctx, at(unversioned(env.Google.IAM))...)
	g.Projects, errs[1] = cloudresourcemanager.NewService(ctx, at(unversioned(env.Google.ResourceManager))...)
	g.Services, errs[2] = serviceusage.NewService(ctx, at(unversioned(env.Google.ServiceUsage))...)
	forStorage := at(env.Google.Storage)
	if env.BillingProject != "" { // pays for requests to a requester-pays bucket
		forStorage = append(forStorage, option.WithQuotaProject(env.BillingProject))
	}
	g.Storage, errs[3] = storage.NewService(ctx, forStorage...)
	g.OrgPolicies, errs[4] = orgpolicy.NewService(ctx, at(unversioned(env.Google.OrgPolicy))...)
	g.PubSub, errs[5] = pubsub.NewService(ctx, at(unversioned(env.Google.PubSub))...)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("making Google's clients: %w", err)
	}
	return g, nil
}

// Pool is the pool's resource name, with the project's id.
func (g *Google) Pool() string { return g.PoolNamed(g.env.Pool) }

// PoolNamed is the resource name of a pool of the project.
func (g *Google) PoolNamed(id string) string {
	return "projects/" + g.env.GoogleProject + "/locations/global/workloadIdentityPools/" + id
}

// Provider is the provider's resource name.
func (g *Google) Provider() string { return g.Pool() + "/providers/" + g.env.Provider }

// ServiceAccount is the service account's resource name.
func (g *Google) ServiceAccount() string { return g.Account(g.env.ServiceAccountEmail()) }

// RequiredAPIs are the services that the federation and the copy call: "Configure
// Workload Identity Federation with AWS or Azure VMs", before you begin, and Cloud
// Storage itself. Direct access impersonates no service account. Events need Pub/Sub.
func RequiredAPIs(env environment.Environment) []string {
	apis := []string{"iam.googleapis.com", "sts.googleapis.com"}
	if !env.DirectAccess {
		apis = append(apis, "iamcredentials.googleapis.com")
	}
	apis = append(apis, "cloudresourcemanager.googleapis.com", "storage.googleapis.com")
	if env.Events == environment.PullEvents {
		apis = append(apis, PubSubAPI)
	}
	return apis
}

// PubSubAPI is the name of Pub/Sub's API.
const PubSubAPI = "pubsub.googleapis.com"

// Deleted is the state of a pool or provider that can be undeleted, and whose id is
// taken until it expires: IAM API reference, "projects.locations.workloadIdentityPools".
const Deleted = "DELETED"

// between is the pause between two looks at an operation in progress.
const between = 500 * time.Millisecond

// Wait waits for a long-running operation of a pool or a provider that was started
// with op and err, and returns the error of either.
func (g *Google) Wait(ctx context.Context, op *iam.Operation, err error) error {
	for {
		switch {
		case err != nil:
			return err
		case op.Error != nil:
			return errors.New(op.Error.Message)
		case op.Done:
			return nil
		}
		if strings.Contains(op.Name, "/providers/") {
			op, err = g.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Operations.Get(op.Name).Context(ctx).Do()
		} else {
			op, err = g.IAM.Projects.Locations.WorkloadIdentityPools.Operations.Get(op.Name).Context(ctx).Do()
		}
		if err == nil && !op.Done {
			err = Pause(ctx, between)
		}
	}
}
