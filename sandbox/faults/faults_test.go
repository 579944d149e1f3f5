package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// echo is a cloud that answers what it is sent, and counts.
type echo struct{ served chan string }

func (e echo) Service(*http.Request) string { return "aws/s3" }

func (e echo) Refuse(w http.ResponseWriter, _ *http.Request, r Refusal) {
	http.Error(w, r.Code, r.Status)
}

func (e echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		e.served <- "broken after " + string(data)
		http.Error(w, "short", http.StatusBadRequest)
		return
	}
	e.served <- string(data)
	_, _ = w.Write(data)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const body = "0123456789"
	for _, tt := range []struct {
		name   string
		fault  Fault
		answer string // with the status
		broken bool   // the connection breaks behind it
		served string // what the cloud was sent
	}{
		{"none", Fault{}, "200 " + body, false, body},
		{"late", Fault{Delay: time.Millisecond}, "200 " + body, false, body},
		{"refused", Fault{Refuse: &Refusal{Status: 503, Code: "SlowDown"}}, "503 SlowDown\n", false, ""},
		{"dropped at once", Fault{DropRequest: At(0)}, "", true, ""},
		{"dropped within", Fault{DropRequest: At(4)}, "", true, "broken after 0123"},
		{"changed on the way there", Fault{CorruptRequest: At(4)}, "200 0123556789", false, "0123556789"},
		{"changed behind its end", Fault{CorruptRequest: At(10)}, "200 " + body, false, body},
		{"the answer is lost", Fault{LoseAnswer: true}, "", true, body},
		{"cut", Fault{CutAnswer: At(4)}, "200 0123", true, body},
		{"cut at once", Fault{CutAnswer: At(0)}, "200 ", true, body},
		{"corrupt", Fault{CorruptAnswer: At(1)}, "200 0023456789", false, body},
		{"stalls", Fault{StallAnswer: &Stall{At: 3, For: time.Millisecond}}, "200 " + body, false, body},
		{"crawls", Fault{AnswerRate: 1 << 20}, "200 " + body, false, body},
		{"crawls, corrupt and cut", Fault{AnswerRate: 1 << 20, CorruptAnswer: At(2), CutAnswer: At(5)}, "200 01334", true, body},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cloud := echo{make(chan string, 1)}
			server := httptest.NewServer(Handler(cloud, func(string, *http.Request) *Fault { return &tt.fault }))
			defer server.Close()
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader(body))
			got := ""
			if err == nil {
				var data []byte
				data, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				got = resp.Status[:4] + string(data)
			}
			if got != tt.answer || (err != nil) != tt.broken {
				t.Errorf("answered %q, %v; want %q, broken %v", got, err, tt.answer, tt.broken)
			}
			served := ""
			select {
			case served = <-cloud.served:
			default:
			}
			if served != tt.served {
				t.Errorf("the cloud was sent %q, want %q", served, tt.served)
			}
		})
	}
}

// TestStallEndsWithTheClient stalls for longer than any test runs.
func TestStallEndsWithTheClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(Handler(echo{make(chan string, 1)}, func(string, *http.Request) *Fault {
		return &Fault{StallAnswer: &Stall{At: 2, For: time.Hour}}
	}))
	defer server.Close() // waits for the handler
	resp, err := http.Post(server.URL, "text/plain", strings.NewReader("0123"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part := make([]byte, 2)
	if _, err := io.ReadFull(resp.Body, part); err != nil || string(part) != "01" {
		t.Errorf("before the stall came %q, %v", part, err)
	}
}

// A refusal comes before, within or after the body, for any method and status, and
// does not wait for what the client has not sent yet.
func TestRefusalsWithinBodies(t *testing.T) {
	t.Parallel()
	const big, small = 1 << 20, 1000
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		for name, tt := range map[string]struct {
			rule   string
			size   int  // of the body
			sent   int  // what the client sends before it waits for the answer
			closed bool // the connection is closed with the answer
		}{
			"before":               {"", big, 0, false},
			"before, and closed":   {"close", big, 0, true},
			"before a small body":  {"close", small, 0, true},
			"within":               {"after=266240", big, 266240, false},
			"within, and closed":   {"after=266240 close", big, 266240, true},
			"within its first KB":  {"after=1", big, 1024, false},
			"within a small body":  {"after=10", small, 10, false},
			"at once within it":    {"after=10 close", small, 10, true},
			"behind":               {"after=all", big, big, false},
			"behind, and closed":   {"after=all close", big, big, true},
			"behind a small body":  {"after=all", small, small, false},
			"behind a shorter one": {"after=9999999", big, big, false},
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				rule, err := Parse(method + ": status=403 code=AccessDenied " + tt.rule)
				if err != nil {
					t.Fatal(err)
				}
				cloud := echo{make(chan string, 1)}
				server := httptest.NewServer(Handler(cloud, Rules(rule)))
				defer server.Close()
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				fmt.Fprintf(conn, "%s /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, tt.size, strings.Repeat("x", tt.sent))
				in := bufio.NewReader(conn)
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != 403 || string(body) != "AccessDenied\n" {
					t.Errorf("answered %d %q, %v", resp.StatusCode, body, err)
				}
				if tt.closed {
					if _, err := in.ReadByte(); err == nil {
						t.Error("the connection is open")
					}
				}
				if len(cloud.served) > 0 {
					t.Error("the cloud was asked")
				}
			})
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	choose := Rules(
		Rule{Service: "sts", Skip: 1, Times: 2, Fault: Fault{Delay: 1}},
		Rule{Service: "aws/*", Method: "PUT", Path: "/bucket/*/x*", Fault: Fault{Delay: 2}},
		Rule{Method: "POST", Path: "/bucket/*?uploadId=*", Fault: Fault{Delay: 3}},
	)
	for i, tt := range []struct {
		service, method, path string
		want                  time.Duration
	}{
		{"google/sts", "POST", "/v1/token", 0},
		{"aws/sts", "POST", "/", 1},
		{"google/sts", "POST", "/v1/token", 1},
		{"google/sts", "POST", "/v1/token", 0},
		{"aws/s3", "PUT", "/bucket/a/b/x1", 2},
		{"aws/s3", "put", "/bucket/a/b/x1", 2},
		{"aws/s3", "PUT", "/bucket/a/b/y", 0},
		{"aws/s3", "GET", "/bucket/a/x", 0},
		{"google/storage", "PUT", "/bucket/a/x", 0},
		{"aws/s3", "POST", "/bucket/a?uploads=", 0},
		{"aws/s3", "POST", "/bucket/a?uploadId=1", 3},
		{"aws/s3", "PUT", "/other/bucket/a/x", 0},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Method = tt.method
		var got time.Duration
		if f := choose(tt.service, r); f != nil {
			got = f.Delay
		}
		if got != tt.want {
			t.Errorf("request %d, %s %s %s: fault %d, want %d", i, tt.service, tt.method, tt.path, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rule{
		"aws/s3 PUT /b/*: status=503 code=SlowDown retry-after=2s times=3": {Service: "aws/s3", Method: "PUT", Path: "/b/*", Times: 3, Fault: Fault{Refuse: &Refusal{Status: 503, Code: "SlowDown", RetryAfter: 2 * time.Second}}},
		"google/sts: delay=300ms skip=1":                                   {Service: "google/sts", Skip: 1, Fault: Fault{Delay: 300 * time.Millisecond}},
		"storage GET: cut=0 corrupt=7 stall=1s@5 rate=1000":                {Service: "storage", Method: "GET", Fault: Fault{CutAnswer: At(0), CorruptAnswer: At(7), StallAnswer: &Stall{5, time.Second}, AnswerRate: 1000}},
		": garble=3": {Fault: Fault{CorruptRequest: At(3)}},
		"PUT /b/*?partNumber=*: status=403 after=266240 close": {
			Method: "PUT", Path: "/b/*?partNumber=*", Fault: Fault{Refuse: &Refusal{Status: 403, After: 266240, Close: true}},
		},
		"DELETE: status=403 after=all": {Method: "DELETE", Fault: Fault{Refuse: &Refusal{Status: 403, After: WholeBody}}},
		": drop=10":                    {Fault: Fault{DropRequest: At(10)}},
		"s3: lose":                     {Service: "s3", Fault: Fault{LoseAnswer: true}},
		"pubsub POST /v1/*:pull: duplicate shuffle=7": {
			Service: "pubsub", Method: "POST", Path: "/v1/*:pull", Fault: Fault{Delivery: &Delivery{Duplicate: true, Shuffle: 7}},
		},
		"pubsub: forget times=2": {Service: "pubsub", Times: 2, Fault: Fault{Delivery: &Delivery{Forget: true}}},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%s): %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%s) (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"s3 status=503":     "the colon is missing",
		"s3 sts: lose":      `"sts" is neither a method nor a path, and there is a service already`,
		"s3:":               "it contains no fault",
		"s3: times=1":       "it contains no fault",
		"s3: explode":       `there is no fault "explode"`,
		"s3: status=99":     "status=99: a status must be from 200 to 599",
		"s3: code=SlowDown": "a refusal needs a status",
		"s3: delay=2":       `delay=2: "2" is not a duration such as 1s or 300ms`,
		"s3: cut=-1":        `cut=-1: "-1" is not a number of bytes`,
		"s3: times=0 lose":  `times=0: "0" is not a number above 0`,
		"s3: lose=1":        "lose=1: it does not take a value",
		"pubsub: shuffle=x": `shuffle=x: "x" is not a number above 0`,
		"s3: close":         "a refusal needs a status",
		"s3: close=1":       "close=1: it does not take a value",
		"s3: after=some":    `after=some: "some" is not a number of bytes`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), Syntax) {
			t.Errorf("Parse(%s) = %v, want %q", text, err, want)
		}
	}
}

func TestNoFaults(t *testing.T) {
	t.Parallel()
	cloud := echo{make(chan string, 1)}
	if h := Handler(cloud, nil); h != http.Handler(cloud) {
		t.Error("without a chooser, something stands before the cloud")
	}
	if _, err := (&shortened{}).Read(nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body at its break gives %v", err)
	}
}
