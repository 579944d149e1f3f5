package copy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Several invocations copy the parts of one object; whatever order they come in, S3 has the
// object in the end, and nothing before.
func TestSharedUploads(t *testing.T) {
	l := newStand(t)
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i >> 10) // no two parts are alike
	}
	l.Upload(t, l.Env.SourceBucket, "huge", "text/plain", bytes.NewReader(content))
	handler := func() *Handler {
		h := l.start(t)
		h.large.part, h.large.smallest = 100_000, 1
		return h
	}
	u, err := handler().BeginUpload(t.Context(), invocation.Event{Object: "huge", Key: "copy of huge"})
	if err != nil {
		t.Fatal(err)
	}
	if u.ID == "" || u.Size != 1<<20 || u.PartSize != 100_000 || u.Key != "copy of huge" || u.CRC32C != sumOf(content) {
		t.Errorf("got %+v", u)
	}
	all := map[int]Part{}
	for _, slice := range [][2]int{{7, 11}, {0, 3}, {3, 7}} {
		have := map[int]Part{}
		if slice[0] == 3 { // the first attempt was cut off
			if have, err = handler().CopyParts(t.Context(), u, 3, 5, nil); err != nil {
				t.Fatal(err)
			}
		}
		done, err := handler().CopyParts(t.Context(), u, slice[0], slice[1], have)
		if err != nil || len(done) != slice[1]-slice[0] {
			t.Fatalf("parts %v: %d parts, %v", slice, len(done), err)
		}
		maps.Copy(all, done)
	}
	parts := make([]Part, len(all))
	for i, p := range all {
		parts[i] = p
	}
	wrong := append([]Part{}, parts...)
	wrong[4].CRC32C = parts[5].CRC32C
	var failed *TransferError
	if err := handler().CompleteUpload(t.Context(), u, wrong); !errors.As(err, &failed) || failed.Operation != "verifying" || !strings.Contains(err.Error(), "CRC32C of the parts read is") {
		t.Errorf("with a wrong part: %v", err)
	}
	for range 2 { // the second time its answer was lost
		if err := handler().CompleteUpload(t.Context(), u, parts); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := l.stored(t, "copy of huge")
	if !bytes.Equal(got, content) {
		t.Errorf("S3 has %d bytes, not the object's", len(got))
	}
	if err := handler().AbortUpload(t.Context(), u); err != nil {
		t.Errorf("aborting what is complete: %v", err)
	}
	same, err := handler().BeginUpload(t.Context(), invocation.Event{Object: "huge", Key: "copy of huge", Overwrite: invocation.OverwriteDifferent})
	if err != nil || !same.Same || same.ID != "" {
		t.Errorf("of what is there already: %+v, %v", same, err)
	}
}

// A source that changes fails its object alone, and an upload can be given up.
func TestSharedUploadsOfASourceThatChanges(t *testing.T) {
	l := newStand(t)
	l.Upload(t, l.Env.SourceBucket, "huge", "text/plain", strings.NewReader(strings.Repeat("old", 100_000)))
	h := l.start(t)
	h.large.part, h.large.smallest = 100_000, 1
	u, err := h.BeginUpload(t.Context(), invocation.Event{Object: "huge"})
	if err != nil {
		t.Fatal(err)
	}
	l.Upload(t, l.Env.SourceBucket, "huge", "text/plain", strings.NewReader(strings.Repeat("new", 100_000)))
	done, err := h.CopyParts(t.Context(), u, 0, 3, nil)
	var failed *TransferError
	if !errors.As(err, &failed) || len(done) > 0 {
		t.Fatalf("got %d parts, %v", len(done), err)
	}
	if cause, transient := failed.Cause(); cause != "source changed" || transient {
		t.Errorf("cause: %q, %v", cause, transient)
	}
	if err := h.AbortUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	left, err := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin())).ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &l.Env.DestinationBucket})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(0, len(left.Uploads)); diff != "" {
		t.Errorf("uploads are left: %s", diff)
	}
}
