package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// deployment is the lifecycle of an environment with a person's own credentials.
type deployment struct{ lifecycle.Lifecycle }

// openDeployment loads an environment and gets the tools that are not there yet.
func openDeployment(ctx context.Context, cmd *cobra.Command, args []string, getenv func(string) string, verbose bool) (deployment, error) {
	env, err := environmentOf(args, getenv)
	if err != nil {
		return deployment{}, err
	}
	root, err := projectRoot()
	if err != nil {
		return deployment{}, err
	}
	both, err := openClouds(ctx, env, getenv)
	if err != nil {
		return deployment{}, err
	}
	p := reporter(cmd.ErrOrStderr(), getenv)
	if verbose {
		p = p.Verbose()
	}
	chain, err := toolchain.New(root)
	if err != nil {
		return deployment{}, err
	}
	tools, err := chain.Deployment()
	if err != nil {
		return deployment{}, err
	}
	if _, err := tools.Get(ctx, p); err != nil {
		return deployment{}, err
	}
	environ, err := environOf(ctx, tools, both)
	if err != nil {
		return deployment{}, err
	}
	return deployment{lifecycle.New(root, env, tools.CDK, tools.Pulumi, environ, both, p)}, nil
}

// unlockFlag adds the flag that gets past locks of other machines.
func unlockFlag(cmd *cobra.Command, age *time.Duration) {
	cmd.Flags().
		DurationVar(age, "unlock-after", 0, "remove another machine's lock on Pulumi's state if it is at least this old, such as 2h")
}

// forgetState removes Pulumi's stack of an environment whose file is lost, if the
// machine has a Pulumi command line.
func forgetState(
	ctx context.Context,
	env environment.Environment,
	mark environment.Mark,
	both clouds.Pair,
	p *progress.Reporter,
	unlockAfter time.Duration,
) (string, error) {
	const hint = "the state in Pulumi, if there is any, stays; `pulumi stack rm %s --force` removes it"
	root, err := projectRoot()
	if err != nil {
		return "", err
	}
	chain, err := toolchain.New(root)
	if err != nil {
		return "", err
	}
	tools, err := chain.Deployment()
	if err == nil {
		_, err = os.Stat(tools.Pulumi)
	}
	if err != nil {
		return fmt.Sprintf("there is no Pulumi command line: "+hint, env.Name), nil
	}
	environ, err := environOf(ctx, tools, both)
	if err != nil {
		return "", err
	}
	l := lifecycle.New(root, env, tools.CDK, tools.Pulumi, environ, both, p)
	l.UnlockAfter = unlockAfter
	return l.ForgetState(ctx, mark)
}

// environOf is the environment of the engines' commands.
func environOf(ctx context.Context, tools toolchain.Set, both clouds.Pair) ([]string, error) {
	environ, err := clouds.Environ(ctx, both.AWS, os.Environ())
	return append(environ, "PATH="+tools.Path(os.Getenv("PATH")), "PULUMI_SKIP_UPDATE_CHECK=true",
		// Node.js versions on which the CDK works but whose end of life has come.
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20,22", "NODE_NO_WARNINGS=1"), err
}

// openClouds opens both clouds' clients for an environment.
func openClouds(ctx context.Context, env environment.Environment, getenv func(string) string) (clouds.Pair, error) {
	aws, err := clouds.OpenAWS(ctx, env)
	if err == nil {
		err = clouds.CheckAccount(ctx, aws, env)
	}
	if err != nil {
		return clouds.Pair{}, err
	}
	google, err := clouds.OpenGoogle(ctx, env, getenv)
	return clouds.Pair{AWS: aws, Google: google}, err
}
