package pubsub_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

func TestLeases(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	subscribe(t, s, "second", "events", nil)
	publish(t, s, "events", "a", "b")
	first := pull(t, s, "drain")
	if len(first) != 2 || first[0].text() != "a" || first[0].DeliveryAttempt != 0 || first[0].Message.PublishTime == "" {
		t.Fatalf("the first pull got %+v", first)
	}
	if got := pulled(t, s, "drain"); got != "" {
		t.Errorf("a pull of leased messages got %s", got)
	}
	acknowledge(t, s, "drain", first[0])
	extend(t, s, "drain", 30, first[1])
	s.Advance(20 * time.Second)
	if got := pulled(t, s, "drain"); got != "" {
		t.Errorf("a pull of an extended message got %s", got)
	}
	s.Advance(11 * time.Second)
	second := pull(t, s, "drain")
	if len(second) != 1 || second[0].text() != "b" || second[0].AckID == first[1].AckID || second[0].Message.MessageID != first[1].Message.MessageID {
		t.Fatalf("after the deadline the pull got %+v", second)
	}
	// An old ack id is accepted and has no effect, whatever it is used for.
	acknowledge(t, s, "drain", first...)
	extend(t, s, "drain", 600, first...)
	if got := s.PubSub().Backlog("drain"); got.Unacknowledged != 1 || got.Leased != 1 {
		t.Errorf("the backlog is %+v", got)
	}
	extend(t, s, "drain", 0, second[0])
	third := pull(t, s, "drain")
	if len(third) != 1 || third[0].text() != "b" {
		t.Fatalf("after a negative acknowledgement the pull got %+v", third)
	}
	acknowledge(t, s, "drain", third...)
	s.Advance(time.Hour)
	if got := pulled(t, s, "drain"); got != "" {
		t.Errorf("an acknowledged message came back: %s", got)
	}
	if got := s.Admin(t, "POST", subscriptions+"/second:acknowledge", map[string]any{"ackIds": ackIDs(third...)}).Status; got != 400 {
		t.Errorf("an ack id of another subscription is answered %d", got)
	}
	if got := pulled(t, s, "second"); got != "a b" {
		t.Errorf("the other subscription got %s", got)
	}
	// Those of an earlier subscription of the name are not its own.
	s.Must(t, "DELETE", subscriptions+"/drain", nil)
	subscribe(t, s, "drain", "events", nil)
	if got := s.Admin(t, "POST", subscriptions+"/drain:acknowledge", map[string]any{"ackIds": ackIDs(third...)}).Status; got != 400 {
		t.Errorf("an ack id of an earlier subscription is answered %d", got)
	}
}

func TestRetryPolicy(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, map[string]any{"ackDeadlineSeconds": 60, "retryPolicy": map[string]any{"minimumBackoff": "10s", "maximumBackoff": "35s"}})
	publish(t, s, "events", "a")
	for i, wait := range []time.Duration{10 * time.Second, 20 * time.Second, 35 * time.Second, 35 * time.Second} {
		m := pull(t, s, "drain")
		if len(m) != 1 {
			t.Fatalf("pull %d got %v", i, m)
		}
		if i%2 == 0 {
			extend(t, s, "drain", 0, m...)
		} else {
			s.Advance(60 * time.Second)
		}
		s.Advance(wait - time.Second)
		if got := pulled(t, s, "drain"); got != "" {
			t.Errorf("after %v and %d failures the message is back", wait-time.Second, i+1)
		}
		s.Advance(time.Second)
	}
	if got := pulled(t, s, "drain"); got != "a" {
		t.Errorf("in the end the pull got %q", got)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.Must(t, "PUT", topics+"/events", nil)
	s.Must(t, "PUT", topics+"/dead", nil)
	subscribe(t, s, "dead", "dead", nil)
	subscribe(t, s, "drain", "events", map[string]any{"deadLetterPolicy": map[string]any{"deadLetterTopic": topicName + "dead", "maxDeliveryAttempts": 5}})
	attributes := map[string]string{"k": "v"}
	s.Must(t, "POST", topics+"/events:publish", map[string]any{"messages": []any{map[string]any{"data": "eA==", "attributes": attributes}}})
	var last received
	refuse := func(attempts ...int) {
		t.Helper()
		for _, attempt := range attempts {
			m := pull(t, s, "drain")
			if len(m) != 1 || m[0].DeliveryAttempt != attempt || !maps.Equal(m[0].Message.Attributes, attributes) {
				t.Fatalf("attempt %d got %+v", attempt, m)
			}
			last = m[0]
			extend(t, s, "drain", 0, m...)
		}
	}
	// Without the agent's rights the message stays, one right being too few.
	refuse(1, 2, 3, 4, 5, 6)
	s.Bind(t, topics+"/dead", "roles/pubsub.publisher", agent)
	refuse(7)
	if got := s.PubSub().Backlog("dead"); got.Unacknowledged != 0 {
		t.Errorf("the dead letters are %+v", got)
	}
	s.Bind(t, subscriptions+"/drain", "roles/pubsub.subscriber", agent)
	refuse(8)
	if got := pulled(t, s, "drain"); got != "" {
		t.Errorf("the dead-lettered message is back: %s", got)
	}
	dead := pull(t, s, "dead")
	if len(dead) != 1 {
		t.Fatalf("the dead letters are %+v", dead)
	}
	published, err := time.Parse(time.RFC3339, last.Message.PublishTime)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"k": "v", "CloudPubSubDeadLetterSourceDeliveryCount": "8", "CloudPubSubDeadLetterSourceSubscription": "drain",
		"CloudPubSubDeadLetterSourceSubscriptionProject": googletest.Project,
		"CloudPubSubDeadLetterSourceTopicPublishTime":    published.UTC().Format("2006-01-02T15:04:05.000-07:00"),
	}
	if diff := cmp.Diff(want, dead[0].Message.Attributes); diff != "" || dead[0].text() != "x" || dead[0].DeliveryAttempt != 0 || dead[0].Message.MessageID == last.Message.MessageID {
		t.Errorf("the dead letter is %+v, its attributes (-want +got):\n%s", dead[0], diff)
	}
	// A lease that ends by itself counts, too.
	publish(t, s, "events", "y")
	for range 5 {
		pull(t, s, "drain")
		s.Advance(10 * time.Second)
	}
	if got := pulled(t, s, "dead"); !strings.Contains(got, "y") {
		t.Errorf("the dead letters are %q", got)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, map[string]any{"messageRetentionDuration": "600s", "expirationPolicy": map[string]any{}})
	subscribe(t, s, "unused", "events", map[string]any{"expirationPolicy": map[string]any{"ttl": "86400s"}})
	subscribe(t, s, "used", "events", map[string]any{"expirationPolicy": map[string]any{"ttl": "86400s"}})
	publish(t, s, "events", "a")
	pull(t, s, "drain")
	s.Advance(9 * time.Minute)
	publish(t, s, "events", "b")
	s.Advance(time.Minute)
	if got := pulled(t, s, "drain"); got != "b" {
		t.Errorf("after ten minutes the pull got %q", got)
	}
	s.Must(t, "PATCH", subscriptions+"/drain?updateMask=messageRetentionDuration", map[string]any{"subscription": map[string]any{"messageRetentionDuration": "1200s"}})
	s.Advance(18 * time.Minute)
	if got := s.PubSub().Backlog("drain"); got.Unacknowledged != 1 {
		t.Errorf("the backlog with a longer retention is %+v", got)
	}
	s.Advance(12 * time.Hour)
	pull(t, s, "used")
	s.Advance(13 * time.Hour)
	if got := s.Admin(t, "GET", subscriptions+"/unused", nil).Status; got != 404 {
		t.Errorf("the unused subscription is answered %d", got)
	}
	s.Must(t, "GET", subscriptions+"/used", nil)
	s.Advance(300 * 24 * time.Hour)
	s.Must(t, "GET", subscriptions+"/drain", nil) // which never expires
}

func TestDetach(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	publish(t, s, "events", "a")
	s.Must(t, "POST", subscriptions+"/drain:detach", nil)
	if got := s.Admin(t, "POST", subscriptions+"/drain:pull", `{"maxMessages":1}`).Error(t); !strings.HasPrefix(got, "400 FAILED_PRECONDITION: ") {
		t.Errorf("a pull of a detached subscription is answered %s", got)
	}
	publish(t, s, "events", "b")
	if got := s.Must(t, "GET", subscriptions+"/drain", nil)["detached"]; got != true || s.PubSub().Backlog("drain").Unacknowledged != 0 {
		t.Errorf("detached is %v, the backlog %+v", got, s.PubSub().Backlog("drain"))
	}
}

// TestDeletedTopic reads what was published before the topic's end.
func TestDeletedTopic(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	publish(t, s, "events", "a")
	s.Must(t, "DELETE", topics+"/events", nil)
	s.Must(t, "PUT", topics+"/events", nil)
	publish(t, s, "events", "b")
	if got := pulled(t, s, "drain"); got != "a" {
		t.Errorf("the pull got %q", got)
	}
}

// waiting starts a pull that waits, and returns once it does.
func waiting(t *testing.T, ctx context.Context, s *googletest.Server, out chan<- string) {
	t.Helper()
	started := make(chan struct{})
	go func() {
		req, err := http.NewRequestWithContext(ctx, "POST", s.URL+subscriptions+"/drain:pull", readThen(`{"maxMessages":10}`, started))
		if err != nil {
			out <- err.Error()
			return
		}
		req.Header.Set("Authorization", "Bearer "+s.AdminToken())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			out <- "broken"
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			text = []byte(err.Error())
		}
		out <- fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(text)))
	}()
	<-started
}

// TestLongPolling waits for messages that come by publication, by a negative
// acknowledgement and by the clock, and ends with its client.
func TestLongPolling(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, map[string]any{"ackDeadlineSeconds": 600}, func(o *google.Options) { o.PullWait = time.Hour })
	out := make(chan string, 1)
	waiting(t, t.Context(), s, out)
	publish(t, s, "events", "a")
	if got := <-out; !strings.Contains(got, `"data":"YQ=="`) {
		t.Fatalf("published to, the pull answered %s", got)
	}
	waiting(t, t.Context(), s, out)
	s.Advance(10 * time.Minute)
	if got := <-out; !strings.Contains(got, `"data":"YQ=="`) {
		t.Fatalf("after the deadline, the pull answered %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting(t, ctx, s, out)
	cancel()
	if got := <-out; got != "broken" {
		t.Fatalf("a pull that was given up answered %s", got)
	}
	// Nothing is leased to who went away, however late the service learns of it.
	waiting(t, t.Context(), s, out)
	s.Must(t, "DELETE", subscriptions+"/drain", nil)
	if got := <-out; !strings.HasPrefix(got, "404") {
		t.Errorf("a pull of a subscription that is deleted answered %s", got)
	}
	subscribe(t, s, "drain", "events", nil)
	waiting(t, t.Context(), s, out)
	s.PubSub().Close()
	if got := <-out; got != "200 {}" {
		t.Errorf("a pull at the end answered %s", got)
	}
}

// TestPullWaitsNoLongerThanItsBound lets a wait of a moment pass.
func TestPullWaitsNoLongerThanItsBound(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil, func(o *google.Options) { o.PullWait = time.Millisecond })
	if got := strings.TrimSpace(s.Admin(t, "POST", subscriptions+"/drain:pull", `{"maxMessages":1}`).Body); got != "{}" {
		t.Errorf("the pull answered %s", got)
	}
}

// readThen is a body that tells when it has been read.
func readThen(text string, read chan<- struct{}) *body {
	return &body{text: strings.NewReader(text), read: read}
}

type body struct {
	text *strings.Reader
	read chan<- struct{}
	once sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if err != nil {
		b.once.Do(func() { close(b.read) })
	}
	return n, err
}

// TestRandomLife publishes, pulls, acknowledges, refuses and lets time pass at random, and
// holds what happens to a model of what may: no message is lost, none comes while it is
// leased, none comes back after its acknowledgement.
func TestRandomLife(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			const deadline = 20 * time.Second
			s := withSubscription(t, map[string]any{"ackDeadlineSeconds": 20, "retryPolicy": map[string]any{"minimumBackoff": "1s", "maximumBackoff": "4s"}})
			type state struct {
				ack   string
				until time.Time // of the lease
				done  bool
			}
			model, order := map[string]*state{}, []string{}
			leased := func() []received {
				var out []received
				for _, id := range order {
					if m := model[id]; !m.done && m.ack != "" && s.Now().Add(time.Second).Before(m.until) {
						out = append(out, received{AckID: m.ack})
					}
				}
				return out
			}
			byAck := func(ack string) *state {
				for _, m := range model {
					if m.ack == ack {
						return m
					}
				}
				t.Fatalf("no message has the ack id %s", ack)
				return nil
			}
			take := func() {
				before := s.Now()
				for _, m := range pull(t, s, "drain") {
					known := model[m.Message.MessageID]
					switch {
					case known == nil:
						t.Fatalf("message %s was never published", m.Message.MessageID)
					case known.done:
						t.Fatalf("message %s came back after its acknowledgement", m.Message.MessageID)
					case s.Now().Before(known.until):
						t.Fatalf("message %s came while it was leased", m.Message.MessageID)
					}
					known.ack, known.until = m.AckID, before.Add(deadline)
				}
			}
			for range 150 {
				mine := leased()
				r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				mine = mine[:r.IntN(len(mine)+1)]
				switch r.IntN(6) {
				case 0:
					ids := publish(t, s, "events", strings.Fields(strings.Repeat("x ", 1+r.IntN(5)))...)
					for _, id := range ids {
						model[id] = &state{}
					}
					order = append(order, ids...)
				case 1:
					take()
				case 2:
					if len(mine) > 0 {
						acknowledge(t, s, "drain", mine...)
						for _, m := range mine {
							byAck(m.AckID).done = true
						}
					}
				case 3:
					if len(mine) > 0 {
						extend(t, s, "drain", 0, mine...)
						for _, m := range mine {
							byAck(m.AckID).until = time.Time{}
						}
					}
				case 4:
					if len(mine) > 0 {
						before := s.Now()
						extend(t, s, "drain", 40, mine...)
						for _, m := range mine {
							byAck(m.AckID).until = before.Add(2 * deadline)
						}
					}
				case 5:
					s.Advance(time.Duration(r.IntN(15)) * time.Second)
				}
			}
			open := 0
			for _, m := range model {
				if !m.done {
					open++
				}
			}
			if got := s.PubSub().Backlog("drain").Unacknowledged; got != open {
				t.Fatalf("%d messages are unacknowledged, want %d", got, open)
			}
			s.Advance(time.Minute) // all leases and waits are over
			left := pull(t, s, "drain")
			if len(left) != open {
				t.Errorf("%d messages came in the end, want %d", len(left), open)
			}
			if open > 0 {
				acknowledge(t, s, "drain", left...)
			}
			s.Advance(time.Minute)
			if got := pull(t, s, "drain"); len(got) != 0 || s.PubSub().Backlog("drain").Unacknowledged != 0 {
				t.Errorf("after all %d messages are left", len(got))
			}
		})
	}
}

// TestDisorder lets messages come twice, in another order, and again after they were
// acknowledged, as the faults of requests ask for.
func TestDisorder(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	var rule atomic.Pointer[faults.Rule]
	server := httptest.NewServer(faults.Handler(s.Cloud, func(service string, r *http.Request) *faults.Fault {
		if rule := rule.Load(); rule != nil {
			return faults.Rules(*rule)(service, r)
		}
		return nil
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	fault := func(text string) {
		t.Helper()
		if text == "" {
			rule.Store(nil)
			return
		}
		parsed, err := faults.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rule.Store(&parsed)
	}
	publish(t, s, "events", "a", "b", "c", "d", "e")
	fault("google/pubsub POST /*:pull: duplicate shuffle=1")
	first := pull(t, s, "drain")
	fault("")
	second := pull(t, s, "drain")
	var orders []string
	for _, pulled := range [][]received{first, second} {
		order := ""
		for _, m := range pulled {
			order += m.text()
		}
		orders = append(orders, order)
	}
	if orders[0] == "abcde" || len(orders[0]) != 5 || orders[0] != orders[1] {
		t.Errorf("the messages came in the orders %q, want one of another order twice", orders)
	}
	// Either lease is good for an acknowledgement; what is left comes once.
	acknowledge(t, s, "drain", first[0])
	acknowledge(t, s, "drain", second[1])
	s.Advance(10 * time.Second)
	left := pull(t, s, "drain")
	if len(left) != 3 {
		t.Errorf("%d messages are left, want 3", len(left))
	}
	fault("pubsub /*:acknowledge: forget")
	acknowledge(t, s, "drain", left...)
	fault("")
	s.Advance(10 * time.Second)
	if got := pull(t, s, "drain"); len(got) != 3 {
		t.Errorf("%d messages came back after acknowledgements that were forgotten, want 3", len(got))
	}
	fault("pubsub: status=503")
	if got := s.Admin(t, "POST", subscriptions+"/drain:pull", `{"maxMessages":1}`).Error(t); got != "503 UNAVAILABLE: The service is currently unavailable." {
		t.Errorf("an injected refusal is %s", got)
	}
}
