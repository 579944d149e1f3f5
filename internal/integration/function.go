package integration

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
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// binary is a deployment package with only the function's binary. It is built and
// packed once for all tests of a package: packing is slow under -race.
var binary = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gcs-to-s3-function-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", file, "github.com/gcs-to-s3/gcs-to-s3/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the function: %w\n%s", err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return pack(nil, map[string][]byte{"bootstrap": content})
})

// Architecture returns the architecture of functions on this machine.
func Architecture() environment.Architecture {
	if runtime.GOARCH == "arm64" {
		return environment.ARM64
	}
	return environment.X8664
}

// Deploy deploys the function, with the environment's credential configuration in
// its bundle, as the CDK would. changes edit the request.
func (c *Clouds) Deploy(t *testing.T, changes ...func(*lambda.CreateFunctionInput)) {
	t.Helper()
	function, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c.DeployBundle(t, Replace(t, function, c.Env.CredentialFileName(), c.Configuration(t).JSON()), changes...)
}

// DeployBundle is like Deploy with another deployment package.
func (c *Clouds) DeployBundle(t *testing.T, bundle []byte, changes ...func(*lambda.CreateFunctionInput)) {
	t.Helper()
	in := &lambda.CreateFunctionInput{
		FunctionName: &c.Env.Function, Role: aws.String(c.Env.RoleARN()), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Architectures: []types.Architecture{types.Architecture(Architecture())}, Code: &types.FunctionCode{ZipFile: bundle},
		Timeout: aws.Int32(int32(c.Env.TimeoutSeconds)), MemorySize: aws.Int32(int32(c.Env.MemoryMB)),
		Environment: &types.Environment{Variables: c.Env.Variables()}, Tags: c.Env.Mark().Tags(),
	}
	for _, change := range changes {
		change(in)
	}
	if _, err := lambda.NewFromConfig(c.AWSConfig(c.AWS.Admin())).CreateFunction(context.Background(), in); err != nil {
		t.Fatal(err)
	}
}

// Bundle returns a deployment package of executable files.
func Bundle(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	bundle, err := pack(nil, files)
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

// Replace returns a deployment package with the content of one file replaced.
func Replace(t *testing.T, bundle []byte, name string, content []byte) []byte {
	t.Helper()
	replaced, err := pack(bundle, map[string][]byte{name: content})
	if err != nil {
		t.Fatal(err)
	}
	return replaced
}

// pack returns a deployment package with another's files, copied as they are, and
// the given files.
func pack(bundle []byte, files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	if bundle != nil {
		r, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
		if err != nil {
			return nil, err
		}
		for _, f := range r.File {
			if _, replaced := files[f.Name]; replaced {
				continue
			}
			if err := z.Copy(f); err != nil {
				return nil, err
			}
		}
	}
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
