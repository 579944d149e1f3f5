package rehearsal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

func TestSandboxesAtTheSameTimeHaveTheirOwnEnvironments(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := &Stand{root: root, Sandbox: &sandbox.Sandbox{AWSURL: "http://127.0.0.1:1", GoogleURL: "http://127.0.0.1:2"}}
	for _, want := range []string{"sandbox", "sandbox-2"} {
		env, err := s.writeEnvironment(nil)
		if err != nil {
			t.Fatal(err)
		}
		if env.Name != want || env.Role != "gcs-to-s3-role" || env.GoogleTokenURL != "http://127.0.0.1:2/v1/token" || !env.AllowLoopbackEndpoints {
			t.Errorf("environment = %+v, want %q with the article's names", env, want)
		}
	}
}

// A killed run leaves its file behind; the next run replaces it.
func TestAnOrphanIsReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "Pulumi.sandbox.yaml")
	s := &Stand{root: root, Sandbox: &sandbox.Sandbox{GoogleURL: "http://127.0.0.1:2"}}
	if _, err := s.writeEnvironment(nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "\n")
	orphan := "# The environment of a running sandbox (process " + strconv.Itoa(ended.Process.Pid) + "); it is removed with it.\n" + rest
	if err := os.WriteFile(file, []byte(orphan), 0o644); err != nil {
		t.Fatal(err)
	}
	if env, err := s.writeEnvironment(nil); err != nil || env.Name != "sandbox" {
		t.Errorf("writeEnvironment() = %q, %v, want the orphan's place", env.Name, err)
	}
	// A file that a person wrote is not an orphan.
	if err := os.WriteFile(file, []byte("config: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if env, err := s.writeEnvironment(nil); err != nil || env.Name != "sandbox-2" {
		t.Errorf("writeEnvironment() = %q, %v, want the person's file left alone", env.Name, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "config: {}\n" {
		t.Errorf("the person's file holds %q, %v", data, err)
	}
}

func TestChildrenGetNoSettingOfTheRealClouds(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json")
	t.Setenv("PULUMI_ACCESS_TOKEN", "pul-secret")
	t.Setenv("HTTPS_PROXY", "http://proxy.example")
	got := childEnviron([]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "HTTPS_PROXY=" + nowhere})
	for _, pair := range got {
		for _, secret := range []string{"production", "key.json", "pul-secret"} {
			if strings.Contains(pair, secret) {
				t.Errorf("a child gets %s", pair)
			}
		}
	}
	// If a variable is set twice, the last value counts.
	if slices.Index(got, "HTTPS_PROXY="+nowhere) < slices.Index(got, "HTTPS_PROXY=http://proxy.example") || !slices.Contains(got, "GOPROXY=off") {
		t.Errorf("a child could reach the world: %v", got)
	}
}

func TestCloseRemovesWhatWasOpened(t *testing.T) {
	t.Parallel()
	root, dir := t.TempDir(), t.TempDir()
	s := &Stand{Dir: dir, root: root, progress: progress.Plain(io.Discard), Sandbox: &sandbox.Sandbox{GoogleURL: "http://127.0.0.1:2"}}
	for _, name := range []string{"sandbox", "pr-7"} {
		env, err := s.Add(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(env.OutputDir(root), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s stays", dir)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("the root keeps %v, %v", entries, err)
	}
}
