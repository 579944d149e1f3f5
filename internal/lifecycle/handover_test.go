package lifecycle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// build compiles a function.
func build(t *testing.T, program, flags string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w "+flags, "-o", file, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", program, err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// program writes a script to an executable file.
func program(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	scripttest.Write(t, file, "#!/bin/sh\n"+script)
	return file
}

// TestHandOver invokes the function after each request that changes it: the article's code
// works, in another runtime, until the environment's does. Its file of credentials has
// another name.
func TestHandOver(t *testing.T) { // not in parallel: a program that is being written cannot be run
	c := integration.New(t, sandbox.Options{})
	c.Env.Architecture = integration.Architecture()
	c.Bootstrap(t, clouds.DefaultQualifier)
	c.DeployBundle(t, integration.Bundle(t, map[string][]byte{
		"bootstrap": build(t, "./testdata/article", "-X main.endpoint="+c.GoogleURL), "theirs.json": c.Configuration(t).JSON(),
	}), func(in *lambda.CreateFunctionInput) {
		in.Tags, in.Timeout, in.Runtime = nil, aws.Int32(30), types.RuntimeProvidedal2
		in.Environment = &types.Environment{
			Variables: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "theirs.json", "GOOGLE_CLOUD_PROJECT": sandbox.Project},
		}
	})
	// The bundle that the stacks make.
	ours := t.TempDir()
	for name, content := range map[string][]byte{"bootstrap": build(t, "../../function", ""), c.Env.CredentialFileName(): c.Configuration(t).JSON()} {
		if err := os.WriteFile(filepath.Join(ours, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cdk := program(t, `for last; do case "$before" in --output) out="$last";; esac; before="$last"; done
cp -r `+ours+` $out/asset.1
echo '{"files":{"b":{"source":{"path":"asset.1","packaging":"zip"}}}}' > $out/`+c.Env.FunctionStack()+`.assets.json`)

	client := lambda.NewFromConfig(c.AWSConfig(c.AWS.Admin()))
	var whose []string
	invoke := func() {
		out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &c.Env.Function, Payload: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		var answer invocation.Result
		if err := json.Unmarshal(out.Payload, &answer); err != nil || answer.Body != invocation.Transferred {
			whose = append(whose, fmt.Sprintf("%s %s", aws.ToString(out.FunctionError), out.Payload))
		} else if answer.Source == "" { // the article's says no more
			whose = append(whose, "theirs")
		} else {
			whose = append(whose, "ours")
		}
	}
	invoke()
	both := c.Clients(t)
	both.AWS.APIOptions = append(both.AWS.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(
			middleware.InitializeMiddlewareFunc(
				"invoke",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					out, metadata, err := next.HandleInitialize(ctx, in)
					switch in.Parameters.(type) {
					case *lambda.UpdateFunctionCodeInput, *lambda.UpdateFunctionConfigurationInput:
						invoke()
					}
					return out, metadata, err
				},
			),
			middleware.Before,
		)
	})
	a := adopting{
		Lifecycle: New(t.TempDir(), c.Env, cdk, "", os.Environ(), both, progress.Plain(io.Discard)),
		plan:      adoption.Plan{HandOver: true},
	}
	var err error
	if a.assembly, err = a.CDK.Synth(t.Context(), c.Env.FunctionStack()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as after an interruption
		if _, err := a.handOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"theirs", "theirs", "ours", "ours", "ours", "ours", "ours"}
	if diff := cmp.Diff(want, whose); diff != "" {
		t.Errorf("who answered (-want +got):\n%s", diff)
	}
	f, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &c.Env.Function})
	if err != nil {
		t.Fatal(err)
	}
	if f.Runtime != types.RuntimeProvidedal2023 {
		t.Errorf("its runtime is %s", f.Runtime)
	}
	if diff := cmp.Diff(c.Env.Variables(), f.Environment.Variables); diff != "" || int(*f.Timeout) != c.Env.TimeoutSeconds {
		t.Errorf("its timeout is %d, and its variables are (-want +got):\n%s", *f.Timeout, diff)
	}
}

// TestBeside: a package keeps its files, and gets ours, which replace those of the same name
// and can be run.
func TestBeside(t *testing.T) {
	t.Parallel()
	var found bytes.Buffer
	z := zip.NewWriter(&found)
	for name, content := range map[string]string{"bootstrap": "theirs", "lambda_function.py": "handler", "lib/a.py": "a"} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	both, err := beside(
		found.Bytes(),
		fstest.MapFS{"bootstrap": {Data: []byte("ours"), Mode: 0o644}, "clientLibraryConfig.json": {Data: []byte("{}")}},
	)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(both), int64(len(both)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		if got[f.Name] = string(text); f.Name == "bootstrap" && f.Mode().Perm()&0o111 == 0 {
			t.Errorf("bootstrap has the mode %v", f.Mode())
		}
	}
	want := map[string]string{"bootstrap": "ours", "clientLibraryConfig.json": "{}", "lambda_function.py": "handler", "lib/a.py": "a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := beside([]byte("no zip"), fstest.MapFS{}); err == nil {
		t.Error("what is no zip is taken")
	}
}
