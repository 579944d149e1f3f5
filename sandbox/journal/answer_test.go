package journal

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAnswer keeps every handler from returning until its client has looked at
// the journal.
func TestAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   int
	}{
		"header": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, http.StatusNotFound},
		"informational": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusForbidden)
		}, http.StatusForbidden},
		"body":   {func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) }, http.StatusOK},
		"copied": {func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("x")) }, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var j Journal
			looked := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				answer := j.Answer(w, &Entry{RequestID: name})
				defer answer.End()
				tt.answer(answer)
				if err := http.NewResponseController(answer).Flush(); err != nil {
					t.Error(err)
				}
				<-looked
			}))
			defer server.Close()
			resp, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got := j.Entries()
			close(looked)
			if len(got) != 1 || got[0].Status != tt.want || resp.StatusCode != tt.want {
				t.Errorf("the client has %d, the journal %+v, want one entry of status %d", resp.StatusCode, got, tt.want)
			}
		})
	}
	var j Journal
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		j.Answer(w, &Entry{}).End()
	}))
	resp, err := http.Get(server.URL)
	server.Close()
	if err != nil || resp.Body.Close() != nil || len(j.Entries()) != 1 || j.Entries()[0].Status != http.StatusOK {
		t.Errorf("an empty answer: %v, journal %+v", err, j.Entries())
	}
}
