package infra

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Build is the whole program: the federation of env, its outputs as the stack's,
// and, except in a preview, the credential configuration as the file that the
// function's bundle takes, below root. existing is what Find found.
func Build(ctx *pulumi.Context, env environment.Environment, root string, existing Existing) error {
	args := &FederationArgs{
		Project:        env.GoogleProject,
		AWSAccount:     env.AWSAccount,
		AWSRole:        env.Role,
		ServiceAccount: env.ServiceAccount,
		Pool:           env.Pool,
		Provider:       env.Provider,
		Bucket:         env.SourceBucket,
		ViewProject:    env.ViewerScope == environment.ViewProject,
		Mark:           env.Mark().String(),
		Existing:       existing,
		Credential: credential.Options{
			TokenURL:               env.GoogleTokenURL,
			IAMCredentialsEndpoint: env.IAMCredentialsEndpoint,
			TokenLifetimeSeconds:   env.TokenLifetimeSeconds,
			AllowLoopback:          env.AllowLoopbackEndpoints,
		},
	}
	if env.DirectAccess {
		args.ServiceAccount = ""
	}
	for _, role := range env.Trusted() {
		args.Trusted = append(args.Trusted, TrustedRole{Role{role.Account, role.Name}, env.ProviderOf(role.Account)})
	}
	federation, err := NewFederation(ctx, "gcs-to-s3", args)
	if err != nil {
		return err
	}
	file := env.CredentialFile(root)
	shown, err := filepath.Rel(root, file)
	if err != nil {
		return fmt.Errorf("naming the credential file: %w", err)
	}
	ctx.Export("projectNumber", federation.ProjectNumber)
	ctx.Export("pool", federation.Pool)
	ctx.Export("provider", federation.Provider)
	if !env.DirectAccess {
		ctx.Export("serviceAccountEmail", federation.ServiceAccountEmail)
	}
	if len(args.Trusted) > 0 {
		ctx.Export("trustedConfigurations", federation.TrustedConfigurations)
	}
	ctx.Export("credentialConfiguration", federation.CredentialConfiguration)
	ctx.Export("credentialFile", federation.CredentialConfiguration.ApplyT(func(content string) (string, error) {
		if ctx.DryRun() {
			return shown, nil
		}
		return shown, writeFile(file, []byte(content))
	}))
	return nil
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
