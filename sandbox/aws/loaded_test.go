package aws_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// loaded is an AWS CLI that is loaded once for all commands of a test: testdata/loaded.py.
type loaded struct {
	dir      string // of the files with the commands' output
	commands io.Writer
	answers  <-chan string
}

// load starts a loaded AWS CLI. It returns nil where the AWS CLI is not a package of
// python3's, as version 2 is not: then each command is a program of its own.
func load(t *testing.T) *loaded {
	t.Helper()
	script, err := filepath.Abs("testdata/loaded.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", script)
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
	answers := make(chan string)
	go func() {
		defer close(answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			answers <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		for range answers { // up to its end
		}
		_ = cmd.Wait()
	})
	if <-answers != "ready" {
		return nil
	}
	return &loaded{t.TempDir(), in, answers}
}

// run runs a command to its end.
func (l *loaded) run(c tool, args []string) (stdout, stderr string, err error) {
	environ := map[string]string{}
	for _, pair := range c.env {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	out, problem := filepath.Join(l.dir, "stdout"), filepath.Join(l.dir, "stderr")
	line, err := json.Marshal(map[string]any{"args": args, "env": environ, "dir": c.dir, "stdout": out, "stderr": problem})
	if err != nil {
		return "", "", err
	}
	if _, err := l.commands.Write(append(line, '\n')); err != nil {
		return "", "", err
	}
	select {
	case code, ok := <-l.answers:
		if !ok || code != "0" {
			err = fmt.Errorf("exit status %s", code)
		}
	case <-time.After(patience):
		return "", "", fmt.Errorf("no end after %v", patience)
	}
	printed, unread := os.ReadFile(out)
	if unread != nil {
		return "", "", unread
	}
	said, unread := os.ReadFile(problem)
	if unread != nil {
		return "", "", unread
	}
	return string(printed), string(said), err
}
