package events

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Attributes of Cloud Storage's messages: Cloud Storage documentation, "Pub/Sub
// notifications for Cloud Storage".
const (
	attributeType       = "eventType"
	attributeBucket     = "bucketId"
	attributeObject     = "objectId"
	attributeGeneration = "objectGeneration"
	attributeTime       = "eventTime"
	attributeOverwrote  = "overwroteGeneration"
)

// attributeCursor marks a message of the drain's own: its data is the cursor of a copy that
// was interrupted. The attribute itself is the cursor's version, since the value of an
// attribute has at most 1,024 bytes (Pub/Sub documentation, "Quotas and limits").
const attributeCursor = "gcsToS3Cursor"

// Types of events.
const (
	typeFinalize = "OBJECT_FINALIZE"
	typeMetadata = "OBJECT_METADATA_UPDATE"
	typeDelete   = "OBJECT_DELETE"
	typeArchive  = "OBJECT_ARCHIVE" // the live generation became a noncurrent one
)

// event is a message that says that an object has changed.
type event struct {
	ackID      string
	kind       string
	object     string
	generation int64
	cursor     string // of a copy to continue
	fresh      bool   // the object is new, and nothing was tried
	at         time.Time
	attributes map[string]string
}

// read reads a message. Its error says why no drain of this bucket can ever understand it.
func read(r received, bucket string) (event, error) {
	a := r.Message.Attributes
	e := event{ackID: r.AckID, kind: a[attributeType], object: a[attributeObject], at: r.Message.PublishTime, attributes: a}
	var errs []error
	switch e.kind {
	case typeFinalize, typeMetadata, typeDelete, typeArchive:
	default:
		errs = append(errs, fmt.Errorf("%s: %q: is none of Cloud Storage's", attributeType, e.kind))
	}
	if b := a[attributeBucket]; b != bucket {
		errs = append(errs, fmt.Errorf("%s: %q: is not the source bucket %s", attributeBucket, b, bucket))
	}
	if e.object == "" {
		errs = append(errs, fmt.Errorf("%s: is missing", attributeObject))
	}
	var err error
	if e.generation, err = strconv.ParseInt(a[attributeGeneration], 10, 64); err != nil || e.generation <= 0 {
		errs = append(errs, fmt.Errorf("%s: %q: must be a positive number", attributeGeneration, a[attributeGeneration]))
	}
	e.fresh = e.kind == typeFinalize && a[attributeOverwrote] == "" && r.Attempt <= 1
	if at, err := time.Parse(time.RFC3339, a[attributeTime]); err == nil {
		e.at = at
	}
	if version := a[attributeCursor]; version != "" {
		e.cursor = string(r.Message.Data)
		if !strings.HasPrefix(e.cursor, version+".") {
			errs = append(errs, fmt.Errorf("%s: %q: is not the version of the cursor", attributeCursor, version))
		}
	}
	return e, errors.Join(errs...)
}

// continued returns the data and the attributes of the message that continues an event's copy.
func (e event) continued(cursor string) (data []byte, attributes map[string]string) {
	attributes = maps.Clone(e.attributes)
	attributes[attributeCursor], _, _ = strings.Cut(cursor, ".")
	return []byte(cursor), attributes
}
