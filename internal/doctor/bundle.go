package doctor

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
)

// local is the credential configuration that `pulumi up` wrote here.
func (e *examination) local() ([]byte, error) {
	return os.ReadFile(e.Environment.CredentialFile(e.Root))
}

// bundled is the credential configuration in the deployed bundle. Lambda gives the
// bundle's address, which needs no other credentials. The function exists.
func (e *examination) bundled(ctx context.Context) ([]byte, error) {
	e.bundle.once.Do(func() { e.bundle.content, e.bundle.err = e.fetch(ctx) })
	return e.bundle.content, e.bundle.err
}

func (e *examination) fetch(ctx context.Context) ([]byte, error) {
	data, err := clouds.Bundle(ctx, e.HTTP, e.function(ctx).Thing)
	if err != nil {
		return nil, err
	}
	return member(data, e.Environment.CredentialFileName())
}

// member reads one file of a zip.
func member(data []byte, name string) ([]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	file, err := archive.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	defer file.Close()
	return io.ReadAll(file)
}

// differences are what a configuration and the environment or the clouds disagree
// about.
func (e *examination) differences(ctx context.Context, data []byte) []string {
	env := e.Environment
	c, err := credential.Parse(data)
	if err == nil {
		err = c.Check(env.AllowLoopbackEndpoints)
	}
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	differs := func(what, got, want string) {
		if got != want {
			out = append(out, fmt.Sprintf("%s %s, not %s", what, cmp.Or(got, "none"), cmp.Or(want, "none")))
		}
	}
	names, err := c.Names()
	if err != nil {
		return []string{err.Error()}
	}
	if number := e.projectNumber(ctx); number != "" {
		differs("it names the project", names.ProjectNumber, number)
	}
	differs("the pool", names.Pool, env.Pool)
	differs("the provider", names.Provider, env.Provider)
	differs("the token URL", c.TokenURL, env.GoogleTokenURL)
	differs("the service account", names.ServiceAccount, env.ServiceAccountEmail())
	if c.ServiceAccountImpersonationURL != "" {
		if !strings.HasPrefix(c.ServiceAccountImpersonationURL, strings.TrimSuffix(env.IAMCredentialsEndpoint, "/")+"/") {
			differs("the impersonation URL", c.ServiceAccountImpersonationURL, env.IAMCredentialsEndpoint+"/…")
		}
		lifetime := 0
		if i := c.ServiceAccountImpersonation; i != nil {
			lifetime = i.TokenLifetimeSeconds
		}
		differs("the lifetime", fmt.Sprint(lifetime), fmt.Sprint(env.TokenLifetimeSeconds))
	}
	return out
}

func lookConfiguration(ctx context.Context, e *examination) finding {
	mend := "`pulumi up --refresh --stack " + e.Environment.Name + "`"
	data, err := e.local()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !e.federated(ctx):
		return notDeployed()
	case errors.Is(err, fs.ErrNotExist):
		return warn(mend+" writes it; the function's stack needs it", "there is no %s, although the federation is deployed", e.Environment.CredentialFile("."))
	case err != nil:
		return unseen(err)
	}
	if wrongs := e.differences(ctx, data); len(wrongs) > 0 {
		return wrong(mend, "%s: %s", e.Environment.CredentialFile("."), strings.Join(wrongs, "; "))
	}
	return good("%s names the federation", e.Environment.CredentialFile("."))
}

func lookBundle(ctx context.Context, e *examination) finding {
	mend := diagnosis.Explain(e.Environment, "other-configuration").Remedy
	data, err := e.bundled(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong(mend, "the deployed bundle has no %s", e.Environment.CredentialFileName())
	case err != nil:
		return unseen(err)
	}
	if wrongs := e.differences(ctx, data); len(wrongs) > 0 {
		return wrong(mend, "%s", strings.Join(wrongs, "; "))
	}
	here, err := e.local()
	switch {
	case err == nil && !bytes.Equal(bytes.TrimSpace(here), bytes.TrimSpace(data)):
		return wrong(mend, "it differs from the local %s", e.Environment.CredentialFile("."))
	case err != nil:
		return good("it names the federation; there is no local one to compare it with")
	}
	return good("the same as the local one")
}
