package copy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// event parses an event as Lambda passes it to the handler.
func event(t *testing.T, text string) invocation.Event {
	t.Helper()
	var e invocation.Event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func copyMany(t *testing.T, h *Handler, ctx context.Context, e invocation.Event) invocation.ManyResult {
	t.Helper()
	got, err := h.Handle(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	return got.(invocation.ManyResult)
}

// follow copies many objects in as many invocations as it takes, at most ten, and returns
// how many these were.
func follow(t *testing.T, h *Handler, e invocation.Event, each func(invocation.ManyResult)) (invocations int) {
	t.Helper()
	for invocations < 10 {
		got := copyMany(t, h, context.Background(), e)
		each(got)
		invocations++
		if e.Cursor = got.Cursor; e.Cursor == "" {
			break
		}
	}
	return invocations
}

// outcomes returns the results by object.
func outcomes(r invocation.ManyResult) map[string]string {
	out := map[string]string{}
	for _, o := range r.Objects {
		out[o.Object] = o.Outcome
	}
	return out
}

func TestPrefixesAndLists(t *testing.T) {
	l := newStand(t)
	l.env["DESTINATION_PREFIX"] = "incoming/"
	h := l.startSmall(t)
	contents := map[string][]byte{}
	for i := range 30 {
		name := fmt.Sprintf("many/%02d ü", i)
		contents[name] = l.put(t, name, i*5000)
	}
	l.put(t, "manx", 1)
	l.put(t, "other", 1)
	got := copyMany(t, h, context.Background(), event(t, `{"prefix":"many/"}`))
	if got.StatusCode != 200 || got.Copied != 30 || got.Failed != 0 || got.Cursor != "" || got.Bytes != 5000*29*30/2 || got.Source != "gs://s3-gcs-connect/many/" || got.Destination != "s3://s3-gcs-connect/incoming/many/" {
		t.Errorf("result %+v", got)
	}
	for name, content := range contents {
		l.holds(t, "incoming/"+name, content)
	}
	l.absent(t, "incoming/manx")
	l.absent(t, "incoming/other")

	from := len(l.Journal.Entries())
	got = copyMany(t, h, context.Background(), event(t, `{"prefix":"many/","overwrite":"if-different"}`))
	if got.Unchanged != 30 || got.Bytes != 0 || len(got.Objects) != 30 {
		t.Errorf("once more: result %+v", got)
	}
	if asked := l.asked("storage", from); asked["storage.objects.get"] != 0 || l.asked("s3", from)["PutObject"] != 0 {
		t.Errorf("once more: asked %v of Cloud Storage; want no object read or written", asked)
	}

	got = copyMany(t, h, context.Background(), event(t, `{"objects":["other",{"object":"manx","key":"chosen"},"missing"]}`))
	if got.StatusCode != 207 || got.Copied != 2 || got.Failed != 1 || got.Body != "2 objects transferred, 0 unchanged, 1 failed" || !strings.Contains(got.Objects[2].Error, "reading: Cloud Storage answered 404 NoSuchKey") {
		t.Errorf("a list: result %+v", got)
	}
	if got.Objects[1].Key != "chosen" || got.Objects[0].Key != "incoming/other" {
		t.Errorf("keys %q and %q", got.Objects[0].Key, got.Objects[1].Key)
	}
	if n := len(lines(t, l)); n != 63 {
		t.Errorf("%d lines in the log, want one for each of 63 copies", n)
	}
	if got = copyMany(t, h, context.Background(), event(t, `{"prefix":"nothing/"}`)); got.StatusCode != 200 || len(got.Objects) != 0 || got.Cursor != "" {
		t.Errorf("an empty prefix: result %+v", got)
	}
}

// TestFailuresStopNobody makes some of many objects fail permanently.
func TestFailuresStopNobody(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	for i := range 20 {
		l.put(t, fmt.Sprintf("many/%02d", i), 100)
	}
	l.fail(t, "google/storage GET /s3-gcs-connect/many/*3: status=403 code=AccessDenied", "aws/s3 PUT /s3-gcs-connect/many/*7: status=500")
	got := copyMany(t, h, context.Background(), event(t, `{"prefix":"many/"}`))
	var failed []string
	for _, o := range got.Objects {
		if o.Outcome == invocation.OutcomeFailed {
			failed = append(failed, o.Object+" "+o.Error[:strings.Index(o.Error, ":")])
		}
	}
	if want := []string{"many/03 reading", "many/07 writing", "many/13 reading", "many/17 writing"}; got.StatusCode != 207 || got.Copied != 16 || !slices.Equal(failed, want) || got.Cursor != "" {
		t.Errorf("result %+v, failed %v, want %v", got, failed, want)
	}
}

// TestCursors copies many objects in several invocations, each with
// room for few results.
func TestCursors(t *testing.T) {
	for _, text := range []string{`{"prefix":"many/"}`, `{"objects":["many/0","many/1","many/2","many/3","many/4","many/5","many/6","many/7","many/8","many/9"]}`} {
		l := newStand(t)
		l.env["CONCURRENCY"] = "2"
		h := l.start(t)
		h.room = 300
		for i := range 10 {
			l.put(t, fmt.Sprintf("many/%d", i), 100)
		}
		e := event(t, text)
		seen := map[string]int{}
		invocations := follow(t, h, e, func(got invocation.ManyResult) {
			for name := range outcomes(got) {
				seen[name]++
			}
		})
		if len(seen) != 10 || invocations < 3 || invocations == 10 {
			t.Errorf("%s: %d invocations copied %v, want all 10", text, invocations, seen)
		}
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%s: %s was copied %d times", text, name, times)
			}
		}
	}
}

// TestDeadlineOfMany advances the clock towards the deadline.
func TestDeadlineOfMany(t *testing.T) {
	l := newStand(t)
	l.env["CONCURRENCY"] = "1"
	h := l.start(t)
	for i := range 10 {
		l.put(t, fmt.Sprintf("many/%d", i), 100)
	}
	var ahead atomic.Int64
	start := time.Now()
	h.now = func() time.Time { return start.Add(time.Duration(ahead.Add(int64(2 * time.Second)))) }
	ctx, cancel := context.WithDeadline(context.Background(), start.Add(time.Minute))
	defer cancel()
	got := copyMany(t, h, ctx, event(t, `{"prefix":"many/"}`))
	rest := got
	for rest.Cursor != "" {
		ahead.Store(0)
		e := event(t, `{"prefix":"many/"}`)
		e.Cursor = rest.Cursor
		rest = copyMany(t, h, context.Background(), e)
		got.Copied += rest.Copied
	}
	if n := len(got.Objects); n == 0 || n == 10 || got.StatusCode != 206 || got.Complete || got.Copied != 10 || rest.StatusCode != 200 || !rest.Complete {
		t.Errorf("result %+v, want some objects, and the others from its cursor", got)
	}
}

// TestInterruptedObjectsComeAgain interrupts one object while later ones are
// copied: the next invocation copies it, and none of the others again.
func TestInterruptedObjectsComeAgain(t *testing.T) {
	for _, text := range []string{`{"prefix":"many/"}`, `{"objects":["many/0","many/1","many/2","many/3"]}`} {
		l := newStand(t)
		l.env["CONCURRENCY"] = "4"
		h := l.start(t)
		for i := range 4 {
			l.put(t, fmt.Sprintf("many/%d", i), 100_000)
		}
		l.fail(t, "google/storage GET /s3-gcs-connect/many/1: rate=10000")
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		got := copyMany(t, h, ctx, event(t, text))
		if want := map[string]string{"many/0": "copied", "many/1": "interrupted", "many/2": "copied", "many/3": "copied"}; fmt.Sprint(outcomes(got)) != fmt.Sprint(want) ||
			got.Cursor == "" || got.Complete || got.StatusCode != 206 || got.Interrupted != 1 {
			t.Errorf("%s: result %+v, want outcomes %v and a cursor", text, got, want)
		}
		l.FailAs(nil)
		e := event(t, text)
		e.Cursor = got.Cursor
		got = copyMany(t, h, context.Background(), e)
		if want := map[string]string{"many/1": "copied"}; fmt.Sprint(outcomes(got)) != fmt.Sprint(want) || got.Cursor != "" || !got.Complete || got.StatusCode != 200 {
			t.Errorf("%s, continued: result %+v, want %v", text, got, want)
		}
	}
}

// Case C1: the first object does not fit into the time. The answer had no cursor and status
// 200, as if everything was done.
func TestUnfinishedIsNeverDone(t *testing.T) {
	for _, text := range []string{`{"prefix":"big/"}`, `{"objects":["big/a.bin","sample.txt"]}`} {
		l := newStand(t)
		h := l.start(t)
		l.put(t, "big/a.bin", 150_000)
		l.fail(t, "google/storage GET /s3-gcs-connect/big/a.bin: rate=4000")
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		got := copyMany(t, h, ctx, event(t, text))
		if got.StatusCode != 206 || got.Complete || got.Cursor == "" || got.Interrupted != 1 || got.Failed != 0 {
			t.Errorf("%s: result %+v, want it unfinished", text, got)
		}
		var copies, unfinished float64
		for _, line := range lines(t, l) {
			if n, ok := line["Interrupted"].(float64); ok {
				copies += n
			}
			if n, ok := line["Unfinished"].(float64); ok {
				unfinished += n
			}
		}
		if copies != 1 || unfinished != 1 {
			t.Errorf("%s: metrics count %v interrupted objects and %v unfinished invocations, want 1 and 1:\n%s", text, copies, unfinished, l.log.String())
		}
	}
}

// An object that cannot be finished even alone fails in the second invocation that makes
// no progress, and says why; the others are copied.
func TestNoProgressIsAFailure(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	for _, name := range []string{"many/0", "many/1", "many/2"} {
		l.put(t, name, 100_000)
	}
	l.fail(t, "google/storage GET /s3-gcs-connect/many/1: rate=4000")
	e := event(t, `{"prefix":"many/"}`)
	var sum invocation.ManyResult
	for invocations := 1; ; invocations++ {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		got := copyMany(t, h, ctx, e)
		cancel()
		sum.Copied, sum.Failed = sum.Copied+got.Copied, sum.Failed+got.Failed
		if e.Cursor = got.Cursor; got.Complete {
			if invocations != 2 || got.StatusCode != 207 || len(got.Objects) != 1 || !strings.Contains(got.Objects[0].Error, "no progress in 2 invocations in a row: the invocation's deadline is near") {
				t.Errorf("invocation %d ends with %+v", invocations, got)
			}
			break
		}
	}
	if sum.Copied != 2 || sum.Failed != 1 {
		t.Errorf("%d copied, %d failed", sum.Copied, sum.Failed)
	}
}

// Case C29: results filled the answer long before the time was used up.
func TestCountsAlone(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	h.room = 1000
	for i := range 40 {
		l.put(t, fmt.Sprintf("many/%02d", i), 10)
	}
	l.fail(t, "google/storage GET /s3-gcs-connect/many/07: status=403")
	got := copyMany(t, h, context.Background(), event(t, `{"prefix":"many/","results":"failed"}`))
	if !got.Complete || got.Copied != 39 || got.Failed != 1 || fmt.Sprint(outcomes(got)) != "map[many/07:failed]" {
		t.Errorf("result %+v, want all counted and the failed one listed", got)
	}
}

// Case C20: a template that drops folders leaves their placeholders no name.
func TestFolderPlaceholders(t *testing.T) {
	for template, want := range map[string]string{
		"{name}":               "map[src/:skipped src/file.txt:copied src/full/:failed src/sub/:skipped]",
		"{object}":             "map[src/:copied src/file.txt:copied src/full/:copied src/sub/:copied]",
		"x/{directory}{name}":  "map[src/:copied src/file.txt:copied src/full/:copied src/sub/:copied]",
		"{date}/{name}":        "map[src/:skipped src/file.txt:copied src/full/:failed src/sub/:skipped]",
		"{name}-{generation}":  "map[src/:skipped src/file.txt:copied src/full/:failed src/sub/:skipped]",
		"{generation}{object}": "map[src/:copied src/file.txt:copied src/full/:copied src/sub/:copied]",
	} {
		l := newStand(t)
		l.env["KEY_TEMPLATE"] = template
		h := l.start(t)
		for name, size := range map[string]int{"src/": 0, "src/file.txt": 3, "src/sub/": 0, "src/full/": 5} {
			l.put(t, name, size)
		}
		got := copyMany(t, h, context.Background(), event(t, `{"prefix":"src/"}`))
		if fmt.Sprint(outcomes(got)) != want || got.Skipped != strings.Count(want, "skipped") || !got.Complete {
			t.Errorf("%s: %v, want %v; result %+v", template, outcomes(got), want, got)
		}
	}
}

// Case C21: two objects with one key.
func TestOneKeyTwice(t *testing.T) {
	l := newStand(t)
	l.env["CONCURRENCY"] = "1"
	h := l.start(t)
	for _, name := range []string{"a", "b", "c"} {
		l.put(t, name, 10)
	}
	for text, want := range map[string]string{
		`{"objects":[{"object":"a","key":"k"},{"object":"b","key":"k"},"c"]}`:                              "map[a:copied b:failed c:copied]",
		`{"objects":["a",{"object":"b","key":"a"}]}`:                                                       "map[a:copied b:failed]",
		`{"objects":["a","a"]}`:                                                                            "map[a:copied]",
		`{"objects":[{"object":"a","key":"k"},{"object":"a","key":"k","generation":"1"}]}`:                 "map[a:failed]",
		`{"objects":[{"object":"a","key":"k"},{"object":"a","key":"l"},{"object":"b","key":"b"},"c","b"]}`: "map[a:copied b:failed c:copied]",
	} {
		h.room = 1 // one object in each invocation
		e := event(t, text)
		all := map[string]string{}
		follow(t, h, e, func(got invocation.ManyResult) { maps.Copy(all, outcomes(got)) })
		if fmt.Sprint(all) != want {
			t.Errorf("%s: %v, want %s", text, all, want)
		}
	}
}

// Case C13: a page of the listing had more than the megabyte that was read of it.
func TestLongListings(t *testing.T) {
	l := newStand(t)
	l.env["CONCURRENCY"] = "64"
	h := l.start(t)
	for i := range 1000 {
		l.put(t, fmt.Sprintf("long/%0995d", i), 1)
	}
	if got := copyMany(t, h, context.Background(), event(t, `{"prefix":"long/","results":"failed"}`)); got.Copied != 1000 || !got.Complete {
		t.Errorf("result %+v", got)
	}
}

// A cursor is of one event, and of the settings that decide where its objects go.
func TestCursorsOfOtherEvents(t *testing.T) {
	l := newStand(t)
	l.env["CONCURRENCY"] = "1"
	h := l.start(t)
	h.room = 1
	for _, name := range []string{"a/1", "a/2", "b/1"} {
		l.put(t, name, 10)
	}
	first := copyMany(t, h, context.Background(), event(t, `{"prefix":"a/"}`))
	for text, want := range map[string]string{
		`{"prefix":"b/"}`:                      "belongs to another event",
		`{"prefix":"a/","overwrite":"always"}`: "belongs to another event",
		`{"objects":["a/1"]}`:                  "belongs to another event",
		`{"object":"a/1"}`:                     "belongs to another event",
		`{"prefix":"a/","results":"failed"}`:   "",
	} {
		e := event(t, text)
		e.Cursor = first.Cursor
		if _, err := h.Handle(context.Background(), e); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, cursor := range []string{"a/1", "2." + first.Cursor[2:], first.Cursor[:len(first.Cursor)-3], first.Cursor + "x", "1."} {
		e := event(t, `{"prefix":"a/"}`)
		e.Cursor = cursor
		if _, err := h.Handle(context.Background(), e); err == nil || !strings.Contains(err.Error(), "planning: ") || !strings.Contains(err.Error(), "cursor: ") {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestListingsThatFail(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	l.put(t, "many/0", 1)
	l.fail(t, "google/storage GET /storage/v1/*: status=503 times=2")
	if got := copyMany(t, h, context.Background(), event(t, `{"prefix":"many/"}`)); got.Copied != 1 {
		t.Errorf("result %+v, want the listing tried again", got)
	}
	l.fail(t, "google/storage GET /storage/v1/*: status=403 code=forbidden")
	_, err := h.Handle(context.Background(), event(t, `{"prefix":"many/"}`))
	var failed *TransferError
	if !errors.As(err, &failed) || failed.Operation != "reading" || !strings.Contains(err.Error(), "listing gs://s3-gcs-connect/many/: Cloud Storage answered 403") {
		t.Errorf("Handle() = %v", err)
	}
	for text, want := range map[string]string{
		`{"prefix":"a","objects":["b"]}`:           "prefix: cannot be combined with objects",
		`{"generation":5}`:                         "generation: is a generation of an object",
		`{"objects":["b"],"cursor":"x"}`:           `cursor: "x": is not one that this version of the function answered`,
		`{"object":"b","cursor":"1.e30"}`:          `cursor: belongs to another event`,
		`{"prefix":"a","overwrite":"sometimes"}`:   `overwrite: "sometimes": must be one of always, if-absent, if-different`,
		`{"prefix":"a","sourceBucket":"gs://x/y"}`: "sourceBucket",
		`{"object":"a","sourceChange":"ignore"}`:   `sourceChange: "ignore": must be one of fail, restart`,
	} {
		if _, err := h.Handle(context.Background(), event(t, text)); err == nil || !strings.Contains(err.Error(), "planning: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Handle() = %v, want %q", text, err, want)
		}
	}
}

// Case C12: an item that names no object copied the default object, and
// counted as a success.
func TestItemsThatNameNoObject(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	l.put(t, "named", 3)
	got := copyMany(t, h, context.Background(), event(t, `{"objects":[{"name":"other"},"named",{},""]}`))
	if got.StatusCode != 207 || got.Copied != 1 || got.Failed != 3 {
		t.Errorf("result %+v, want one copied and three failed", got)
	}
	for i, o := range got.Objects {
		if want := fmt.Sprintf("planning: objects[%d]: names no object", i); i != 1 && (o.Object != "" || !strings.HasPrefix(o.Error, want)) {
			t.Errorf("item %d: %+v, want %q", i, o, want)
		}
	}
	l.absent(t, l.Env.Object)
}
