package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestNewProject is case L29: in a new project the plugin enables the APIs, and then reads
// the project through one of them, which does not answer yet. up waits and goes on.
func TestNewProject(t *testing.T) {
	longtest.Skip(t)
	p := openClouds(t, sandbox.Options{EnableDelay: 8 * time.Second})
	env := p.add(t, "first", nil)
	_, all, err := p.run("up", "first", "--yes")
	if err != nil {
		t.Fatalf("up: %v\n%s", err, all)
	}
	if !strings.Contains(all, "do not answer yet; waiting") {
		t.Errorf("up did not have to wait:\n%s", all)
	}
	p.is(t, env, standing(env))
	p.copies(t, env)
	if out, all, err := p.run("down", "first", "--yes"); err != nil {
		t.Errorf("down: %v\n%s%s", err, out, all)
	}
}
