package benchmark

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// BenchmarkBulk measures what an object of a bulk job costs beside one of the same size that
// is copied by a prefix: both by one invocation, in turns.
func BenchmarkBulk(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("processes are measured by Linux's accounts")
	}
	bootstrap := functionBinary(b)
	for range b.N {
		measured := map[string][]usage{}
		for range *rounds {
			for _, way := range []string{"prefix", "bulk"} {
				r, err := Open(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				run := byPrefix
				if way == "bulk" {
					run = inBulk
				}
				measured[way] = append(measured[way], run(b, r, bootstrap))
				if n, wrong := r.Sink.Received(); n < Small*1024 || wrong > 0 {
					b.Fatalf("%s: the sink received %d bytes, %d objects wrong", way, n, wrong)
				}
				r.Close()
			}
		}
		prefix, job := median(measured["prefix"]), median(measured["bulk"])
		ratio := job.cpu.Seconds() / prefix.cpu.Seconds()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ratio, "cpu-bulk/prefix")
		b.ReportMetric(job.cpu.Seconds()/Small*1e6, "µs-cpu/object")
		for _, row := range []struct {
			way string
			usage
		}{{"in a bulk job", job}, {"by a prefix", prefix}} {
			table = append(table, fmt.Sprintf("| 1 KiB × %d | %s | %.3g s | %.3g s | %.1f MiB | %.2f | %.2f |\n", Small, row.way, row.wall.Seconds(), row.cpu.Seconds(),
				float64(row.peak)/(1<<20), job.wall.Seconds()/row.wall.Seconds(), job.cpu.Seconds()/row.cpu.Seconds()))
		}
	}
}

// byPrefix copies the small objects of a folder by a prefix.
func byPrefix(b *testing.B, r *Range, bootstrap string) usage {
	folder := "small/"
	return runFunction(b, r, bootstrap, job{events: []string{sent(invocation.Event{Prefix: &folder})}})
}

// inBulk plans a job of the same objects in one shard, and copies it; only that is measured.
func inBulk(b *testing.B, r *Range, bootstrap string) usage {
	env, err := r.Environ(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := startLambda(bootstrap, append(append(env, invocation.EnvJobsBucket+"="+JobsBucket), strings.Fields(*set)...))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	step := func(s bulk.Step) {
		b.Helper()
		text, err := json.Marshal(s)
		if err == nil {
			_, err = l.Invoke(ctx, string(text))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	// begun plans a job and returns the line of its only shard.
	begun := func(name, prefix string) json.RawMessage {
		b.Helper()
		request, err := json.Marshal(bulk.Request{
			Version: bulk.Version, Job: name, Created: time.Now(), SourceBucket: Bucket, DestinationBucket: Bucket, Prefix: prefix, Compare: bulk.CompareNone,
		})
		if err != nil {
			b.Fatal(err)
		}
		r.shelf.put(bulk.Folder+name+"/request.json", request)
		step(bulk.Step{Step: bulk.StepDivide, Job: name, Run: 1})
		step(bulk.Step{Step: bulk.StepList, Job: name, Run: 1, Round: 1, Item: bytes.TrimSpace(r.shelf.file(bulk.Folder + name + "/ranges/1.jsonl"))})
		step(bulk.Step{Step: bulk.StepDivide, Job: name, Run: 1})
		step(bulk.Step{Step: bulk.StepAdvance, Job: name, Run: 1, Concurrency: 1})
		lines := bytes.Split(bytes.TrimSpace(r.shelf.file(bulk.Folder+name+"/index/1.jsonl")), []byte("\n"))
		if len(lines) != 1 {
			b.Fatalf("%d shards", len(lines))
		}
		return lines[0]
	}
	item := begun("measured", "small/") // which also gets a token and opens connections
	return measure(b, l.process.Process.Pid, func() error {
		step(bulk.Step{Step: bulk.StepCopy, Job: "measured", Run: 1, Round: 1, Of: 1, Item: item})
		return nil
	})
}
