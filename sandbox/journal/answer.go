package journal

import (
	"io"
	"net/http"
)

// Answer is a request's answer that enters the journal as it begins, so that the
// entry is there before the client has the answer.
type Answer struct {
	http.ResponseWriter
	journal *Journal
	entry   *Entry // with its status, once it is recorded
}

// Answer lets an entry be recorded, as it is then, when w's answer begins.
func (j *Journal) Answer(w http.ResponseWriter, entry *Entry) *Answer {
	return &Answer{w, j, entry}
}

// WriteHeader begins the answer, unless the status is an informational one.
func (a *Answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *Answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(p)
}

// ReadFrom keeps the way from a file to the network that the real writer has.
func (a *Answer) ReadFrom(r io.Reader) (int64, error) {
	a.begin(http.StatusOK)
	return io.Copy(a.ResponseWriter, r)
}

// Unwrap lets http.ResponseController reach the real writer.
func (a *Answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// End records an answer that has neither status nor body, which is a 200.
func (a *Answer) End() { a.begin(http.StatusOK) }

func (a *Answer) begin(status int) {
	if a.entry.Status == 0 {
		a.entry.Status = status
		a.journal.Record(*a.entry)
	}
}
