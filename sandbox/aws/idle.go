package aws

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// maxBodyIdle is how long a client may take over the next bytes of a body; see
// RequestTimeout in "Error responses" of the Amazon S3 API Reference.
const maxBodyIdle = 20 * time.Second

// idleBody gives up on a client that stops in the middle of its body.
type idleBody struct {
	io.ReadCloser
	control *http.ResponseController
	limit   time.Duration
}

// Read leaves no deadline behind once the body is at its end, since the server
// goes on reading to learn whether the client is still there.
func (b idleBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(b.limit)) // without deadlines, it waits
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
