package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Checker asks S3 for the size in bytes and the CRC32C of an object: see
// copy.Handler.Checksum.
type Checker interface {
	Checksum(ctx context.Context, bucket, key string) (size int64, crc32c string, generation int64, there bool, err error)
}

// Verification is what the destination has of a job's objects at a later time.
type Verification struct {
	At        time.Time `json:"at"`
	Same      Count     `json:"same"`      // of the size and CRC32C that were planned
	Missing   Count     `json:"missing"`   // not at the destination
	Different Count     `json:"different"` // of another size or CRC32C
	Unchecked int64     `json:"unchecked"` // shards that could not be checked
	Digest    Digest    `json:"digest"`    // of Same
	Expected  Digest    `json:"expected"`  // of what the job had proven
	Proven    bool      `json:"proven"`    // both agree
	Examples  []Failure `json:"examples"`  // of Missing and Different
}

func checkFolder(job string, run int) string {
	return fmt.Sprintf("%s%s/checks/%d/", Folder, job, run)
}

func verificationKey(job string, run int) string {
	return fmt.Sprintf("%s%s/checks/%d.json", Folder, job, run)
}

// LoadVerification returns what an execution found; there reports whether it is finished.
func LoadVerification(ctx context.Context, files Files, job string, run int) (v Verification, there bool, err error) {
	return find[Verification](ctx, files, verificationKey(job, run))
}

// recheck begins to check the destination again: it writes an index of all shards.
func (w *Worker) recheck(ctx context.Context, job string, run int) (Answer, error) {
	if _, err := w.request(ctx, job); err != nil {
		return Answer{}, err
	}
	key := fmt.Sprintf("%s%s/index/check-%d.jsonl", Folder, job, run) // where the state machine may read
	all, err := w.shards(ctx, job)
	if err != nil {
		return Answer{}, err
	}
	list := newLines(false)
	for _, e := range all {
		list.add(e)
	}
	return Answer{More: len(all) > 0, Index: key, Round: run, Items: len(all)}, w.Files.Put(ctx, key, list.bytes())
}

// checksAtOnce is how many objects of a shard are asked for at a time.
const checksAtOnce = 32

// check checks the objects of a shard.
func (w *Worker) check(ctx context.Context, s Step, item indexEntry) error {
	request, err := w.request(ctx, s.Job)
	if err != nil {
		return err
	}
	key := checkFolder(s.Job, s.Run) + item.Shard + ".json"
	if _, there, err := w.Files.Get(ctx, key); there || err != nil {
		return err
	}
	entries, err := w.shard(ctx, s.Job, item.Shard)
	if err != nil {
		return err
	}
	keys, err := request.template()
	if err != nil {
		return err
	}
	var v Verification
	var mu sync.Mutex
	err = inParallel(ctx, len(entries), checksAtOnce, func(ctx context.Context, i int) error {
		e := entries[i]
		if e.To > 0 { // a slice of an object
			return nil
		}
		key := request.key(keys, e.Name, e.Generation)
		size, sum, _, there, err := w.Checker.Checksum(ctx, request.DestinationBucket, key)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		v.compare(e, key, size, sum, there)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Files.Create(ctx, key, data)
	return err
}

// compare holds what S3 has of an object against the plan.
func (v *Verification) compare(e entry, key string, size int64, sum string, there bool) {
	one := Count{1, e.Size}
	wrong := Failure{Object: e.Name, Key: key, Bytes: e.Size}
	switch {
	case !there:
		v.Missing.add(one)
		wrong.Cause = "not at the destination"
	case size != e.Size || sum != e.CRC32C:
		v.Different.add(one)
		wrong.Cause, wrong.Error = "different", fmt.Sprintf("planned: %d bytes, CRC32C %s; in S3: %d bytes, CRC32C %s", e.Size, e.CRC32C, size, sum)
	default:
		v.Same.add(one)
		v.Digest.Add(e.Name, size, sum)
		return
	}
	if len(v.Examples) < maxExamples {
		v.Examples = append(v.Examples, wrong)
	}
}

// verified joins what was found in all shards.
func (w *Worker) verified(ctx context.Context, job string, run int) (Answer, error) {
	report, err := MakeReport(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	v := Verification{At: w.Now(), Expected: report.Progress.Digest, Unchecked: int64(report.Plan.Shards)}
	for key, err := range w.Files.Keys(ctx, checkFolder(job, run)) {
		if err != nil {
			return Answer{}, err
		}
		if !strings.HasSuffix(key, ".json") {
			continue
		}
		part, err := read[Verification](ctx, w.Files, key)
		if err != nil {
			return Answer{}, err
		}
		v.Unchecked--
		v.Same.add(part.Same)
		v.Missing.add(part.Missing)
		v.Different.add(part.Different)
		v.Digest.Join(part.Digest)
		if len(v.Examples) < maxFailures {
			v.Examples = append(v.Examples, part.Examples...)
		}
	}
	v.Proven = v.Unchecked == 0 && v.Digest == v.Expected
	return Answer{Proven: v.Proven, Failed: v.Missing.Objects + v.Different.Objects}, write(ctx, w.Files, verificationKey(job, run), v)
}
