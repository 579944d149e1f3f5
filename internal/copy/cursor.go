package copy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// cursor says where the next invocation of an event continues. It is opaque to
// callers: a version, a dot and base64 of its JSON.
type cursor struct {
	Event   string `json:"event"`             // the event's fingerprint: a cursor fits no other event
	After   string `json:"after,omitempty"`   // all objects up to this name have been started
	Next    int    `json:"next,omitempty"`    // the number of items of a list that have been started
	Ended   bool   `json:"ended,omitempty"`   // every object has been started
	Pending []due  `json:"pending,omitempty"` // what was started and interrupted, in order
}

// due is an object that an invocation interrupted.
type due struct {
	Object string  `json:"object,omitempty"`
	Item   int     `json:"item,omitempty"`   // its index in a list
	Idle   int     `json:"idle,omitempty"`   // invocations in a row that made no progress with it
	Upload *upload `json:"upload,omitempty"` // what S3 has of it
}

// upload is an unfinished upload to continue.
type upload struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Generation int64  `json:"generation"` // the one that all parts are of
	Size       int64  `json:"size"`       // of the object
	CRC32C     crc32c `json:"crc32c"`     // of the object
	Part       int64  `json:"part"`       // size of a part
	Done       int    `json:"done"`       // how many parts S3 has, from the first without a gap
	Sum        crc32c `json:"sum"`        // of these parts' bytes
	Later      []late `json:"later,omitempty"`

	LeftOut []string `json:"leftOut,omitempty"` // names of metadata that S3 cannot hold
}

// late is a part that S3 has behind a gap.
type late struct {
	Index int    `json:"i"`
	Sum   crc32c `json:"sum"`
}

// maxLater limits the parts behind a gap that a cursor has; further ones are read
// again.
const maxLater = 256

const cursorVersion = "1."

func (c cursor) String() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // the type has only strings and numbers
	}
	return cursorVersion + base64.RawURLEncoding.EncodeToString(data)
}

// parseCursor reads a cursor that must have been answered to the event with the
// given fingerprint; without a text it is the beginning.
func parseCursor(text, event string) (cursor, error) {
	var c cursor
	if text == "" {
		return cursor{Event: event}, nil
	}
	broken := func(why string) (cursor, error) {
		return cursor{}, fmt.Errorf(
			"cursor: %s; hint: send the whole cursor of the last answer with the same event, or leave it out to start from the beginning",
			why,
		)
	}
	encoded, ok := strings.CutPrefix(text, cursorVersion)
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if !ok || err != nil || json.Unmarshal(data, &c) != nil {
		return broken(fmt.Sprintf("%.40q: is not one that this version of the function answered", text))
	}
	if c.Event != event {
		return broken("belongs to another event, or the function's settings have changed since it was answered")
	}
	if err := c.check(); err != nil {
		return broken(err.Error())
	}
	return c, nil
}

// check rejects a cursor that no invocation answers: what follows relies on it.
func (c cursor) check() error {
	if c.Next < 0 || len(c.Pending) > invocation.MaxConcurrency {
		return errors.New("is damaged")
	}
	for _, d := range c.Pending {
		u := d.Upload
		if d.Item < 0 || d.Item > c.Next || d.Idle < 0 {
			return errors.New("is damaged")
		}
		if u == nil {
			continue
		}
		if u.ID == "" || u.Key == "" || u.Generation <= 0 || u.Size <= 0 || u.Part <= 0 || u.Done < 0 || u.Size/u.Part > maxParts ||
			int64(u.Done) > (u.Size+u.Part-1)/u.Part {
			return errors.New("is damaged")
		}
		for _, l := range u.Later {
			if l.Index <= u.Done || int64(l.Index) >= (u.Size+u.Part-1)/u.Part {
				return errors.New("is damaged")
			}
		}
	}
	return nil
}

// fingerprint identifies what an event asks for, with the settings that decide
// where its objects go.
func (h *Handler) fingerprint(e invocation.Event, whole *transfer) string {
	e.Cursor, e.Results = "", ""
	data, err := json.Marshal([]any{e, whole.sourceBucket, whole.targetBucket, whole.object, h.settings.prefix, h.settings.keys.String()})
	if err != nil {
		panic(err) // the types have only strings and numbers
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
