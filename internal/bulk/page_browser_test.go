package bulk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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
