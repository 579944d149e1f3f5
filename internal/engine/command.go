// Package engine runs the command lines of both engines, cdk and pulumi, for one
// environment: exactly the commands that a person would type, each shown as such,
// with what it prints at hand when it fails. It decides nothing: which command
// comes when is the lifecycle's.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Error is a command that failed.
type Error struct {
	Command string // as one would type it
	Output  string // everything that it printed
	Message string // what of that matters
	Err     error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Command, e.Err)
	if e.Message != "" {
		s += "\n" + e.Message
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// grace is how long a command may take to end after it was asked to: Pulumi
// finishes what it is doing, so that its state stays true.
const grace = 20 * time.Second

// command is a command line to run.
type command struct {
	shown   string // as one would type it
	path    string
	args    []string
	dir     string
	environ []string
	each    func(line string) // is called with every line that is printed; may be nil
	message func(printed string) string
}

// run runs the command and returns what it printed on its standard output. With
// ctx the command is interrupted as by Ctrl-C, it and its children, which are a
// process group; what does not end in time is killed.
func (c command) run(ctx context.Context) (string, error) {
	if c.each != nil {
		c.each("$ " + c.shown)
	}
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, c.environ
	var stdout bytes.Buffer
	all := &lines{each: c.each}
	cmd.Stdout, cmd.Stderr = &tee{&stdout, all}, all
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not end when asked
		}
		return stdout.String(), fmt.Errorf("%s: %w", c.shown, context.Cause(ctx))
	}
	if err != nil {
		return stdout.String(), &Error{c.shown, all.String(), c.message(all.String()), err}
	}
	return stdout.String(), nil
}

// Printed is what a command that failed printed, or empty.
func Printed(err error) string {
	var failed *Error
	if errors.As(err, &failed) {
		return failed.Output
	}
	return ""
}
