package benchmark

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// queue responds as Pub/Sub does to the requests of a drain. It has the messages that a
// bucket sends of objects, gives each out once, and counts what is acknowledged.
type queue struct {
	mu      sync.Mutex
	waiting []any // messages as pull answers them
	done    int
}

// Announce puts an event of each object into the queue.
func (r *Range) Announce(names []string) {
	q := &r.origin.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = 0
	for i, name := range names {
		size, _ := sizeOf(name)
		payload, err := json.Marshal(r.origin.resource(name, size))
		if err != nil {
			panic(err) // texts alone
		}
		now := time.Now().UTC().Format(time.RFC3339Nano)
		q.waiting = append(q.waiting, map[string]any{"ackId": fmt.Sprintf("%0180d", i), "message": map[string]any{
			"messageId": fmt.Sprint(i), "publishTime": now, "data": payload, "attributes": map[string]string{
				"eventType": "OBJECT_FINALIZE", "bucketId": Bucket, "objectId": name, "objectGeneration": generation, "eventTime": now,
				"payloadFormat": "JSON_API_V1", "notificationConfig": "projects/_/buckets/" + Bucket + "/notificationConfigs/1",
			},
		}})
	}
}

// Acknowledged returns how many messages are.
func (r *Range) Acknowledged() int {
	q := &r.origin.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		MaxMessages int
		AckIDs      []string `json:"ackIds"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, ":pull"):
		n := min(in.MaxMessages, len(q.waiting))
		answer(w, map[string]any{"receivedMessages": q.waiting[:n]})
		q.waiting = q.waiting[n:]
	case strings.HasSuffix(r.URL.Path, ":acknowledge"):
		q.done += len(in.AckIDs)
		answer(w, struct{}{})
	default:
		answer(w, struct{}{})
	}
}
