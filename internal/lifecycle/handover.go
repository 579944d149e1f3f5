package lifecycle

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// updating is how long an update of a function may take: it is usually some seconds.
const updating = 5 * time.Minute

// handOver changes the function from what somebody else wrote to the environment's code and
// settings. Lambda changes code and settings by two requests, and invocations come between
// them; so each state works as it is:
//
//  1. the old code, with the environment's variables beside its own;
//  2. the environment's code beside the old, as the old settings choose;
//  3. the environment's settings, which choose its code.
//
// The deployment that follows leaves only the environment's code.
func (a *adopting) handOver(ctx context.Context) (string, error) {
	if !a.plan.HandOver {
		return "nothing to do", nil
	}
	function := clouds.Function(ctx, a.Clouds.AWS, a.Env.Function)
	if !function.There() {
		return "", function.Err()
	}
	found, err := clouds.Bundle(ctx, http.DefaultClient, function.Thing)
	if err != nil {
		return "", err
	}
	dir, err := a.assembly.Bundle(a.Env.FunctionStack())
	if err != nil {
		return "", err
	}
	both, err := beside(found, os.DirFS(dir))
	if err != nil {
		return "", fmt.Errorf("adding the environment's code to that of %s: %w", a.Env.Function, err)
	}
	key, err := a.keep(ctx, both)
	if err != nil {
		return "", err
	}
	c, name, wanted := lambda.NewFromConfig(a.Clouds.AWS), a.Env.Function, a.Env.Variables()
	variables := maps.Clone(wanted)
	if e := function.Thing.Configuration.Environment; e != nil {
		maps.Copy(variables, e.Variables) // the old code's own
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"adding the environment's variables", func() error {
			_, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &name, Environment: &types.Environment{Variables: variables},
			})
			return err
		}},
		{"adding the environment's code", func() error {
			_, err := c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &name, S3Bucket: aws.String(a.bucket()), S3Key: &key})
			return err
		}},
		{"choosing the environment's code", func() error {
			_, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &name, Environment: &types.Environment{Variables: wanted},
				Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
				Timeout: aws.Int32(int32(a.Env.TimeoutSeconds)), MemorySize: aws.Int32(int32(a.Env.MemoryMB)),
			})
			return err
		}},
	} {
		a.Progress.Say(step.what)
		err := step.do()
		if err == nil {
			err = updated(ctx, c, name)
		}
		if err != nil {
			return "", fmt.Errorf("%s to the function %s: %w", step.what, name, err)
		}
	}
	return name, nil
}

// beside is a deployment package with the files of another, and those of a folder, which
// replace files of the same name. All are executable, as Lambda needs the program.
func beside(found []byte, files fs.FS) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	own := map[string]bool{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		own[name] = true
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, bytes.NewReader(content))
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := zip.NewReader(bytes.NewReader(found), int64(len(found)))
	if err != nil {
		return nil, err
	}
	for _, f := range r.File {
		if own[f.Name] {
			continue
		}
		if err := z.Copy(f); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
