package clouds

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

// MFA asks for the code of the MFA device of an AWS profile, and keeps the session that
// it opened, so that a command asks once. Its zero value asks on the terminal.
type MFA struct {
	Terminal string // its device; default: that of the process

	mu      sync.Mutex
	session *mfaSession
}

// mfaSession marks credentials for which somebody typed a code.
type mfaSession struct{ aws.CredentialsProvider }

type mfaKey struct{}

// WithMFA makes OpenAWS share the sessions that m opens.
func WithMFA(ctx context.Context, m *MFA) context.Context { return context.WithValue(ctx, mfaKey{}, m) }

// mfaSessionTime is how long a session lasts if the profile does not say it: the default
// of the AWS command line. The SDK's is too short for a deployment.
const mfaSessionTime = time.Hour

// load is config.LoadDefaultConfig for a profile that may need a code: AWS SDKs and Tools
// Reference Guide, "Assume role credential provider", mfa_serial.
func (m *MFA) load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	device := ""
	var unasked error
	cfg, err := config.LoadDefaultConfig(ctx, append(options, config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
		if o.SerialNumber == nil {
			return
		}
		device = *o.SerialNumber
		o.Duration = cmp.Or(o.Duration, mfaSessionTime)
		o.TokenProvider = func() (code string, err error) {
			code, unasked = m.ask(ctx, *o.SerialNumber)
			return code, unasked
		}
	}))...)
	if err != nil || device == "" {
		return cfg, err
	}
	if m.session == nil {
		// Before anything else writes to the terminal.
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			return cfg, cmp.Or(unasked, err)
		}
		m.session = &mfaSession{cfg.Credentials}
	}
	cfg.Credentials = m.session
	return cfg, nil
}

// ask asks for the code of a device on the terminal, also where standard input is a pipe.
func (m *MFA) ask(ctx context.Context, device string) (string, error) {
	terminal, err := os.OpenFile(cmp.Or(m.Terminal, "/dev/tty"), os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("the profile needs a code of the MFA device %s, and there is no terminal to ask for it; hint: where there is one, "+
			"`eval \"$(aws configure export-credentials --format env)\" && unset AWS_PROFILE` opens a session for the shell", device)
	}
	defer terminal.Close()
	fmt.Fprintf(terminal, "Enter MFA code for %s: ", device)
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(terminal).ReadString('\n')
		typed <- line{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case l := <-typed:
		if errors.Is(l.err, io.EOF) || l.err == nil && l.text == "" {
			return "", fmt.Errorf("no code of the MFA device %s was given", device)
		}
		return l.text, l.err
	}
}

// Environ is the environment of a command that is to have the credentials of cfg: environ
// itself, or with the keys of the session for which somebody typed a code, so that the
// command does not ask for another one, or fail.
func Environ(ctx context.Context, cfg aws.Config, environ []string) ([]string, error) {
	session, ok := cfg.Credentials.(*mfaSession)
	if !ok {
		return environ, nil
	}
	keys, err := session.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("renewing the AWS session: %w", err)
	}
	// The CDK prefers a profile to keys.
	out := slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "AWS_PROFILE" || name == "AWS_DEFAULT_PROFILE"
	})
	if !slices.ContainsFunc(environ, func(v string) bool {
		return strings.HasPrefix(v, "AWS_REGION=") || strings.HasPrefix(v, "AWS_DEFAULT_REGION=")
	}) {
		out = append(out, "AWS_REGION="+cfg.Region) // instead of the profile's
	}
	return append(out, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey,
		"AWS_SESSION_TOKEN="+keys.SessionToken), nil
}
