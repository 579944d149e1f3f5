package environment

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]Mark{
		"[gcs-to-s3 dev]":                               {Environment: "dev"},
		"[gcs-to-s3 dev id=0123456789ab]":               {Environment: "dev", ID: "0123456789ab"},
		"[gcs-to-s3 pr-7 owner=a@b.c]":                  {Environment: "pr-7", Owner: "a@b.c"},
		"[gcs-to-s3 pr-7 expires=2026-12-01T12:00:00Z]": {Environment: "pr-7", Expires: noon},
		"[gcs-to-s3 pr-7 id=0123456789ab owner=alice expires=2026-12-01T12:00:00Z]": {Environment: "pr-7", ID: "0123456789ab", Owner: "alice", Expires: noon},
	} {
		if want.String() != text {
			t.Errorf("%+v is %s, want %s", want, want, text)
		}
		got, ok := FindMark("Admits AWS account 123456789012 " + text)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("FindMark(%s) (-want +got):\n%s", text, diff)
		}
		got, ok = MarkOf(want.Tags())
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("MarkOf(%v) (-want +got):\n%s", want.Tags(), diff)
		}
	}
	for _, text := range []string{"", "Admits AWS account 123456789012", "[gcs-to-s3 ]", "[gcs-to-s3 dev expires=soon]"} {
		if got, ok := FindMark(text); ok {
			t.Errorf("FindMark(%q) = %+v, want none", text, got)
		}
	}
	if _, ok := MarkOf(map[string]string{"Name": "dev"}); ok {
		t.Error("other tags are a mark")
	}
	if m := (Mark{Expires: noon}); m.Expired(noon.Add(-1)) || !m.Expired(noon) || (Mark{}).Expired(noon) {
		t.Error("a mark expires at another moment than its own")
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-12-01":                time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC),
		"2026-12-01T12:00:00+09:00": time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC),
		// As Pulumi rewrites unquoted values.
		"2026-12-01 00:00:00 +0000 UTC":   time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC),
		"2026-12-01 12:00:00 +0900 +0900": time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC),
		"2026-12-01 12:00:00 +0000 UTC":   time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC),
	} {
		env, err := Parse("dev", map[string]string{"awsAccount": "123456789012", "googleProject": "my-project", "expires": text})
		if err != nil || !env.Mark().Expires.Equal(want) {
			t.Errorf("expires %q: %v, %v; want %v", text, env.Mark().Expires, err, want)
		}
	}
	for key, value := range map[string]string{"expires": "tomorrow", "owner": "two words"} {
		if _, err := Parse("dev", map[string]string{"awsAccount": "123456789012", "googleProject": "my-project", key: value}); err == nil {
			t.Errorf("%s %q is taken", key, value)
		}
	}
}

// TestMarksFitIntoDescriptions: the longest mark fits after the longest text that
// infra puts before one.
func TestMarksFitIntoDescriptions(t *testing.T) {
	t.Parallel()
	mark := Mark{
		strings.Repeat("e", maxName),
		strings.Repeat("0", idLength),
		strings.Repeat("o", maxOwner),
		time.Date(2026, 12, 31, 18, 0, 0, 0, time.FixedZone("", 9*3600)),
	}
	const description = 256 // IAM API reference, "projects.serviceAccounts" and "projects.locations.workloadIdentityPools"
	longest := "Read by the AWS role " + strings.Repeat("r", names.MaxRole) + " " + mark.String()
	if len(longest) > description {
		t.Errorf("%q has %d characters, more than %d", longest, len(longest), description)
	}
	if got, ok := FindMark(longest); !ok || !got.Expires.Equal(mark.Expires) || got.Environment != mark.Environment {
		t.Errorf("FindMark(%s) = %+v, %v", longest, got, ok)
	}
	if CheckName(mark.Environment) != nil || CheckName(mark.Environment+"e") == nil {
		t.Error("another length than the longest is the limit of a name")
	}
}

// TestID: environments of one name in different places, or with different suffixes, are
// told apart; one file is one environment wherever it is read.
func TestID(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"awsAccount": "123456789012", "awsRegion": "eu-west-1", "googleProject": "my-project", "suffix": "-a"}
	id := func(change, value string) string {
		t.Helper()
		changed := maps.Clone(settings)
		if change != "" {
			changed[change] = value
		}
		env, err := Parse("dev", changed)
		if err != nil {
			t.Fatal(err)
		}
		return env.Mark().ID
	}
	own := id("", "")
	for change, value := range map[string]string{"awsAccount": "210987654321", "awsRegion": "us-east-1", "googleProject": "other-project", "suffix": "-b"} {
		if id(change, value) == own {
			t.Errorf("another %s has the same ID", change)
		}
	}
	for change, value := range map[string]string{"role": "renamed", "owner": "alice", "expires": "2026-12-31"} {
		if id(change, value) != own {
			t.Errorf("another %s has another ID", change)
		}
	}
	if a, b := (Mark{Environment: "dev", ID: own}), (Mark{Environment: "dev", ID: own, Owner: "alice"}); !a.Same(b) ||
		a.Same(Mark{Environment: "dev"}) ||
		a.Same(Mark{Environment: "prod", ID: own}) {
		t.Error("name and ID do not decide whose a mark is")
	}
}
