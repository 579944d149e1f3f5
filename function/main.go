// Command function is the Lambda: it copies objects from Google Cloud Storage to
// S3 under the identity of its IAM role alone. Google's side knows the role
// through workload identity federation, so there is no key to store.
//
// Package invocation has its events, answers and settings, and package copy what it
// does. As the function for bulk jobs it does the steps of package bulk, and as the function
// for events it is the worker of package events.
package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/events"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func main() {
	// The heap is so small that collecting it would be a large share of the CPU; the
	// limit bounds what collecting less often costs in memory.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(16 << 20)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	handler, err := copy.NewHandler(os.Getenv, log)
	if err != nil {
		log.Error("starting", "error", err.Error())
		os.Exit(1)
	}
	if os.Getenv(invocation.EnvEventsSubscription) != "" {
		worker, err := events.NewWorker(handler, os.Getenv, log)
		if err != nil {
			log.Error("starting", "error", err.Error())
			os.Exit(1)
		}
		lambda.Start(worker.Handle)
		return
	}
	bucket := os.Getenv(invocation.EnvJobsBucket)
	if bucket == "" {
		lambda.Start(handler.Handle)
		return
	}
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(math.MaxInt64) // a shard is in memory as a whole
	lambda.Start(bulk.NewWorker(handler, bucket, bulk.Settings{
		SourceBucket:      os.Getenv(invocation.EnvSourceBucket),
		DestinationBucket: os.Getenv(invocation.EnvDestinationBucket),
		DestinationPrefix: os.Getenv(invocation.EnvDestinationPrefix),
		KeyTemplate:       os.Getenv(invocation.EnvKeyTemplate),
	}, log.With("Function", os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))).Handle)
}
