// Package preload runs commands of the AWS CLI and gcloud for tests, each in a process
// forked from one that has loaded the program: most of the time of a short command is
// spent on loading it. A command is the program's own code in the environment and the
// folder that the program was loaded in, which read its files anew.
package preload

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

//go:embed *.py
var scripts embed.FS

// Program is a loaded program. It runs one command at a time.
type Program struct {
	group    int // of its processes
	files    string
	commands io.Writer
	exits    <-chan string
}

// AWS loads the AWS CLI. It returns nil where that is not a package of python3's, as
// version 2 is not.
func AWS(t testing.TB, environ []string, dir string) *Program {
	t.Helper()
	return load(t, exec.Command("python3", filepath.Join(unpack(t), "aws.py")), environ, dir)
}

// Gcloud loads gcloud. Its launcher chooses the Python, as for any command, and
// takes the script for one of Python's arguments. It returns nil if it does not.
func Gcloud(t testing.TB, environ []string, dir string) *Program {
	t.Helper()
	arguments := "CLOUDSDK_PYTHON_ARGS=-S " + filepath.Join(unpack(t), "gcloud.py")
	return load(t, exec.Command("gcloud"), append(environ[:len(environ):len(environ)], arguments), dir)
}

// unpack writes the scripts to a folder.
func unpack(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, scripts); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t testing.TB, cmd *exec.Cmd, environ []string, dir string) *Program {
	t.Helper()
	files := t.TempDir()
	cmd.Args = append(cmd.Args, files)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = environ, dir, &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		return nil
	}
	exits := make(chan string)
	go func() {
		defer close(exits)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			exits <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		for range exits { // up to its end
		}
		_ = cmd.Wait()
	})
	if <-exits != "ready" {
		return nil
	}
	return &Program{cmd.Process.Pid, files, in, exits}
}

// Run runs a command to its end. If ctx ends before, so does the program.
func (p *Program) Run(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	line, err := json.Marshal(args)
	if err != nil {
		return "", "", err
	}
	if _, err := p.commands.Write(append(line, '\n')); err != nil {
		return "", "", err
	}
	select {
	case code := <-p.exits:
		if code != "0" {
			err = fmt.Errorf("exit status %s", code)
		}
	case <-ctx.Done():
		_ = syscall.Kill(-p.group, syscall.SIGKILL)
		return "", "", ctx.Err()
	}
	printed, unread := os.ReadFile(filepath.Join(p.files, "stdout"))
	if unread != nil {
		return "", "", unread
	}
	said, unread := os.ReadFile(filepath.Join(p.files, "stderr"))
	if unread != nil {
		return "", "", unread
	}
	return string(printed), string(said), err
}
