package workflows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Event is what starts a workflow.
type Event struct {
	Name    string  // pull_request, schedule, workflow_dispatch
	Action  string  // of a pull request: opened, synchronize, closed …
	Context Context // github.* and vars.*
	// Claims are those of the job's ID token without issuer, audience and times. They are
	// nil where GitHub gives none, as for a fork.
	Claims map[string]any
}

// Runner runs jobs, each on a machine of its own.
type Runner struct {
	Environ []string // of a machine: NAME=value
	Actions map[string]Action
	// After is called with the workspace after every step that has succeeded; it may be nil.
	After func(workspace string) error
	// Patience is how long a cancelled step has after SIGINT, and a third of it after
	// SIGTERM; zero is GitHub's ("Canceling a workflow").
	Patience time.Duration

	groups sync.Map // *sync.Mutex by name
}

const githubPatience = 7500 * time.Millisecond

// Action does what a step uses, and can change the machine.
type Action func(ctx context.Context, m *Machine, with map[string]string) error

// Machine is what a job runs on. It has nothing of earlier jobs.
type Machine struct {
	Dir       string // everything of it
	Workspace string // GITHUB_WORKSPACE
	Event     Event
	// Claims are those that an ID token of the job has; nil if it gets none.
	Claims map[string]any

	environ map[string]string
	path    []string
}

// Set sets a variable for the steps to come.
func (m *Machine) Set(name, value string) { m.environ[name] = value }

// AddPath puts a folder in front of PATH for the steps to come.
func (m *Machine) AddPath(dir string) { m.path = append([]string{dir}, m.path...) }

// Result is how a job ended.
type Result struct {
	Skipped bool // its if did not hold, or the workflow does not take the event
	Steps   []StepResult
	Err     error
}

// StepResult is how a step ended.
type StepResult struct {
	Name    string
	Skipped bool
	Output  string
	Err     error
}

// Step is the result of a step by its name.
func (r Result) Step(name string) StepResult {
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	return StepResult{Skipped: true}
}

// Takes reports whether a workflow starts for an event.
func (w Workflow) Takes(e Event) bool {
	t, ok := w.On[e.Name]
	return ok && (len(t.Types) == 0 || slices.Contains(t.Types, e.Action))
}

// Run runs the one job of a workflow for an event. Jobs of a concurrency group run one
// after the other.
func (r *Runner) Run(ctx context.Context, w Workflow, e Event) (result Result) {
	if !w.Takes(e) {
		return Result{Skipped: true}
	}
	if len(w.Jobs) != 1 {
		return Result{Err: fmt.Errorf("the workflow %s has %d jobs, which is not understood", w.Name, len(w.Jobs))}
	}
	all := maps.Clone(e.Context)
	all["github.event_name"], all["github.event.action"] = e.Name, e.Action
	group, err := all.Expand(w.Concurrency.Group)
	if err == nil && w.Concurrency.Cancel {
		err = errors.New("cancel-in-progress: true is not understood")
	}
	if err != nil {
		return Result{Err: err}
	}
	turn, _ := r.groups.LoadOrStore(group, &sync.Mutex{})
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	for _, job := range w.Jobs {
		result = r.job(ctx, w, job, e, all)
	}
	return result
}

func (r *Runner) job(ctx context.Context, w Workflow, job Job, e Event, all Context) (result Result) {
	holds, err := all.Holds(job.If, succeeded)
	if err != nil || !holds {
		return Result{Skipped: err == nil, Err: err}
	}
	m, err := r.machine(w, job, e, all)
	if err != nil {
		return Result{Err: err}
	}
	defer func() { result.Err = errors.Join(result.Err, os.RemoveAll(m.Dir)) }()
	now := succeeded
	for i, step := range job.Steps {
		done := StepResult{Name: step.Name}
		if done.Name == "" {
			done.Name = strings.SplitN(step.Run+step.Uses, "\n", 2)[0]
		}
		done.Skipped = true
		if holds, done.Err = all.Holds(step.If, now); holds {
			done.Skipped = false
			if done.Output, done.Err = r.step(ctx, m, i, step, all); done.Err == nil && r.After != nil {
				done.Err = r.After(m.Workspace)
			}
		}
		result.Steps = append(result.Steps, done)
		if done.Err != nil {
			if now = failed; ctx.Err() != nil {
				now, ctx = cancelled, context.WithoutCancel(ctx) // steps of always() and cancelled() still run
			}
			result.Err = errors.Join(result.Err, fmt.Errorf("the step %q: %w", done.Name, done.Err))
		}
	}
	return result
}

// machine makes a fresh one, with the variables of the workflow.
func (r *Runner) machine(w Workflow, job Job, e Event, all Context) (*Machine, error) {
	dir, err := newDir()
	if err != nil {
		return nil, err
	}
	m := &Machine{Dir: dir, Workspace: filepath.Join(dir, "work"), Event: e, environ: map[string]string{}}
	if w.Permissions["id-token"] == "write" && e.Claims != nil {
		m.Claims = maps.Clone(e.Claims)
		if job.Environment != "" {
			m.Claims["environment"] = job.Environment
		}
	}
	for _, folder := range []string{m.Workspace, m.home(), filepath.Join(dir, "temp")} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return nil, err
		}
	}
	for _, pair := range r.Environ {
		name, value, _ := strings.Cut(pair, "=")
		m.environ[name] = value
	}
	for name, value := range w.Env {
		if m.environ[name], err = all.Expand(value); err != nil {
			return nil, err
		}
	}
	maps.Copy(m.environ, map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": m.Workspace, "GITHUB_EVENT_NAME": e.Name,
		"HOME": m.home(), "RUNNER_TEMP": filepath.Join(dir, "temp"),
	})
	return m, nil
}

// newDir makes a machine's folder. All have the same, as on GitHub, if they do not run at
// the same time: Go's caches hold what was compiled by where it was.
func newDir() (string, error) {
	for n := 1; ; n++ {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("runner-%d", n))
		if err := os.Mkdir(dir, 0o755); !errors.Is(err, os.ErrExist) {
			return dir, err
		}
	}
}

func (m *Machine) home() string { return filepath.Join(m.Dir, "home") }

func (r *Runner) step(ctx context.Context, m *Machine, n int, step Step, all Context) (string, error) {
	with, env := map[string]string{}, map[string]string{}
	for _, texts := range []struct{ from, to map[string]string }{{step.With, with}, {step.Env, env}} {
		for name, value := range texts.from {
			var err error
			if texts.to[name], err = all.Expand(value); err != nil {
				return "", err
			}
		}
	}
	if step.Uses != "" {
		name, version, _ := strings.Cut(step.Uses, "@")
		if !commit.MatchString(version) {
			return "", fmt.Errorf("the action %s must be pinned to a commit", step.Uses)
		}
		do, known := r.Actions[name]
		if !known {
			return "", fmt.Errorf("the action %s is not known", name)
		}
		return "", do(ctx, m, with)
	}
	script, err := all.Expand(step.Run)
	if err != nil {
		return "", err
	}
	return r.shell(ctx, m, n, script, env)
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// shell runs a script as GitHub does if no shell is chosen, and takes over what it leaves
// in the files for variables and paths.
func (r *Runner) shell(ctx context.Context, m *Machine, n int, script string, env map[string]string) (string, error) {
	file := func(name string) string { return filepath.Join(m.Dir, "temp", fmt.Sprintf("%s-%d", name, n)) }
	if err := os.WriteFile(file("script"), []byte(script), 0o644); err != nil {
		return "", err
	}
	variables := maps.Clone(m.environ)
	maps.Copy(variables, env)
	variables["PATH"] = strings.Join(append(slices.Clone(m.path), variables["PATH"]), string(os.PathListSeparator))
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		variables[name] = file(name)
		if err := os.WriteFile(variables[name], nil, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("bash", "-e", file("script"))
	cmd.Dir, cmd.SysProcAttr = m.Workspace, &syscall.SysProcAttr{Setpgid: true}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := os.Create(file("output")) // not a pipe: a child that outlives the step must not hold it up
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	err = r.wait(ctx, cmd)
	data, problem := os.ReadFile(file("output"))
	if err != nil || problem != nil {
		return string(data), errors.Join(fmt.Errorf("%w\n%s", err, data), problem)
	}
	return string(data), m.take(variables["GITHUB_ENV"], variables["GITHUB_PATH"])
}

// wait waits for a step. One that is cancelled gets SIGINT, then SIGTERM, both only for
// the shell itself, and then all of it is killed: "Canceling a workflow".
func (r *Runner) wait(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience := r.Patience
	if patience == 0 {
		patience = githubPatience
	}
	for _, s := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, patience}, {syscall.SIGTERM, patience / 3}} {
		_ = cmd.Process.Signal(s.signal) // it may have ended
		select {
		case err := <-ended:
			return errors.Join(context.Cause(ctx), err, kill(cmd))
		case <-time.After(s.wait):
		}
	}
	return errors.Join(context.Cause(ctx), kill(cmd), <-ended)
}

// kill kills a step with all processes that it started.
func kill(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// take takes over variables and paths that a step has left.
func (m *Machine) take(variables, paths string) error {
	data, err := os.ReadFile(variables)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		name, value, single := strings.Cut(strings.TrimSpace(line), "=")
		if !single {
			return fmt.Errorf("the line %q in GITHUB_ENV is not understood", line)
		}
		m.Set(name, value)
	}
	if data, err = os.ReadFile(paths); err != nil {
		return err
	}
	for line := range strings.FieldsSeq(string(data)) {
		m.AddPath(line)
	}
	return nil
}
