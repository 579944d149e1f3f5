package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// memoryWatch is how often the memory of a busy environment is looked at.
const memoryWatch = 20 * time.Millisecond

// closedProxy is a port of this machine that nothing listens on (discard, which
// needs privileges to be opened), so that proxied traffic ends there.
const closedProxy = "http://127.0.0.1:9"

// environment is one execution environment: a process and its Runtime API.
type environment struct {
	f           *Function
	credentials api.Credentials
	stream      string
	started     time.Time
	cold        bool // no invocation yet

	runtime  *runtimeAPI
	server   *http.Server
	command  *exec.Cmd
	output   *output
	exited   chan struct{} // closed when the process is gone
	exitErr  error
	once     sync.Once
	exceeded bool // it was killed for its memory

	delivered bool // its log stream exists
}

// startError is a process that could not be started.
type startError struct{ document errorDocument }

func (e *startError) Error() string { return e.document.ErrorMessage }

func start(f *Function) (*environment, error) {
	credentials, err := f.Credentials()
	if err != nil {
		return nil, fmt.Errorf("assuming the role of function %s: %w", f.Name, err)
	}
	e := &environment{
		f: f, credentials: credentials, cold: true, started: time.Now(), runtime: newRuntimeAPI(f.ARN), exited: make(chan struct{}),
		stream: f.now().UTC().Format("2006/01/02/") + "[" + f.Version + "]" + f.hex(16),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the runtime of %s: %w", f.Name, err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("making a pipe for the output of %s: %w", f.Name, err)
	}
	e.output = &output{f: f, read: read}
	e.server = &http.Server{Handler: e.runtime.handler()}
	go e.server.Serve(listener) //nolint:errcheck // it ends by Close
	e.command = &exec.Cmd{
		Path: filepath.Join(f.Root, "bootstrap"), Args: []string{"bootstrap"}, Dir: f.Root, Env: e.variables(listener.Addr().String()),
		Stdout: write, Stderr: write, SysProcAttr: attributes(),
	}
	err = e.startProcess()
	write.Close() // the child has its own
	if err != nil {
		e.server.Close()
		read.Close()
		close(e.exited)
		return e, &startError{document: invalidEntrypoint(f, err)}
	}
	followed := make(chan struct{})
	go func() { defer close(followed); e.output.follow() }()
	go func() {
		e.exitErr = e.command.Wait()
		e.killGroup() // what the process has left behind
		e.output.drain()
		read.Close() // else one that left the group would hold it open
		<-followed
		close(e.exited)
	}()
	return e, nil
}

// startProcess refuses a function of another architecture as its machine would.
func (e *environment) startProcess() error {
	if native := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]; e.f.Architecture != native {
		return syscall.ENOEXEC
	}
	return e.command.Start()
}

func invalidEntrypoint(f *Function, err error) errorDocument {
	d := errorDocument{ErrorType: "Runtime.InvalidEntrypoint"}
	if errors.Is(err, fs.ErrNotExist) {
		d.ErrorMessage = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
		return d
	}
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err
	}
	d.ErrorMessage = fmt.Sprintf("fork/exec /var/task/bootstrap: %v", cause)
	return d
}

// variables are those of "Using environment variables": the function's own, and
// what Lambda defines, which cannot be overridden. AWS_EXECUTION_ENV and HOME
// are not among them for OS-only runtimes.
func (e *environment) variables(address string) []string {
	f := e.f
	all := map[string]string{"AWS_ENDPOINT_URL": f.Endpoint, "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "TZ": ":UTC"}
	for k, v := range f.Variables {
		all[k] = v
	}
	format := "Text"
	if f.JSONLogs {
		format = "JSON"
	}
	for k, v := range map[string]string{
		"_HANDLER":                        f.Handler,
		"AWS_ACCESS_KEY_ID":               e.credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           e.credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN":               e.credentials.SessionToken,
		"AWS_REGION":                      f.Region,
		"AWS_DEFAULT_REGION":              f.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.stream,
		"AWS_LAMBDA_LOG_FORMAT":           format,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_RUNTIME_API":          address,
		"LAMBDA_TASK_ROOT":                f.Root,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"HTTP_PROXY":                      closedProxy, "http_proxy": closedProxy,
		"HTTPS_PROXY": closedProxy, "https_proxy": closedProxy,
		"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
	} {
		all[k] = v
	}
	out := make([]string, 0, len(all))
	for k, v := range all {
		out = append(out, k+"="+v)
	}
	return out
}

// alive reports whether the process still runs and its credentials outlast another
// invocation.
func (e *environment) alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return e.f.now().Add(e.f.Timeout + time.Minute).Before(e.credentials.Expiration)
	}
}

func (e *environment) killGroup() {
	// The group may be gone already.
	_ = syscall.Kill(-e.command.Process.Pid, syscall.SIGKILL)
}

// stop kills the process and waits until it is gone.
func (e *environment) stop() {
	e.once.Do(func() {
		close(e.runtime.closed)
		if !e.gone() {
			e.killGroup()
		}
		<-e.exited
		e.server.Close()
	})
}

// peakMB is the most memory that the process has had, in megabytes.
func (e *environment) peakMB() int {
	var bytes int64
	switch {
	case e.command.Process == nil: // it never started
	case !e.gone():
		_, bytes = memory(e.command.Process.Pid)
	default:
		if usage, ok := e.command.ProcessState.SysUsage().(*syscall.Rusage); ok {
			bytes = peakOf(usage)
		}
	}
	return int((bytes + 1<<20 - 1) >> 20)
}

func (e *environment) gone() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// exitMessage describes the end of the process in Lambda's words.
func (e *environment) exitMessage() string {
	if e.exitErr == nil {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + strings.TrimSuffix(e.exitErr.Error(), " (core dumped)")
}
