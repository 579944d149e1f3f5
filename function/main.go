// Command function is the Lambda: it copies objects from Google Cloud Storage to
// S3 under the identity of its IAM role alone. Google's side knows the role
// through workload identity federation, so there is no key to store.
//
// Settings come from the environment variables of internal/variables; the event
// may override what is copied. Clients and tokens are made once and kept for the
// life of the execution environment.
package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	// The heap is so small that collecting it would be a large share of the CPU; the
	// limit bounds what collecting less often costs in memory.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(16 << 20)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	handler, err := newHandler(os.Getenv, log)
	if err != nil {
		log.Error("starting", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler.Handle)
}
