package copy

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// day is the time at which these tests run.
var day = time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)

func TestTemplatesMakeKeys(t *testing.T) {
	l := newStand(t)
	l.env[invocation.EnvDestinationPrefix] = "incoming/"
	l.env[invocation.EnvKeyTemplate] = "{date}/{directory}{stem}-{generation}{extension}"
	content := []byte("named by a template")
	l.Upload(t, l.Env.SourceBucket, "reports/a.csv", "text/x-test", bytes.NewReader(content))
	h := l.start(t)
	h.now = func() time.Time { return day }
	got, err := copyOne(h, invocation.Event{Object: "reports/a.csv"})
	if err != nil {
		t.Fatal(err)
	}
	key := "incoming/2026-12-31/reports/a-" + strconv.FormatInt(got.Generation, 10) + ".csv"
	if want := "s3://" + l.Env.DestinationBucket + "/" + key; got.Destination != want {
		t.Errorf("destination %s, want %s", got.Destination, want)
	}
	l.holds(t, key, content)

	// The policy checks the key of the generation that is copied.
	again, err := copyOne(h, invocation.Event{Object: "reports/a.csv", Overwrite: invocation.OverwriteDifferent})
	if err != nil || again.Outcome != invocation.OutcomeUnchanged || again.Destination != got.Destination {
		t.Errorf("once more: %+v, %v", again, err)
	}
	// A key in the event is used unchanged.
	if got, err := copyOne(h, invocation.Event{Object: "reports/a.csv", Key: "incoming/chosen"}); err != nil || got.Destination != "s3://"+l.Env.DestinationBucket+"/incoming/chosen" {
		t.Errorf("with a key: %+v, %v", got, err)
	}

	// A listing includes the generations; a list of names does not.
	for _, text := range []string{`{"prefix":"reports/","overwrite":"if-different"}`, `{"objects":["reports/a.csv"]}`} {
		many := copyMany(t, h, context.Background(), event(t, text))
		if len(many.Objects) != 1 || many.Objects[0].Key != key || many.Failed != 0 || many.Destination != "s3://"+l.Env.DestinationBucket+"/incoming/{date}/{directory}{stem}-{generation}{extension}" {
			t.Errorf("%s: result %+v", text, many)
		}
	}
}

func TestKeysOfRestartsFollowTheGeneration(t *testing.T) {
	l := newStand(t)
	l.env[invocation.EnvKeyTemplate] = "{name}-{generation}"
	l.env[invocation.EnvSourceChange] = invocation.ChangeRestarts
	l.put(t, "changing", 1<<20)
	replaced := []byte("another generation")
	cut := false
	l.through(t, func(r *http.Response) error {
		if !cut {
			cut = true
			l.Upload(t, l.Env.SourceBucket, "changing", "text/plain", bytes.NewReader(replaced))
			r.Body = http.NoBody
		}
		return nil
	})
	got, err := copyOne(l.start(t), invocation.Event{Object: "changing"})
	if err != nil {
		t.Fatal(err)
	}
	key := "changing-" + strconv.FormatInt(got.Generation, 10)
	if !strings.HasSuffix(got.Destination, "/"+key) {
		t.Errorf("destination %s, want it to end in %s", got.Destination, key)
	}
	l.holds(t, key, replaced)
}

func TestObjectsOfOneKeyAreNotMixed(t *testing.T) {
	l := newStand(t)
	l.env[invocation.EnvKeyTemplate] = "{name}"
	first := l.put(t, "a/same.txt", 100)
	l.put(t, "b/same.txt", 200)
	got := copyMany(t, l.start(t), context.Background(), event(t, `{"objects":["a/same.txt","b/same.txt",{"object":"b/same.txt","key":"chosen"},"a/same.txt"]}`))
	want := `planning: key: is also that of the object "a/same.txt"; hint: keyTemplate with {object}, or with {directory} too, tells them apart`
	if got.Failed != 1 || got.Copied != 3 || got.Objects[1].Error != want {
		t.Errorf("result %+v, want the second to fail with %q", got, want)
	}
	l.holds(t, "same.txt", first)
}

func TestSettingsOfTemplatesAreChecked(t *testing.T) {
	l := newStand(t)
	l.env[invocation.EnvKeyTemplate] = "{stam}"
	_, err := NewHandler(func(k string) string { return l.env[k] }, nil)
	if want := `KEY_TEMPLATE: "{stam}": has the unknown placeholder {stam}; hint: use one of {object}`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("NewHandler() = %v, want %q", err, want)
	}
}
