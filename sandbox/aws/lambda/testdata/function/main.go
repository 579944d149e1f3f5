// Command function is the Lambda function of the tests: it does what its event asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string
	Text string
	Size int
}

var count int

// version is set when the second version of the code is built.
var version = "one"

func handle(ctx context.Context, e event) (any, error) {
	count++
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	switch e.Do {
	case "environment":
		return os.Environ(), nil
	case "fail":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		fmt.Println("going")
		os.Exit(e.Size)
	case "hang":
		fmt.Println("hanging")
		<-make(chan struct{}, 0)
	case "big":
		return strings.Repeat("x", e.Size), nil
	case "allocate":
		b := make([]byte, e.Size)
		for i := range b {
			b[i] = 1
		}
		time.Sleep(time.Minute)
		return len(b), nil
	case "log":
		fmt.Println(e.Text)
	}
	wd, _ := os.Getwd()
	return map[string]any{
		"count": count, "text": e.Text, "requestID": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "pid": os.Getpid(), "version": version,
		"wd": wd, "left": time.Until(deadline) > 0,
	}, nil
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		fmt.Fprintln(os.Stderr, "cannot start")
		os.Exit(3)
	}
	lambda.Start(handle)
}
