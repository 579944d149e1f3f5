package workflows

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// write writes a workflow with these steps and reads it.
func write(t *testing.T, steps string) Workflow {
	t.Helper()
	file := filepath.Join(t.TempDir(), "w.yml")
	text := "name: w\non:\n  push:\nconcurrency:\n  group: g-${{ github.ref }}\nenv:\n  A: ${{ vars.A }}\njobs:\n  j:\n    runs-on: ubuntu-latest\n    steps:\n" + steps
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newRunner() *Runner {
	return &Runner{Environ: []string{"PATH=" + os.Getenv("PATH")}, Patience: 100 * time.Millisecond}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	w := write(t, `
      - run: |
          echo "A is $A"
          echo B=2 >> "$GITHUB_ENV"
          mkdir tools
          printf '#!/bin/sh\necho found' > tools/tool
          chmod +x tools/tool
          echo "$PWD/tools" >> "$GITHUB_PATH"
      - name: later
        run: echo "B is $B, C is $C"; tool
        env:
          C: ${{ github.actor }}
      - name: wrong
        run: |
          false
          echo not reached
      - name: skipped
        run: echo
      - name: cleanup
        if: always()
        run: echo cleaned
`)
	got := newRunner().Run(t.Context(), w, Event{Name: "push", Context: Context{"vars.A": "1", "github.actor": "alice"}})
	if out := got.Steps[0].Output; out != "A is 1\n" {
		t.Errorf("the first step prints %q", out)
	}
	if out := got.Step("later").Output; out != "B is 2, C is alice\nfound\n" {
		t.Errorf("the second step prints %q", out)
	}
	if got.Err == nil || got.Step("wrong").Err == nil || !got.Step("skipped").Skipped || got.Step("cleanup").Output != "cleaned\n" {
		t.Errorf("the job ends with %+v", got)
	}
	if got := newRunner().Run(t.Context(), w, Event{Name: "pull_request"}); !got.Skipped {
		t.Errorf("another event: %+v", got)
	}
}

func TestUnknownThings(t *testing.T) {
	t.Parallel()
	for steps, want := range map[string]string{
		"      - uses: a/b@" + strings.Repeat("1", 40): "the action a/b is not known",
		"      - uses: a/b@v1":                         "the action a/b@v1 must be pinned to a commit",
		"      - run: ${{ secrets.A }}":                `"secrets.A" is not understood`,
	} {
		got := newRunner().Run(t.Context(), write(t, steps), Event{Name: "push", Context: Context{}})
		if got.Err == nil || !strings.Contains(got.Err.Error(), want) {
			t.Errorf("%s: %v, want %q", steps, got.Err, want)
		}
	}
	file := filepath.Join(t.TempDir(), "w.yml")
	if err := os.WriteFile(file, []byte("jobs:\n  j:\n    strategy: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), "field strategy not found") {
		t.Errorf("an unknown key: %v", err)
	}
}

// TestCancelled: what the shell started sees no signal and is killed in the end.
func TestCancelled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := write(t, `
      - name: work
        run: bash -c 'trap "touch $DIR/interrupted" INT TERM; touch $DIR/begun; for i in {1..300}; do sleep 0.1; done; touch $DIR/ended'
      - name: afterwards
        if: cancelled()
        run: echo afterwards
`)
	r := newRunner()
	r.Environ = append(r.Environ, "DIR="+dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the job was cancelled")
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
				cancel(stop)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	got := r.Run(ctx, w, Event{Name: "push", Context: Context{}})
	if !errors.Is(got.Err, stop) || got.Step("afterwards").Output != "afterwards\n" {
		t.Errorf("the job ends with %+v", got)
	}
	for _, name := range []string{"interrupted", "ended"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("the process was %s", name)
		}
	}
}

// TestConcurrency: of a group, one job runs at a time.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	r := newRunner()
	var mu sync.Mutex
	var order []string
	busy := map[string]int{}
	r.Actions = map[string]Action{"a/b": func(_ context.Context, m *Machine, _ map[string]string) error {
		ref := m.Event.Context["github.ref"].(string)
		mu.Lock()
		busy[ref]++
		order = append(order, ref)
		if busy[ref] > 1 {
			t.Errorf("two jobs of %s run at a time", ref)
		}
		mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		busy[ref]--
		mu.Unlock()
		return nil
	}}
	w := write(t, "      - uses: a/b@"+strings.Repeat("1", 40))
	var all sync.WaitGroup
	for _, ref := range []string{"1", "1", "2", "1"} {
		all.Go(func() {
			if got := r.Run(t.Context(), w, Event{Name: "push", Context: Context{"github.ref": ref}}); got.Err != nil {
				t.Error(got.Err)
			}
		})
	}
	all.Wait()
	if slices.Sort(order); !slices.Equal(order, []string{"1", "1", "1", "2"}) {
		t.Errorf("the jobs were %v", order)
	}
}
