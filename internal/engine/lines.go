package engine

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// lines keeps everything written to it and passes it on line by line. Both
// outputs of a command write to it in parallel.
type lines struct {
	each func(line string)

	mu      sync.Mutex
	all     bytes.Buffer
	pending []byte
}

// escapes are terminal control sequences, which some tools print even though no
// one asked for colours.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	l.pending = append(l.pending, p...)
	for {
		i := bytes.IndexByte(l.pending, '\n')
		if i < 0 {
			return len(p), nil
		}
		line := escapes.ReplaceAllString(string(l.pending[:i]), "")
		l.pending = l.pending[i+1:]
		if l.each != nil && strings.TrimSpace(line) != "" {
			l.each(strings.TrimRight(line, "\r "))
		}
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return escapes.ReplaceAllString(l.all.String(), "")
}

// tee writes to both writers.
type tee struct{ first, second io.Writer }

func (t *tee) Write(p []byte) (int, error) {
	if _, err := t.first.Write(p); err != nil {
		return 0, err
	}
	return t.second.Write(p)
}
