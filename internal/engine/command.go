// Package engine runs the command lines of both engines, cdk and pulumi, for one
// environment: exactly the commands that a person would type. It shows each
// command, and keeps its output in case it fails. It decides nothing: the order
// of the commands is up to package lifecycle.
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

// Error is a failed command.
type Error struct {
	Command string // as one would type it
	Output  string // all output
	Message string // the relevant part of the output
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

// grace is how long a command may take to end after it was interrupted: Pulumi
// finishes the current operation so that its state stays correct.
const grace = 20 * time.Second

// command is a command line to run.
type command struct {
	shown   string // as one would type it
	path    string
	args    []string
	dir     string
	environ []string
	each    func(line string) // called with every line of output; may be nil
	message func(printed string) string
}

// run runs the command and returns its standard output. When ctx is done, it
// interrupts the command's process group, children included, as Ctrl-C does;
// whatever does not end in time is killed.
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
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever ignored the interrupt
		}
		return stdout.String(), fmt.Errorf("%s: %w", c.shown, context.Cause(ctx))
	}
	if err != nil {
		return stdout.String(), &Error{c.shown, all.String(), c.message(all.String()), err}
	}
	return stdout.String(), nil
}

// Printed returns the output of a failed command, or an empty string.
func Printed(err error) string {
	var failed *Error
	if errors.As(err, &failed) {
		return failed.Output
	}
	return ""
}
