// Command gcp-stand-in is a Pulumi resource plugin that stands in for
// pulumi-resource-gcp where that is unavailable. It manages the few resource
// types of this repository's program with the real plugin's names, inputs,
// outputs and ids, against the endpoints of the same configuration keys. It is no
// replacement: every other type, input and configuration key is rejected by name.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"

	"github.com/gcs-to-s3/gcs-to-s3/tools/lifeline"
)

// version is the version of the real plugin that this one stands in for.
const version = "7.38.0"

func main() {
	go lifeline.Hold()
	if err := provider.RunProvider(context.Background(), "gcp", version, newPlugin().provider()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
