package infra

import (
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Existing are resources of a federation that exist already. Pulumi takes them into its
// state if it does not know them. Each is a resource's name, or empty if there is none.
type Existing struct {
	ServiceAccount string
	Pool           string
	Providers      map[string]string // by their ids
	Topics         map[string]string // by their ids
	Subscriptions  map[string]string // by their ids
	Notification   string            // of the source bucket

	// SourceProject is the number of the project that has the source bucket, or empty if
	// that cannot be seen.
	SourceProject string

	// AsFound takes them over as they are, for another update to bring them to what the
	// program says. Pulumi does not import what differs from the program: Pulumi
	// documentation, "Importing resources".
	AsFound bool
}

// differing are the properties in which what somebody else made may differ from the program.
// None of them makes a new resource.
var differing = pulumi.IgnoreChanges([]string{"displayName", "description", "attributeMapping", "attributeCondition"})

// bookkeeping is the option that adds the environment's mark to the federation's
// resources, and takes over those that exist. It belongs to this program: the component
// knows nothing of it.
func bookkeeping(env environment.Environment, existing Existing) pulumi.ResourceOption {
	return pulumi.Transformations([]pulumi.ResourceTransformation{func(r *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		var found string
		switch props := r.Props.(type) {
		case *serviceaccount.AccountArgs:
			found = existing.ServiceAccount
			props.DisplayName = pulumi.String(environment.AccountDisplayName)
			props.Description = marked(pulumi.String("Read by the AWS role "+env.Role), env)
		case *iam.WorkloadIdentityPoolArgs:
			found = existing.Pool
			props.Description = marked(props.Description, env)
		case *iam.WorkloadIdentityPoolProviderArgs:
			found = existing.Providers[providerOf(env, r.Name)]
			props.Description = marked(props.Description, env)
		default:
			return nil
		}
		opts := r.Opts
		if found != "" {
			opts = append(opts, pulumi.Import(pulumi.ID(found)))
			if existing.AsFound {
				opts = append(opts, differing)
			}
		}
		return &pulumi.ResourceTransformationResult{Props: r.Props, Opts: opts}
	}})
}

// marked is a description with the environment's mark behind it.
func marked(description pulumi.StringPtrInput, env environment.Environment) pulumi.StringPtrInput {
	return description.ToStringPtrOutput().Elem().ApplyT(func(text string) string { return text + " " + env.Mark().String() }).(pulumi.StringOutput)
}

// providerOf is the id of a provider by the name of its resource: the component names
// the first account's after itself, and the others also after their accounts.
func providerOf(env environment.Environment, resource string) string {
	for _, role := range env.Trusted() {
		if resource == component+"-"+role.Account && role.Account != env.AWSAccount {
			return env.ProviderOf(role.Account)
		}
	}
	return env.Provider
}
