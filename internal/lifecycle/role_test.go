package lifecycle_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestRoleMadeAgain is case S12: a role that was deleted and made again under its name has
// no grant on the key of the function's variables. verify says so, and up mends it.
func TestRoleMadeAgain(t *testing.T) {
	longtest.Skip(t)
	var ahead atomic.Int64
	p := openClouds(t, sandbox.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	env := p.add(t, "remade", nil)
	p.must(t, "up", env.Name, "--yes")
	ahead.Store(int64(2 * time.Second)) // IAM tells the time of a role's creation in seconds
	rehearsaltest.RemakeRole(t, p.Stand, env)
	if _, all, err := p.run("verify", env.Name); err == nil || !strings.Contains(all, "Lambda's grant on the key") {
		t.Errorf("verify: %v\n%s", err, all)
	}
	p.must(t, "up", env.Name, "--yes")
	p.copies(t, env)
	p.must(t, "down", env.Name, "--yes")
}
