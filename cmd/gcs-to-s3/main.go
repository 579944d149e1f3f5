// Command gcs-to-s3 adds order, checks and a local sandbox to the deployment that
// `cdk` and `pulumi` make. Each command is one file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot(os.Stdout, os.Stderr, os.Getenv).ExecuteContext(clouds.WithMFA(ctx, &clouds.MFA{})); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code := 1
		var exit exitError
		if errors.As(err, &exit) {
			code = exit.code
		}
		os.Exit(code)
	}
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	error
}

func (e exitError) Unwrap() error { return e.error }
