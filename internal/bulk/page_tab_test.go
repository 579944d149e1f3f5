package bulk

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// requireBrowser names the environment variable that makes tests fail, instead of being
// skipped, on a machine without a browser.
const requireBrowser = "REQUIRE_BROWSER"

// findBrowser returns the path of a Chromium, or skips the test.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "the page is not tried in a browser: no Chromium is installed; `apt-get install chromium-headless-shell` brings one"
	if os.Getenv(requireBrowser) != "" {
		t.Fatalf("%s, and %s is set", missing, requireBrowser)
	}
	t.Skipf("%s, and %s=1 makes this a failure", missing, requireBrowser)
	return ""
}

// tab is a tab of a headless browser, driven through Chrome's DevTools Protocol over pipes.
type tab struct {
	t       *testing.T
	to      io.Writer
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
	events  []event
	loaded  chan struct{}
}

type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

type event struct {
	Method string
	Params json.RawMessage
}

// openTab starts a browser that is closed at the end of the test.
func openTab(t *testing.T) *tab {
	t.Helper()
	browser := findBrowser(t)
	fromUs, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromBrowser, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
		"--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(),
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium refuses to sandbox itself as root
	}
	cmd := exec.Command(browser, args...)
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4 of the browser
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	b := &tab{t: t, to: toBrowser, waiting: map[int]chan answer{}, loaded: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.read(fromBrowser)
	}()
	t.Cleanup(func() {
		toBrowser.Close() // which ends the browser
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		<-ended
		fromBrowser.Close()
	})
	var target struct{ TargetID, SessionID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	b.session = target.SessionID
	for _, domain := range []string{"Page", "Network", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read hands out the browser's messages, each of which ends with a zero.
func (b *tab) read(from io.Reader) {
	for r := bufio.NewReader(from); ; {
		data, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, c := range b.waiting {
				close(c)
			}
			b.waiting = nil
			return
		}
		var message struct {
			ID int
			answer
			event
		}
		if err := json.Unmarshal(data[:len(data)-1], &message); err != nil {
			continue
		}
		b.mu.Lock()
		if c := b.waiting[message.ID]; c != nil {
			delete(b.waiting, message.ID)
			c <- message.answer
		} else if message.Method != "" {
			b.events = append(b.events, message.event)
			if message.Method == "Page.loadEventFired" {
				select {
				case b.loaded <- struct{}{}:
				default:
				}
			}
		}
		b.mu.Unlock()
	}
}

// call calls a method of the protocol and parses its result.
func (b *tab) call(method string, params, result any) {
	b.t.Helper()
	c := make(chan answer, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	if b.waiting == nil {
		b.mu.Unlock()
		b.t.Fatalf("%s: the browser has ended", method)
	}
	b.waiting[id] = c
	b.mu.Unlock()
	message := map[string]any{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	data, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case a, ok := <-c:
		if !ok || a.Error != nil {
			b.t.Fatalf("%s: %+v", method, a.Error)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				b.t.Fatalf("%s: %v in %s", method, err, a.Result)
			}
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: no answer in a minute", method)
	}
}

// open loads a file and returns how long it took.
func (b *tab) open(file string) time.Duration {
	b.t.Helper()
	select {
	case <-b.loaded: // of the page before
	default:
	}
	start := time.Now()
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	select {
	case <-b.loaded:
	case <-time.After(time.Minute):
		b.t.Fatal("the page was not loaded in a minute")
	}
	return time.Since(start)
}

// eval evaluates an expression in the page and parses its value.
func (b *tab) eval(expression string, value any) {
	b.t.Helper()
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &result)
	if result.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, result.ExceptionDetails)
	}
	if value != nil {
		if err := json.Unmarshal(result.Result.Value, value); err != nil {
			b.t.Fatalf("%s: %v in %s", expression, err, result.Result.Value)
		}
	}
}

// press presses a key as a person does.
func (b *tab) press(key string, code int, text string) {
	b.t.Helper()
	params := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
	if text != "" {
		params["text"] = text
	}
	b.call("Input.dispatchKeyEvent", params, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// happened returns the parameters of the events so far with one of the names.
func (b *tab) happened(methods ...string) (params []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if slices.Contains(methods, e.Method) {
			params = append(params, string(e.Params))
		}
	}
	return params
}
