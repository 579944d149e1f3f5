package lambda_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

// The test function's executables, built once.
var bootstrap, bootstrap2 []byte

// The first, packed and deployable, once as well: packing is slow under -race.
var bundle []byte

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "lambda-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		for target, version := range map[*[]byte]string{&bootstrap: "one", &bootstrap2: "two"} {
			out := filepath.Join(dir, version)
			build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w -X main.version="+version, "-o", out, "./testdata/function")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "building the test function: %v\n%s", err, text)
				return 1
			}
			if *target, err = os.ReadFile(out); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if bundle, err = pack(map[string][]byte{"bootstrap": bootstrap}, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// cloud is a local AWS with a Lambda and the administrator's clients.
type cloud struct {
	*testing.T
	ctx     context.Context
	core    *aws.Cloud
	server  *lambda.Server
	lambda  *sdk.Client
	iam     *iam.Client
	config  awssdk.Config
	journal *journal.Journal
	role    string        // of functions, without any right
	ahead   *atomic.Int64 // nanoseconds that the cloud's clock is ahead
}

const trust = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

func newCloud(t *testing.T) *cloud {
	t.Helper()
	t.Parallel()
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(web.Close)
	j, ahead := &journal.Journal{}, &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	core, err := aws.New(aws.Options{Account: account, Region: region, Dir: t.TempDir(), URL: web.URL, Journal: j, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	handler = core
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	admin := core.Admin()
	cfg := awssdk.Config{Region: region, BaseEndpoint: &web.URL, HTTPClient: awshttp.Client(), Retryer: func() awssdk.Retryer { return awssdk.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(admin.AccessKeyID, admin.SecretAccessKey, admin.SessionToken)}
	c := &cloud{T: t, ctx: t.Context(), core: core, server: core.Lambda(), lambda: sdk.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), config: cfg, journal: j, ahead: ahead}
	out, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("function"), AssumeRolePolicyDocument: text(trust)})
	if err != nil {
		t.Fatal(err)
	}
	c.role = *out.Role.Arn
	return c
}

func text(s string) *string { return &s }

// pack makes a deployment package.
func pack(files map[string][]byte, mode fs.FileMode) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

func archive(t *testing.T, files map[string][]byte, mode fs.FileMode) []byte {
	t.Helper()
	b, err := pack(files, mode)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func native() types.Architecture {
	if runtime.GOARCH == "arm64" {
		return types.ArchitectureArm64
	}
	return types.ArchitectureX8664
}

func (c *cloud) input(name string) *sdk.CreateFunctionInput {
	return &sdk.CreateFunctionInput{
		FunctionName: &name, Role: &c.role, Runtime: types.RuntimeProvidedal2023, Handler: text("bootstrap"), Architectures: []types.Architecture{native()},
		Code: &types.FunctionCode{ZipFile: bundle},
	}
}

func (c *cloud) create(name string, change ...func(*sdk.CreateFunctionInput)) *sdk.CreateFunctionOutput {
	c.Helper()
	in := c.input(name)
	for _, f := range change {
		f(in)
	}
	out, err := c.lambda.CreateFunction(c.ctx, in)
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// reply is the answer of the test function.
type reply struct {
	Count     int
	Text      string
	RequestID string
	ARN       string
	PID       int
	Version   string
	WD        string
	Left      bool
}

// invoke invokes a function and returns its error, and its answer in into.
func (c *cloud) invoke(name, event string, into any) (functionError, log string) {
	c.Helper()
	out, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		c.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(out.Payload, into); err != nil {
			c.Fatalf("reading %s: %v", out.Payload, err)
		}
	}
	tail, err := base64.StdEncoding.DecodeString(awssdk.ToString(out.LogResult))
	if err != nil {
		c.Fatal(err)
	}
	return awssdk.ToString(out.FunctionError), string(tail)
}

// code is an error as "Code: message".
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
