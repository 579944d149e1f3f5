package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// Lifetime is when "gcs-to-s3 prune" can remove an environment of a suite that died.
const Lifetime = 6 * time.Hour

// Life is the life of one environment: gcs-to-s3 up, verify, invoke, status and down, as
// somebody in a shell would run them.
type Life struct {
	Access  sandboxtest.Access
	Name    string   // of the environment, whose file exists
	Root    string   // of the project
	Binary  string   // gcs-to-s3
	Environ []string // of the commands: NAME=value
	Say     func(format string, args ...any)
}

// Settings are an environment's: the place, a suffix and an expiry.
func Settings(place Place, mark string, now time.Time) map[string]string {
	return map[string]string{
		"awsAccount": place.Account, "awsRegion": place.Region, "googleProject": place.Project,
		"sourceBucket": place.SourceBucket, "destinationBucket": place.DestinationBucket,
		"suffix": "-" + mark, "owner": "conformance-suite", "expires": now.Add(Lifetime).UTC().Format(time.RFC3339),
	}
}

// Run lives it. The environment and the objects are removed however it ends, also if ctx
// ends; the error has what failed and what is left.
func (l Life) Run(ctx context.Context) (err error) {
	object := l.Access.Names.Object
	upload := l.Access.Endpoint("storage") + "/upload/storage/v1/b/" + l.Access.Names.SourceBucket +
		"/o?uploadType=media&name=" + url.QueryEscape(object)
	deployed := false
	defer func() { err = errors.Join(err, l.remove(deployed)) }()
	if err := l.google(ctx, http.MethodPost, upload, sandboxtest.Sample); err != nil {
		return fmt.Errorf("uploading %s: %w", object, err)
	}
	for _, args := range [][]string{{"up", l.Name, "--yes"}, {"verify", l.Name}, {"invoke", l.Name}, {"status", l.Name}} {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("before gcs-to-s3 %s: %w", strings.Join(args, " "), err)
		}
		deployed = true // in part, at least
		if err := l.command(args...); err != nil {
			return err
		}
	}
	copied, err := l.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &l.Access.Names.DestinationBucket, Key: &object})
	if err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	defer copied.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(copied.Body); err != nil || content.String() != sandboxtest.Sample {
		return fmt.Errorf("the copy is %q, %w, want %q", content.String(), err, sandboxtest.Sample)
	}
	return nil
}

// remove removes the environment and the objects, whatever has become of ctx.
func (l Life) remove(deployed bool) error {
	var down error
	if deployed {
		down = l.command("down", l.Name, "--yes")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	object := l.Access.Names.Object
	at := l.Access.Endpoint("storage") + "/storage/v1/b/" + l.Access.Names.SourceBucket + "/o/" + url.PathEscape(object)
	source := l.google(ctx, http.MethodDelete, at, "")
	_, destination := l.s3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &l.Access.Names.DestinationBucket, Key: &object})
	return errors.Join(down, source, destination)
}

func (l Life) s3() *s3.Client { return s3.NewFromConfig(l.Access.Configure(l.Access.Owner)) }

// command runs one command to its end: an interruption of the terminal reaches it, too.
func (l Life) command(args ...string) error {
	l.Say("gcs-to-s3 %s", strings.Join(args, " "))
	cmd := exec.Command(l.Binary, args...)
	cmd.Dir, cmd.Env = l.Root, l.Environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("gcs-to-s3 %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (l Life) google(ctx context.Context, method, at, content string) error {
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(content))
	if err != nil {
		return err
	}
	if content != "" {
		r.Header.Set("Content-Type", "text/plain")
	}
	response, err := l.Access.Client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	gone := method == http.MethodDelete && response.StatusCode == http.StatusNotFound
	if response.StatusCode >= http.StatusMultipleChoices && !gone {
		return fmt.Errorf("%s %s: %s", method, r.URL.Path, response.Status)
	}
	return nil
}

// Build compiles gcs-to-s3.
func Build(ctx context.Context, root, binary string) error {
	// Unlike "go build", "go run" keeps the linked executable in the build cache.
	cmd := exec.CommandContext(ctx, "go", "run", "-exec", "cp", root+"/cmd/gcs-to-s3", binary)
	cmd.Env = os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the command line: %w\n%s", err, out)
	}
	return nil
}
