package clouds

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

const device = "arn:aws:iam::123456789012:mfa/alice"

// codeServer is an STS that opens sessions for one code: AWS STS API Reference,
// "AssumeRole", with its refusal of other codes as public reports show it.
type codeServer struct {
	mu    sync.Mutex
	asked []string // the codes that were sent
}

func (s *codeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "AssumeRole" ||
		r.Form.Get("SerialNumber") != device || r.Form.Get("DurationSeconds") != "3600" {
		http.Error(w, "unexpected "+r.Form.Encode(), http.StatusBadRequest)
		return
	}
	code := r.Form.Get("TokenCode")
	s.mu.Lock()
	s.asked = append(s.asked, code)
	s.mu.Unlock()
	if code != "123456" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>`+
			`MultiFactorAuthentication failed with invalid MFA one time pass code.</Message></Error></ErrorResponse>`) // the client reports it
		return
	}
	fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials>`+
		`<AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// profile gives the process a profile with an MFA device.
func profile(t *testing.T) (*codeServer, environment.Environment) {
	t.Helper()
	sts := &codeServer{}
	server := httptest.NewServer(sts)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(`[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = secret
[profile admin]
source_profile = base
role_arn = arn:aws:iam::123456789012:role/admin
mfa_serial = `+device+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": file, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "admin", "AWS_ENDPOINT_URL_STS": server.URL,
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
	if err != nil {
		t.Fatal(err)
	}
	return sts, env
}

// terminal opens a terminal: pty(7). It returns the name of its device, and the side of
// who sits at it.
func terminal(t *testing.T) (string, *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	var locked, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	return fmt.Sprintf("/dev/pts/%d", number), person
}

// TestCode: the code is asked for once a command, and the engines have the session.
func TestCode(t *testing.T) {
	sts, env := profile(t)
	tty, person := terminal(t)
	answered := make(chan error, 1)
	go func() {
		for _, c := range "Enter MFA code for " + device + ": " {
			got := make([]byte, 1)
			if _, err := person.Read(got); err != nil || rune(got[0]) != c {
				answered <- fmt.Errorf("the terminal has %q, %v; want %q", got, err, c)
				person.Close()
				return
			}
		}
		_, err := io.WriteString(person, "123456\n")
		answered <- err
	}()
	ctx := WithMFA(t.Context(), &MFA{Terminal: tty})
	for range 2 {
		cfg, err := OpenAWS(ctx, env)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := cfg.Credentials.Retrieve(ctx); err != nil || keys.AccessKeyID != "ASIASESSION" {
			t.Errorf("the keys are %s, %v", keys.AccessKeyID, err)
		}
		environ, err := Environ(ctx, cfg, []string{"HOME=/home", "AWS_PROFILE=admin"})
		want := []string{"HOME=/home", "AWS_REGION=ap-northeast-1",
			"AWS_ACCESS_KEY_ID=ASIASESSION", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token"}
		if err != nil || !slices.Equal(environ, want) {
			t.Errorf("the engines have %v, %v; want %v", environ, err, want)
		}
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sts.asked, []string{"123456"}) {
		t.Errorf("STS got the codes %v, want one", sts.asked)
	}
}

func TestWrongCode(t *testing.T) {
	_, env := profile(t)
	tty, person := terminal(t)
	if _, err := io.WriteString(person, "000000\n"); err != nil {
		t.Fatal(err)
	}
	_, err := OpenAWS(WithMFA(t.Context(), &MFA{Terminal: tty}), env)
	if err == nil || !strings.Contains(err.Error(), "invalid MFA one time pass code") {
		t.Errorf("got %v, want STS's refusal", err)
	}
}

// TestCodeWithoutTerminal fails at once, and says what to do.
func TestCodeWithoutTerminal(t *testing.T) {
	sts, env := profile(t)
	_, err := OpenAWS(WithMFA(t.Context(), &MFA{Terminal: filepath.Join(t.TempDir(), "none")}), env)
	for _, part := range []string{device, "no terminal", "hint: ", "aws configure export-credentials"} {
		if err == nil || strings.Count(err.Error(), part) != 1 {
			t.Errorf("got %v, want %q once", err, part)
		}
	}
	if err != nil && !strings.HasPrefix(err.Error(), "loading AWS credentials: the profile needs a code") {
		t.Errorf("the error begins otherwise: %v", err)
	}
	if len(sts.asked) > 0 {
		t.Errorf("STS got the codes %v", sts.asked)
	}
}

// TestEnvironWithoutCode leaves the environment of the engines as it is.
func TestEnvironWithoutCode(t *testing.T) {
	_, env := profile(t)
	t.Setenv("AWS_PROFILE", "base")
	cfg, err := OpenAWS(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"AWS_PROFILE=base"}
	if got, err := Environ(t.Context(), cfg, want); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}
