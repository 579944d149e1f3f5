package sandboxtest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/variables"
)

// bootstrap builds the function, once for all tests of a package.
var bootstrap = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gcs-to-s3-function-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", binary, "github.com/gcs-to-s3/gcs-to-s3/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the function: %w\n%s", err, out)
	}
	return os.ReadFile(binary)
})

// Architecture is the one that functions of this machine have.
func Architecture() environment.Architecture {
	if runtime.GOARCH == "arm64" {
		return environment.ARM64
	}
	return environment.X8664
}

// Variables are the deployed function's, as the function's stack sets them.
func (c *Clouds) Variables() map[string]string {
	e := c.Env
	return map[string]string{
		variables.GoogleCredentials: e.CredentialFileName(),
		variables.GoogleProject:     e.GoogleProject,
		variables.SourceBucket:      e.SourceBucket,
		variables.DestinationBucket: e.DestinationBucket,
		variables.Object:            e.Object,
		variables.DestinationPrefix: e.DestinationPrefix,
		variables.Overwrite:         e.Overwrite,
		variables.SourceChange:      e.SourceChange,
		variables.Concurrency:       strconv.Itoa(e.Concurrency),
		variables.Streams:           strconv.Itoa(e.Streams),
		variables.StorageEndpoint:   e.StorageEndpoint,
		variables.AllowLoopback:     strconv.FormatBool(e.AllowLoopbackEndpoints),
	}
}

// Deploy deploys the function, with the environment's credential configuration in
// its bundle, as the CDK would. Changes are made to the request.
func (c *Clouds) Deploy(t *testing.T, changes ...func(*lambda.CreateFunctionInput)) {
	t.Helper()
	binary, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	bundle := Bundle(t, map[string][]byte{"bootstrap": binary, c.Env.CredentialFileName(): c.Configuration(t).JSON()})
	in := &lambda.CreateFunctionInput{
		FunctionName: &c.Env.Function, Role: aws.String(c.Env.RoleARN()), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Architectures: []types.Architecture{types.Architecture(Architecture())}, Code: &types.FunctionCode{ZipFile: bundle},
		Timeout: aws.Int32(int32(c.Env.TimeoutSeconds)), MemorySize: aws.Int32(int32(c.Env.MemoryMB)),
		Environment: &types.Environment{Variables: c.Variables()}, Tags: c.Env.Mark().Tags(),
	}
	for _, change := range changes {
		change(in)
	}
	if _, err := lambda.NewFromConfig(c.AWSConfig(c.AWS.Admin())).CreateFunction(context.Background(), in); err != nil {
		t.Fatal(err)
	}
}

// Bundle is a deployment package of executable files.
func Bundle(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Replace is a deployment package with another content of one file.
func Replace(t *testing.T, bundle []byte, name string, content []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files[name] = content
	return Bundle(t, files)
}
