package logs

import "fmt"

// Deliver puts messages into a stream as delivery.logs.amazonaws.com does for services
// whose logs are delivered, and makes the stream if need be. It reports whether there
// is such a group; without messages it only looks.
func (l *Logs) Deliver(group, name string, messages []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.groups[group]
	if !ok || len(messages) == 0 {
		return ok
	}
	s, ok := g.streams[name]
	if !ok {
		s = &stream{name: name, created: l.Now()}
		g.streams[name] = s
	}
	now := l.Now().UnixMilli()
	for _, message := range messages {
		s.sequence++
		s.events = append(s.events, event{id: fmt.Sprintf("%020d%036d", now, s.sequence), timestamp: now, ingestion: now, message: message})
		s.bytes += int64(len(message) + eventOverhead)
	}
	s.ingested = now
	return true
}
