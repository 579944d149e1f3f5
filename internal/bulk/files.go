package bulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// Files keeps the files of jobs in a bucket of S3.
type Files interface {
	// Get reads a file; there reports whether it exists.
	Get(ctx context.Context, key string) (data []byte, there bool, err error)
	// Put writes a file, or replaces it.
	Put(ctx context.Context, key string, data []byte) error
	// Create writes a file unless it exists.
	Create(ctx context.Context, key string, data []byte) (created bool, err error)
	// Keys lists the files with a prefix in their order.
	Keys(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// Folder is the folder of all jobs in their bucket.
const Folder = "jobs/"

// The files of a job.
func requestKey(job string) string       { return Folder + job + "/request.json" }
func planKey(job string) string          { return Folder + job + "/plan.json" }
func shardsKey(job string) string        { return Folder + job + "/shards.jsonl" }
func reportKey(job string) string        { return Folder + job + "/report.json" }
func marksFolder(job string) string      { return Folder + job + "/keys/" }
func groupKey(job, group string) string  { return Folder + job + "/groups/" + group + ".json" }
func brokenKey(job, group string) string { return Folder + job + "/groups/" + group + ".broken.json" }
func sliceKey(job, group string, n int) string {
	return fmt.Sprintf("%s%s/groups/%s/%05d.json", Folder, job, group, n)
}
func collisionsKey(job string) string       { return Folder + job + "/collisions.bin" }
func failingFolder(job string) string       { return Folder + job + "/failing/" }
func rangesKey(job string, n int) string    { return fmt.Sprintf("%s%s/ranges/%d.jsonl", Folder, job, n) }
func listedFolder(job string, n int) string { return fmt.Sprintf("%s%s/listed/%d/", Folder, job, n) }
func shardKey(job, shard string) string     { return Folder + job + "/shards/" + shard + ".jsonl.gz" }
func indexKey(job string, n int) string     { return fmt.Sprintf("%s%s/index/%d.jsonl", Folder, job, n) }
func roundKey(job string, n int) string     { return fmt.Sprintf("%s%s/rounds/%d.json", Folder, job, n) }
func stopKey(job string, run int) string    { return fmt.Sprintf("%s%s/stops/%d.json", Folder, job, run) }
func resultFolder(job string, n int) string { return fmt.Sprintf("%s%s/results/%d/", Folder, job, n) }
func strikesFolder(job string, run int) string {
	return fmt.Sprintf("%s%s/strikes/%d/", Folder, job, run)
}
func ledgerKey(job string, n int, shard string) string {
	return fmt.Sprintf("%s%s/ledger/%d/%s.jsonl.gz", Folder, job, n, shard)
}

// read parses a file of JSON that must exist.
func read[T any](ctx context.Context, files Files, key string) (v T, err error) {
	v, there, err := find[T](ctx, files, key)
	if err == nil && !there {
		err = fmt.Errorf("%s: there is no such file; hint: is the job's name right, and has nothing of its folder been deleted?", key)
	}
	return v, err
}

// find parses a file of JSON.
func find[T any](ctx context.Context, files Files, key string) (v T, there bool, err error) {
	data, there, err := files.Get(ctx, key)
	if err != nil || !there {
		return v, false, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, true, fmt.Errorf("%s: %w", key, err)
	}
	return v, true, nil
}

// write writes a file of JSON.
func write(ctx context.Context, files Files, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return files.Put(ctx, key, data)
}

// lines writes values as JSON, each on a line of its own.
type lines struct {
	buffer bytes.Buffer
	packed *gzip.Writer // nil: the lines are not compressed
	json   *json.Encoder
}

func newLines(packed bool) *lines {
	l := &lines{}
	if packed {
		l.packed = gzip.NewWriter(&l.buffer)
		l.json = json.NewEncoder(l.packed)
	} else {
		l.json = json.NewEncoder(&l.buffer)
	}
	l.json.SetEscapeHTML(false)
	return l
}

// add adds a value, whose type must have a form in JSON.
func (l *lines) add(v any) {
	if err := l.json.Encode(v); err != nil {
		panic(err) // a buffer takes everything
	}
}

func (l *lines) bytes() []byte {
	if l.packed != nil {
		if err := l.packed.Close(); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	return l.buffer.Bytes()
}

// linesOf iterates over the lines of a compressed file.
func linesOf[T any](ctx context.Context, files Files, key string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		data, there, err := files.Get(ctx, key)
		if err == nil && !there {
			err = fmt.Errorf("%s: there is no such file; hint: nothing of a job's folder can be deleted before the job is done", key)
		}
		if err != nil {
			yield(zero, err)
			return
		}
		packed, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			yield(zero, fmt.Errorf("%s: %w", key, err))
			return
		}
		for v, err := range parse[T](packed) {
			if err != nil {
				err = fmt.Errorf("%s: %w", key, err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// parse iterates over lines of JSON.
func parse[T any](r io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for d := json.NewDecoder(r); ; {
			var v T
			err := d.Decode(&v)
			if err == io.EOF {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// readAll reads all files with a prefix, several at a time and in their order.
func readAll[T any](ctx context.Context, files Files, prefix string) iter.Seq2[T, error] {
	return readKeys[T](ctx, files, files.Keys(ctx, prefix))
}

// readKeys reads files, several at a time and in their order.
func readKeys[T any](ctx context.Context, files Files, keys iter.Seq2[string, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type answer struct {
			value T
			err   error
		}
		const most = 32
		var waiting []chan answer
		first := func() bool {
			a := <-waiting[0]
			waiting = waiting[1:]
			return yield(a.value, a.err) && a.err == nil
		}
		for key, err := range keys {
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if len(waiting) == most && !first() {
				return
			}
			c := make(chan answer, 1)
			waiting = append(waiting, c)
			go func() {
				v, err := read[T](ctx, files, key)
				c <- answer{v, err}
			}()
		}
		for len(waiting) > 0 {
			if !first() {
				return
			}
		}
	}
}
