package benchmark

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

var (
	rounds = flag.Int("rounds", 3, "how often each is measured; the median counts")
	given  = flag.String("bootstrap", "", "the function's binary; default: it is built")
	set    = flag.String("set", "", "variables of the function, such as STREAMS=2, separated by spaces")
	rclone = flag.String("rclone", "", "rclone's binary, to be measured too")
)

// TestMain runs the floor's process if asked to.
func TestMain(m *testing.M) {
	if os.Getenv("BENCHMARK_FLOOR") != "" {
		if err := RunFloor(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	code := m.Run()
	if len(table) > 0 {
		fmt.Printf("\n| case | process | wall | CPU | peak memory | wall / | CPU / |\n| --- | --- | --- | --- | --- | --- | --- |\n%s\n", strings.Join(table, ""))
	}
	os.Exit(code)
}

// table holds the rows of results, in Markdown.
var table []string

// build builds a program in the same way as the function's bundle.
func build(tb testing.TB, dir, pkg string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=", "-o", file, pkg)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return file
}

// functionBinary returns the function's binary: the given one, or a new one.
func functionBinary(tb testing.TB) string {
	tb.Helper()
	if *given != "" {
		return *given
	}
	return build(tb, "../..", "./function")
}

// job is one case: the function's events, and what the others copy.
type job struct {
	name    string
	events  []string
	folder  string // for rclone; empty for single objects
	objects []string
	atATime int
	bytes   int64
}

func jobs() []job {
	folder := "small/"
	var small []string
	var one []string
	for i := range Small {
		small = append(small, Object("small", i, 1024))
		one = append(one, sent(invocation.Event{Object: small[i]}))
	}
	all := []job{
		{"1KiBx2000", []string{sent(invocation.Event{Prefix: &folder})}, "small", small, 16, Small * 1024},
		{"1KiBx2000-one-by-one", one, "", small, 1, Small * 1024},
	}
	for _, mib := range []int64{64, 1024, 4096} {
		name := Object("large", 0, mib<<20)
		all = append(all, job{fmt.Sprintf("%dMiB", mib), []string{sent(invocation.Event{Object: name})}, "", []string{name}, 1, mib << 20})
	}
	return all
}

// sent returns an event as JSON.
func sent(e invocation.Event) string {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // every field can be encoded
	}
	return string(data)
}

// BenchmarkCopy measures function, floor and rclone alternately, and reports
// medians: of the function, and as ratios to the others.
func BenchmarkCopy(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("processes are measured by Linux's accounts")
	}
	bootstrap := functionBinary(b)
	for _, j := range jobs() {
		b.Run(j.name, func(b *testing.B) {
			for range b.N {
				measured := map[string][]usage{}
				for range *rounds {
					for name, run := range map[string]func(*testing.B, *Range, job) usage{
						"function": func(b *testing.B, r *Range, j job) usage { return runFunction(b, r, bootstrap, j) },
						"floor":    runFloor,
						"rclone":   runRclone,
					} {
						if name == "rclone" && (*rclone == "" || len(j.events) > 1) {
							continue
						}
						r, err := Open(b.TempDir())
						if err != nil {
							b.Fatal(err)
						}
						measured[name] = append(measured[name], run(b, r, j))
						if n, wrong := r.Sink.Received(); n < j.bytes || wrong > 0 {
							b.Fatalf("%s: the sink received %d bytes of %d, %d objects wrong", name, n, j.bytes, wrong)
						}
						r.Close()
					}
				}
				report(b, j.name, measured)
			}
		})
	}
}

func report(b *testing.B, title string, measured map[string][]usage) {
	b.ReportMetric(0, "ns/op")
	function := median(measured["function"])
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		u := median(measured[name])
		table = append(table, fmt.Sprintf("| %s | %s | %.3g s | %.3g s | %.1f MiB | %.2f | %.2f |\n", title, name, u.wall.Seconds(), u.cpu.Seconds(), float64(u.peak)/(1<<20),
			function.wall.Seconds()/u.wall.Seconds(), function.cpu.Seconds()/u.cpu.Seconds()))
		b.ReportMetric(u.wall.Seconds(), name+"-wall-s")
		b.ReportMetric(u.cpu.Seconds(), name+"-cpu-s")
		b.ReportMetric(float64(u.peak)/(1<<20), name+"-MiB")
		if name != "function" {
			b.ReportMetric(function.wall.Seconds()/u.wall.Seconds(), "wall/"+name)
			b.ReportMetric(function.cpu.Seconds()/u.cpu.Seconds(), "cpu/"+name)
		}
	}
}

// median returns the median of each figure; for memory, the maximum.
func median(usages []usage) usage {
	by := func(value func(usage) int64) int64 {
		values := make([]int64, len(usages))
		for i, u := range usages {
			values[i] = value(u)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	u := usage{wall: time.Duration(by(func(u usage) int64 { return int64(u.wall) })), cpu: time.Duration(by(func(u usage) int64 { return int64(u.cpu) }))}
	for _, each := range usages {
		u.peak = max(u.peak, each.peak)
	}
	return u
}

var (
	gib     = flag.Int64("gib", 8, "size of BenchmarkInvocations' object, in GiB")
	seconds = flag.Int("invocation", 3, "timeout of BenchmarkInvocations' invocations, in seconds")
)

// BenchmarkInvocations copies an object that takes several invocations.
func BenchmarkInvocations(b *testing.B) {
	bootstrap := functionBinary(b)
	for range b.N {
		r, err := Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		l := warm(b, r, bootstrap)
		defer l.Close()
		size := *gib << 30
		name := Object("large", 0, size)
		r.Prepare(size)
		l.timeout = time.Duration(*seconds) * time.Second
		var invocations int
		u := measure(b, l.process.Process.Pid, func() (err error) {
			invocations, err = l.Invoke(b.Context(), sent(invocation.Event{Object: name}))
			return err
		})
		n, wrong := r.Sink.Received()
		if n < size || wrong > 0 || invocations < 2 {
			b.Fatalf("%d invocations; the sink received %d bytes of %d, %d parts wrong", invocations, n, size, wrong)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(invocations), "invocations")
		b.ReportMetric(u.wall.Seconds(), "wall-s")
		b.ReportMetric(u.cpu.Seconds(), "cpu-s")
		b.ReportMetric(float64(u.peak)/(1<<20), "MiB")
		b.ReportMetric(float64(n-size)/float64(size)*100, "%-sent-again")
		table = append(table, fmt.Sprintf("| %d GiB, %d invocations of %d s | function | %.3g s | %.3g s | %.1f MiB | sent again: | %.2f %% |\n",
			*gib, invocations, *seconds, u.wall.Seconds(), u.cpu.Seconds(), float64(u.peak)/(1<<20), float64(n-size)/float64(size)*100))
	}
}

// BenchmarkEvents compares copies of objects by events with those of the same objects by a
// prefix, in one invocation each.
func BenchmarkEvents(b *testing.B) {
	bootstrap := functionBinary(b)
	j := jobs()[0]
	for range b.N {
		measured := map[string][]usage{}
		for range *rounds {
			r, err := Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			measured["prefix"] = append(measured["prefix"], runFunction(b, r, bootstrap, j))
			r.Sink.Received()
			measured["function"] = append(measured["function"], runEvents(b, r, bootstrap, j.objects))
			if n, wrong := r.Sink.Received(); n < j.bytes || wrong > 0 || r.Acknowledged() != len(j.objects) {
				b.Fatalf("the sink received %d bytes of %d, %d objects wrong, %d messages acknowledged", n, j.bytes, wrong, r.Acknowledged())
			}
			r.Close()
		}
		report(b, "1KiBx2000 by events", measured)
	}
}

// runEvents measures a drain of events of the objects, after one of a few.
func runEvents(b *testing.B, r *Range, bootstrap string, objects []string) usage {
	b.Helper()
	env, err := r.Environ(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	env = append(env, invocation.EnvEventsSubscription+"=projects/benchmark/subscriptions/events", invocation.EnvEventsTopic+"=projects/benchmark/topics/events",
		invocation.EnvPubSubEndpoint+"="+r.OriginURL)
	l, err := startLambda(bootstrap, append(env, strings.Fields(*set)...))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	drain := func() error {
		_, err := l.Invoke(ctx, "{}")
		return err
	}
	r.Announce([]string{Object("warm", 0, 1024)})
	if err := drain(); err != nil {
		b.Fatal(err)
	}
	r.Announce(objects)
	return measure(b, l.process.Process.Pid, drain)
}

// BenchmarkStart measures the time from a process's start to its first request to
// the runtime API, for the function and for a program that does nothing else.
func BenchmarkStart(b *testing.B) {
	binaries := map[string]string{"function": functionBinary(b), "empty": build(b, ".", "./testdata/empty")}
	r, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	env, err := r.Environ(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		took := map[string][]usage{}
		for range 10 * *rounds {
			for name, file := range binaries {
				l, err := startLambda(file, env)
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				first, err := l.FirstRequest(ctx)
				cancel()
				l.Close()
				if err != nil {
					b.Fatal(err)
				}
				took[name] = append(took[name], usage{wall: first})
			}
		}
		function, empty := median(took["function"]).wall, median(took["empty"]).wall
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(function.Microseconds())/1000, "function-ms")
		b.ReportMetric(float64(empty.Microseconds())/1000, "empty-ms")
		b.ReportMetric(float64(function)/float64(empty), "function/empty")
		table = append(table, fmt.Sprintf("| start to first request | function | %.1f ms | | | | |\n| start to first request | empty | %.1f ms | | | %.2f | |\n",
			float64(function.Microseconds())/1000, float64(empty.Microseconds())/1000, float64(function)/float64(empty)))
	}
}

// measure measures a warm process while do runs.
func measure(b *testing.B, pid int, do func() error) usage {
	b.Helper()
	before, err := look(pid)
	if err == nil {
		err = do()
	}
	after, lookErr := look(pid)
	if err != nil || lookErr != nil {
		b.Fatal(err, lookErr)
	}
	return after.since(before)
}

// warm starts the function, and lets it get its token and open its connections.
func warm(b *testing.B, r *Range, bootstrap string) *Lambda {
	b.Helper()
	env, err := r.Environ(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := startLambda(bootstrap, append(env, strings.Fields(*set)...))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	if _, err := l.Invoke(ctx, "{}"); err != nil {
		l.Close()
		b.Fatal(err)
	}
	return l
}

func runFunction(b *testing.B, r *Range, bootstrap string, j job) usage {
	l := warm(b, r, bootstrap)
	defer l.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	return measure(b, l.process.Process.Pid, func() error {
		for _, event := range j.events {
			if _, err := l.Invoke(ctx, event); err != nil {
				return err
			}
		}
		return nil
	})
}

func runFloor(b *testing.B, r *Range, j job) usage {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BENCHMARK_FLOOR=1", "SSL_CERT_FILE="+r.Certificates)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}()
	lines := bufio.NewReader(out)
	do := func(objects ...string) error {
		if err := json.NewEncoder(in).Encode(order{r.OriginURL, r.SinkURL, objects, j.atATime}); err != nil {
			return err
		}
		_, err := lines.ReadString('\n')
		return err
	}
	if err := do(Object("warm", 0, 1024)); err != nil {
		b.Fatal(err)
	}
	return measure(b, cmd.Process.Pid, func() error { return do(j.objects...) })
}

// runRclone measures one command from start to end, as it is used.
func runRclone(b *testing.B, r *Range, j job) usage {
	const from, to = `:gcs,anonymous:`, `:s3,provider=Other,force_path_style:`
	args := []string{"copyto", from + Bucket + "/" + j.objects[0], to + Bucket + "/" + j.objects[0]}
	if j.folder != "" {
		args = []string{"copy", from + Bucket + "/" + j.folder, to + Bucket + "/" + j.folder, "--transfers", "16", "--checkers", "16"}
	}
	cmd := exec.Command(*rclone, args...)
	cmd.Env = []string{
		"HOME=" + b.TempDir(), "SSL_CERT_FILE=" + r.Certificates, "RCLONE_GCS_ENDPOINT=" + r.OriginURL + "/storage/v1/",
		"RCLONE_S3_ENDPOINT=" + r.SinkURL, "RCLONE_S3_ACCESS_KEY_ID=AKIDEXAMPLE", "RCLONE_S3_SECRET_ACCESS_KEY=secret", "RCLONE_S3_NO_CHECK_BUCKET=true", "RCLONE_RETRIES=1", "RCLONE_LOG_LEVEL=ERROR",
	}
	cmd.Stderr, cmd.Stdout = os.Stderr, io.Discard
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal("rclone: ", err)
	}
	return usage{time.Since(begin), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peakOf(cmd.ProcessState)}
}
