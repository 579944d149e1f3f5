package integration

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// binary is a deployment package with only the function's binary. It is built
// once for all tests of a package.
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

// DeployBundle is like Deploy with another deployment package. Lambda gets it from a bucket,
// as from the CDK's, which is gone afterwards: to decode it from JSON takes long under -race.
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
	files, bucket, key := s3.NewFromConfig(c.AWSConfig(c.AWS.Admin())), aws.String("bundle-of-"+c.Env.Function), aws.String("bundle.zip")
	if _, err := files.CreateBucket(context.Background(), sandboxtest.Bucket(*bucket)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, err := files.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: bucket, Key: key})
		if err == nil {
			_, err = files.DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: bucket})
		}
		if err != nil {
			t.Error(err)
		}
	}()
	if _, err := files.PutObject(context.Background(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(in.Code.ZipFile)}); err != nil {
		t.Fatal(err)
	}
	in.Code = &types.FunctionCode{S3Bucket: bucket, S3Key: key}
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
		h := &zip.FileHeader{Name: name, Method: zip.Store} // nothing has to be inflated for each function
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
