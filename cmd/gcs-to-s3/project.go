package main

import (
	"cmp"
	"os"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// projectRoot is the folder of the project that the working directory is in.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return toolchain.FindRoot(dir)
}

// environmentOf loads the environment that the arguments name, or else the one
// that is Pulumi's stack by PULUMI_STACK, or else the default: as cdk does.
func environmentOf(args []string, getenv func(string) string) (environment.Environment, error) {
	root, err := projectRoot()
	if err != nil {
		return environment.Environment{}, err
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	return environment.Load(root, cmp.Or(name, getenv("PULUMI_STACK"), environment.Default))
}
