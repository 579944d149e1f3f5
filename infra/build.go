// Package infra is Google's side as a Pulumi program: the federation through which
// the function's role, and others that are trusted, read the source bucket, as a
// service account or as themselves. It makes no key.
//
// Build is the program, Find looks for what it takes over. The federation itself is
// the component of package federation, which other programs use, too; here are only
// an environment's names and the bookkeeping of this command line.
package infra

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// component is the name of the federation, and begins the names of its resources.
const component = "gcs-to-s3"

// roleObjectViewer lets its members read objects: IAM documentation, "IAM basic and
// predefined roles reference".
const roleObjectViewer = "roles/storage.objectViewer"

// roleServiceUser lets its members make requests that a project pays for: Cloud Storage
// documentation, "Use Requester Pays".
const roleServiceUser = "roles/serviceusage.serviceUsageConsumer"

// Build is the whole program: the federation of env, its outputs as the stack's,
// and, except in a preview, the credential configuration as the file that the
// function's bundle takes, below root. existing is what Find found.
func Build(ctx *pulumi.Context, env environment.Environment, root string, existing Existing) error {
	args := arguments(env)
	f, err := federation.New(ctx, component, args, bookkeeping(env, existing))
	if err != nil {
		return err
	}
	if env.Events == environment.PullEvents {
		if err := notify(ctx, env, f, existing); err != nil {
			return fmt.Errorf("building the events: %w", err)
		}
	}
	file := env.CredentialFile(root)
	shown, err := filepath.Rel(root, file)
	if err != nil {
		return fmt.Errorf("naming the credential file: %w", err)
	}
	ctx.Export("projectNumber", f.ProjectNumber)
	ctx.Export("pool", f.Pool)
	ctx.Export("provider", f.Provider)
	if !env.DirectAccess {
		ctx.Export("serviceAccountEmail", f.ServiceAccountEmail)
	}
	if len(env.Trusted()) > 0 {
		ctx.Export("trustedConfigurations", f.CredentialConfigurations.ApplyT(func(all map[string]string) map[string]string {
			further := maps.Clone(all)
			delete(further, env.AWSAccount) // which is the function's own
			return further
		}))
	}
	ctx.Export("credentialConfiguration", f.CredentialConfiguration)
	ctx.Export("credentialFile", f.CredentialConfiguration.ApplyT(func(content string) (string, error) {
		if ctx.DryRun() {
			return shown, nil
		}
		return shown, writeFile(file, []byte(content))
	}))
	return nil
}

// arguments are those of an environment's federation.
func arguments(env environment.Environment) *federation.Args {
	own := federation.Role{Name: pulumi.String(env.Role), Session: pulumi.String(env.Function)}
	args := &federation.Args{
		Project:  pulumi.String(env.GoogleProject),
		Pool:     pulumi.String(env.Pool),
		Accounts: []federation.Account{{ID: pulumi.String(env.AWSAccount), Provider: pulumi.String(env.Provider), Roles: []federation.Role{own}}},
		Grants: []federation.Grant{
			{On: federation.Bucket(pulumi.String(env.SourceBucket)), Roles: pulumi.StringArray{pulumi.String(roleObjectViewer)}},
		},
		APIs: clouds.RequiredAPIs(env),
		Credential: federation.Credential{
			TokenURL:               env.GoogleTokenURL,
			IAMCredentialsEndpoint: env.IAMCredentialsEndpoint,
			TokenLifetimeSeconds:   env.TokenLifetimeSeconds,
			AllowLoopback:          env.AllowLoopbackEndpoints,
		},
	}
	if env.ViewerScope == environment.ViewProject {
		args.Grants[0].On = federation.Project(pulumi.String(env.GoogleProject))
	}
	if !env.DirectAccess {
		args.ServiceAccount = pulumi.String(env.ServiceAccount)
	}
	if env.BillingProject != "" {
		args.Grants = append(
			args.Grants,
			federation.Grant{On: federation.Project(pulumi.String(env.BillingProject)), Roles: pulumi.StringArray{pulumi.String(roleServiceUser)}},
		)
	}
	places := map[string]int{env.AWSAccount: 0}
	for _, role := range env.Trusted() {
		i, ok := places[role.Account]
		if !ok {
			i = len(args.Accounts)
			places[role.Account] = i
			args.Accounts = append(
				args.Accounts,
				federation.Account{ID: pulumi.String(role.Account), Provider: pulumi.String(env.ProviderOf(role.Account))},
			)
		}
		args.Accounts[i].Roles = append(args.Accounts[i].Roles, federation.Role{Name: pulumi.String(role.Name)})
	}
	return args
}

// writeFile replaces a file whole: a reader sees the old content or the new.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing credential configuration: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing credential configuration: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing credential configuration to %s: %w", path, err)
	}
	return nil
}
