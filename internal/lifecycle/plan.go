package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Plan shows what Up would change, as reported by the engines. A preview
// needs a stack in Pulumi's state; the returned function removes it again if
// it was not there before.
func (l Lifecycle) Plan(ctx context.Context, w io.Writer) (forget func(context.Context) error, err error) {
	existed := false
	var sections [][2]string
	_, err = l.Progress.Perform(ctx,
		[]progress.Act{l.act("pulumi preview: the federation", func(ctx context.Context) (string, error) {
			var err error
			if _, existed, err = l.Pulumi.Resources(ctx); err != nil {
				return "", err
			}
			if err := l.Pulumi.Select(ctx); err != nil {
				return "", err
			}
			text, err := l.Pulumi.Preview(ctx)
			sections = append(sections, [2]string{"Google Cloud: the federation", text})
			return "", err
		})},
		[]progress.Act{l.act("cdk diff: the role and the function", func(ctx context.Context) (string, error) {
			_, err := os.Stat(l.Env.CredentialFile(l.Root))
			if errors.Is(err, fs.ErrNotExist) {
				text, err := l.CDK.Diff(ctx, l.Env.RoleStack())
				text = strings.TrimRight(text, "\n") + "\n\nNew: the function " + l.Env.Function + " and its log group. Nothing to compare yet: the bundle needs the credential\nconfiguration, which the federation creates."
				sections = append(sections, [2]string{"AWS: the role and the function", text})
				return "", err
			}
			if err != nil {
				return "", err
			}
			text, err := l.CDK.Diff(ctx, l.Env.RoleStack(), l.Env.FunctionStack())
			sections = append(sections, [2]string{"AWS: the role and the function", text})
			return "", err
		})},
	)
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		fmt.Fprintf(w, "\n── %s\n%s\n", s[0], strings.TrimRight(s[1], "\n"))
	}
	fmt.Fprintln(w)
	return func(ctx context.Context) error {
		if existed {
			return nil
		}
		return l.Pulumi.Remove(ctx)
	}, nil
}
