package bulk

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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

// pageFile writes the page of a report into a file.
func pageFile(t *testing.T, r Report) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(pageOf(t, r, sampleCost(r))), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestThePageInABrowser loads a page with ten thousand failures, some of which have hostile
// names, and uses it with the keyboard.
func TestThePageInABrowser(t *testing.T) {
	b := openTab(t)
	r := sampleReport(maxFailures)
	took := b.open(pageFile(t, r))
	t.Logf("a page with %d failures was loaded in %v", maxFailures, took.Round(time.Millisecond))

	// Rows on the first page, and what is said about them.
	type state struct {
		Rows  int
		First string
		Last  string
		Found string
		Back  bool // cannot be pressed
		On    bool
	}
	look := func() (s state) {
		t.Helper()
		b.eval(`(() => { const rows = document.getElementById("rows").tBodies[0].rows, $ = (id) => document.getElementById(id);
			return {Rows: rows.length, First: rows[0]?.cells[0].textContent ?? "", Last: rows[rows.length - 1]?.cells[0].textContent ?? "",
				Found: $("found").textContent, Back: $("back").disabled, On: $("on").disabled}; })()`, &s)
		return s
	}
	search := func(text string) {
		t.Helper()
		b.eval(`document.getElementById("search").select(), document.getElementById("search").focus()`, nil)
		if text == "" {
			b.press("Delete", 46, "")
			return
		}
		b.call("Input.insertText", map[string]any{"text": text}, nil)
	}
	if s := look(); s.Rows != 100 || s.Found != "1–100 of 10,000" || !s.Back || s.On {
		t.Errorf("at first: %+v", s)
	}

	// What was searched for is found, wherever it stands; words in any order.
	search("THROTTLED")
	want := 0
	for _, f := range r.Failures {
		if f.Cause == "throttled" {
			want++
		}
	}
	if s := look(); s.Rows != 100 || s.Found != fmt.Sprintf("1–100 of %s found, 10,000 listed", formatCount(int64(want))) {
		t.Errorf("throttled: %+v, want %d found", s, want)
	}
	for _, text := range []string{"</script>", "日本語", `\u{202e}gnp`, "window.harmed", "gnp.exe evil", `\x00bell`} {
		search(text)
		if s := look(); s.Rows < 1 || s.Rows > 20 || !strings.Contains(s.Found, "found, 10,000 listed") {
			t.Errorf("%s: %+v", text, s)
		}
	}
	search("there is nothing like this")
	if s := look(); s.Rows != 0 || s.Found != "0 found, 10,000 listed" || !s.On {
		t.Errorf("nothing: %+v", s)
	}
	search("")
	if s := look(); s.Rows != 100 || s.Found != "1–100 of 10,000" {
		t.Errorf("everything again: %+v", s)
	}

	// From the search on, the keyboard reaches the pages and the heads of the columns.
	reach := func(text string) {
		t.Helper()
		for range 12 {
			var focus string
			b.press("Tab", 9, "")
			b.eval(`document.activeElement.textContent.trim()`, &focus)
			if focus == text {
				return
			}
		}
		t.Fatalf("the Tab key does not reach %s", text)
	}
	reach("Next")
	b.press("Enter", 13, "\r")
	if s := look(); s.Found != "101–200 of 10,000" || s.Back {
		t.Errorf("the second page: %+v", s)
	}
	reach("Bytes")
	var sort string
	for _, direction := range []string{"ascending", "descending"} {
		b.press("Enter", 13, "\r")
		b.eval(`document.activeElement.closest("th").getAttribute("aria-sort")`, &sort)
		var sizes []int64
		b.eval(`Array.from(document.querySelectorAll("#rows td[data-n]"), (cell) => Number(cell.dataset.n))`, &sizes)
		all := make([]int64, 0, len(r.Failures))
		for _, f := range r.Failures {
			all = append(all, f.Bytes)
		}
		slices.Sort(all)
		if direction == "descending" {
			slices.Reverse(all)
		}
		if sort != direction || !slices.Equal(sizes, all[:100]) {
			t.Errorf("sorted by bytes, %s: %s, %v", direction, sort, sizes)
		}
	}
	if s := look(); s.Found != "1–100 of 10,000" {
		t.Errorf("sorting does not lead to the first page: %+v", s)
	}
	reach("Cause")
	b.press("Enter", 13, "\r")
	var causes []string
	b.eval(`Array.from(document.querySelectorAll("#rows tbody td:nth-child(3)"), (cell) => cell.textContent)`, &causes)
	if len(causes) != 100 || causes[0] != "access denied" || causes[99] != "access denied" {
		t.Errorf("sorted by cause: %q", causes)
	}
	var sorted int
	b.eval(`document.querySelectorAll("th[aria-sort]").length`, &sorted)
	if sorted != 1 {
		t.Errorf("%d columns say that the rows are sorted by them", sorted)
	}

	// A name is what it was, with its invisible characters written out.
	var names []string
	b.eval(`(() => { const search = document.getElementById("search"); search.value = "evil"; search.dispatchEvent(new Event("input"));
		return Array.from(document.querySelectorAll("#rows td.name:first-child > bdi"), (cell) => cell.textContent); })()`, &names)
	if !slices.Equal(names, []string{`evil\u{202e}gnp.exe`}) {
		t.Errorf("the name is shown as %q", names)
	}

	// Nothing ran, nothing was loaded, nothing was even tried.
	var harmed, title string
	b.eval(`String(window.harmed)`, &harmed)
	b.eval(`document.title`, &title)
	if harmed != "undefined" || !strings.HasPrefix(title, "Proven, except for what failed") {
		t.Errorf("a name has run as a script: %s, title %q", harmed, title)
	}
	var strays int
	b.eval(`document.querySelectorAll("img, iframe, link, object, embed, base, svg[onload], main script, form[action]").length`, &strays)
	if strays != 0 {
		t.Errorf("names became %d elements", strays)
	}
	if requests := b.happened("Network.requestWillBeSent"); len(requests) != 1 || !strings.Contains(requests[0], "report.html") {
		t.Errorf("the page made requests: %q", requests)
	}
	if trouble := b.happened("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening"); len(trouble) != 0 {
		t.Errorf("the browser complains: %q", trouble)
	}
}

// TestThePolicyHolds tries in the page what a name would have to do.
func TestThePolicyHolds(t *testing.T) {
	b := openTab(t)
	b.open(pageFile(t, sampleReport(3)))
	var got struct {
		Script, Handler string
		Loaded          bool
		Refused         []string
	}
	b.eval(`(async () => {
		const refused = [];
		document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
		const script = document.createElement("script");
		script.textContent = "window.ran = 'script'";
		document.body.append(script);
		const div = document.createElement("div");
		div.innerHTML = '<b onclick="window.ran = 1">x</b>';
		document.body.append(div);
		div.firstChild.click();
		const loaded = await new Promise((done) => {
			const image = new Image();
			image.onload = () => done(true);
			image.onerror = () => done(false);
			image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
		});
		await new Promise((done) => setTimeout(done, 50));
		return {Script: String(window.ran), Loaded: loaded, Refused: refused};
	})()`, &got)
	slices.Sort(got.Refused)
	if got.Script != "undefined" || got.Loaded || !slices.Equal(got.Refused, []string{"img-src", "script-src-attr", "script-src-elem"}) {
		t.Errorf("the policy does not hold: %+v", got)
	}
}

// contrastScript returns the texts of the page whose contrast with what is behind them is
// too low (Web Content Accessibility Guidelines 2.2, 1.4.3: 4.5, or 3 for large text).
const contrastScript = `(() => {
	const parse = (color) => {
		const parts = color.match(/[\d.]+/g).map(Number);
		return [parts[0], parts[1], parts[2], parts[3] ?? 1];
	};
	const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
	const light = (color) => {
		const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (element) => {
		const layers = [];
		for (let e = element; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
		return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
	};
	const low = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node; (node = walker.nextNode()); ) {
		const e = node.parentElement, style = getComputedStyle(e);
		if (!node.data.trim() || !e.getClientRects().length || e.closest(":disabled, script, style")) continue;
		const ground = behind(e), color = e instanceof SVGElement ? style.fill : style.color;
		const a = light(over(parse(color), ground)), b = light(ground);
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 600;
		if (ratio < (large ? 3 : 4.5)) low.push(ratio.toFixed(2) + " " + e.tagName + " " + node.data.trim().slice(0, 40));
	}
	return low;
})()`

// TestThePageIsAccessible checks what can be checked without eyes: contrast in light and
// dark, headings in order, names of everything that can be used, heads of tables, and that a
// narrow page does not scroll sideways.
func TestThePageIsAccessible(t *testing.T) {
	b := openTab(t)
	bad := sampleReport(0)
	bad.Progress.Digest[0]++
	good := sampleReport(0)
	good.Plan.Tally.Failing = Counts{}
	for name, r := range map[string]Report{"failures": sampleReport(120), "bad": bad, "good": good} {
		b.open(pageFile(t, r))
		b.eval(`document.querySelectorAll("details").forEach((d) => (d.open = true))`, nil)
		for _, scheme := range []string{"light", "dark"} {
			b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
			var low []string
			b.eval(contrastScript, &low)
			if len(low) > 0 {
				t.Errorf("%s, %s: texts with too little contrast: %q", name, scheme, low[:min(8, len(low))])
			}
		}
		var levels []int
		b.eval(`Array.from(document.querySelectorAll("h1, h2, h3, h4"), (h) => Number(h.tagName[1]))`, &levels)
		for i, level := range levels {
			if i == 0 && level != 1 || i > 0 && (level == 1 || level > levels[i-1]+1) {
				t.Errorf("%s: headings have the levels %v", name, levels)
				break
			}
		}
		var faults []string
		b.eval(`(() => {
			const faults = [], ids = new Set();
			for (const e of document.querySelectorAll("[id]")) ids.has(e.id) ? faults.push("two of " + e.id) : ids.add(e.id);
			for (const e of document.querySelectorAll("[aria-labelledby]")) if (!ids.has(e.getAttribute("aria-labelledby"))) faults.push("no " + e.getAttribute("aria-labelledby"));
			for (const e of document.querySelectorAll("a[href^='#']")) if (!ids.has(e.hash.slice(1))) faults.push("no " + e.hash);
			for (const e of document.querySelectorAll("button, summary, a, th[scope=col]")) if (!e.textContent.trim()) faults.push("nameless " + e.outerHTML);
			for (const e of document.querySelectorAll("input")) if (!e.labels.length) faults.push("unlabelled " + e.id);
			for (const e of document.querySelectorAll("svg")) if (e.getAttribute("role") !== "img" && !e.closest("[aria-hidden]")) faults.push("unexplained " + e.outerHTML.slice(0, 80));
			for (const e of document.querySelectorAll("table")) if (!e.tHead || !e.querySelector("th[scope=col]")) faults.push("headless table in " + e.closest("section").querySelector("h2").textContent);
			if (!document.documentElement.lang) faults.push("no language");
			return faults;
		})()`, &faults)
		if len(faults) > 0 {
			t.Errorf("%s: %q", name, faults)
		}
		for _, width := range []int{320, 390, 768, 1400} {
			b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
			var wide float64
			b.eval(`document.documentElement.scrollWidth`, &wide)
			if wide > float64(width) {
				t.Errorf("%s: at %d pixels the page is %v wide", name, width, wide)
			}
		}
		b.call("Emulation.clearDeviceMetricsOverride", nil, nil)
	}
}

// TestThePageWithoutScripts: everything is there, only not searchable.
func TestThePageWithoutScripts(t *testing.T) {
	b := openTab(t)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(pageFile(t, sampleReport(250)))
	var rows int
	var hidden bool
	b.eval(`document.getElementById("rows").tBodies[0].rows.length`, &rows)
	b.eval(`document.getElementById("tools").hidden`, &hidden)
	if rows != 250 || !hidden {
		t.Errorf("%d rows, tools hidden: %v", rows, hidden)
	}
}

// TestThePagePrints makes a PDF of it, on paper of A4.
func TestThePagePrints(t *testing.T) {
	b := openTab(t)
	b.open(pageFile(t, sampleReport(250)))
	var pdf struct{ Data []byte }
	b.call("Page.printToPDF", map[string]any{"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": true}, &pdf)
	pages := strings.Count(string(pdf.Data), "/Type /Page\n")
	if !strings.HasPrefix(string(pdf.Data), "%PDF-") || pages < 3 || pages > 25 {
		t.Errorf("%d bytes with %d pages", len(pdf.Data), pages)
	}
}
