package bulk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// planner sorts the objects of a span, in the order of their names.
type planner struct {
	worker  *Worker
	request Request
	span    span
	found   listed
	seen    int64

	shard   *lines
	entry   shardEntry
	failing *lines
	failed  int64
	marks   []mark // of all keys, if objects may have the same

	keys     objectkey.Template
	next     func() (copy.Stored, error, bool) // of the destination, in the order of keys; nil: it is not compared
	stop     func()
	stored   copy.Stored // the next of the destination
	looked   int64
	ended    bool
	examples map[string]int
}

func (w *Worker) newPlanner(ctx context.Context, request Request, s span) (*planner, error) {
	p := &planner{worker: w, request: request, span: s, found: listed{Tally: NewTally()}, examples: map[string]int{}}
	var err error
	if p.keys, err = request.template(); err != nil {
		return nil, err
	}
	if request.Compare != CompareNone && ordered(request) {
		key := func(name string) string {
			if name == "" {
				return ""
			}
			return p.key(copy.Listed{Name: name})
		}
		r := copy.Range{Prefix: request.DestinationPrefix + p.keys.Key(objectkey.Object{Name: s.Prefix}), After: key(s.After), Before: key(s.Before)}
		p.next, p.stop = iter.Pull2(w.Buckets.Stored(ctx, request.DestinationBucket, r))
	}
	return p, nil
}

// ordered reports whether the keys of a request are in the order of their objects' names, so
// that both listings can be merged. Of a list it is not worth it: what lies between its names
// would be listed, too.
func ordered(r Request) bool {
	if r.List != nil {
		return false
	}
	literal, ok := strings.CutSuffix(cmp.Or(r.KeyTemplate, objectkey.Default), objectkey.Default)
	return ok && !strings.Contains(literal, "{")
}

func (p *planner) close() {
	if p.stop != nil {
		p.stop()
	}
}

func (p *planner) key(o copy.Listed) string {
	return p.request.key(p.keys, o.Name, o.Generation)
}

// add sorts an object.
func (p *planner) add(ctx context.Context, o copy.Listed) error {
	p.seen++
	t, one := &p.found.Tally, Count{1, o.Size}
	if reason := p.request.skips(o); reason != "" {
		t.Skipped.Add(reason, one)
		return nil
	}
	if o.Size == 0 && !p.keys.Names(o.Name) {
		t.Skipped.Add(SkippedPlaceholder, one)
		return nil
	}
	key := p.key(o)
	if reason := fails(o, key, p.keys.Names(o.Name)); reason != "" {
		return p.fail(ctx, o, key, reason)
	}
	if p.next != nil {
		there, err := p.at(key)
		if err != nil {
			return err
		}
		if there && p.stored.Size == o.Size && p.request.Compare == CompareSize {
			t.Unchanged.add(one)
			return nil
		}
	}
	switch leftOut, reason := copy.CheckMetadata(o); {
	case reason != "":
		return p.fail(ctx, o, key, reason)
	case len(leftOut) > 0:
		t.LeftOut++
		p.example(o.Name, "loses metadata that S3 cannot hold")
	}
	t.toCopy(o)
	if o.Size == 0 && strings.HasSuffix(o.Name, "/") {
		t.Placeholders++
	}
	if !p.keys.Distinct() {
		p.marks = append(p.marks, markOf(key))
	}
	if o.Size > cmp.Or(p.request.GroupBytes, DefaultGroupBytes) && copy.Parts(o.Size) > 1 {
		t.Groups.add(one)
		return p.group(ctx, o)
	}
	if p.shard != nil && (p.entry.Objects >= int64(cmp.Or(p.request.ShardObjects, DefaultShardObjects)) ||
		p.entry.Bytes+o.Size > cmp.Or(p.request.ShardBytes, DefaultShardBytes)) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.shard == nil {
		p.shard = newLines(true)
		p.entry = shardEntry{Shard: fmt.Sprintf("%s-%05d", p.span.ID, len(p.found.Shards))}
	}
	p.shard.add(entryOf(o))
	p.entry.Objects++
	p.entry.Bytes += o.Size
	return nil
}

// at advances the destination's listing to a key and reports whether it is there.
func (p *planner) at(key string) (bool, error) {
	for !p.ended && p.stored.Key < key {
		stored, err, ok := p.next()
		if err != nil {
			return false, err
		}
		if !ok {
			p.ended = true
			break
		}
		p.stored = stored
		p.looked++
	}
	return p.stored.Key == key && key != "", nil
}

func entryOf(o copy.Listed) entry {
	return entry{Name: o.Name, Generation: o.Generation, Size: o.Size, CRC32C: o.CRC32C}
}

// flush writes the shard that was begun.
func (p *planner) flush(ctx context.Context) error {
	if p.shard == nil {
		return nil
	}
	shard := p.shard
	p.shard = nil
	return p.write(ctx, p.entry, shard)
}

// write writes a shard.
func (p *planner) write(ctx context.Context, e shardEntry, shard *lines) error {
	data := shard.bytes()
	sum := sha256.Sum256(data)
	e.Hash = hex.EncodeToString(sum[:])
	if err := p.worker.Files.Put(ctx, shardKey(p.request.Job, e.Shard), data); err != nil {
		return err
	}
	p.found.Shards = append(p.found.Shards, e)
	return nil
}

// fail notes an object that cannot be copied.
func (p *planner) fail(ctx context.Context, o copy.Listed, key, reason string) error {
	p.found.Tally.Failing.Add(reason, Count{1, o.Size})
	p.example(o.Name, reason)
	if p.failing == nil {
		p.failing = newLines(true)
	}
	p.failing.add(Failure{Object: o.Name, Key: key, Bytes: o.Size, Cause: reason})
	if p.failed++; p.failed%DefaultShardObjects == 0 {
		return p.flushFailing(ctx)
	}
	return nil
}

// flushFailing writes the objects that cannot be copied.
func (p *planner) flushFailing(ctx context.Context) error {
	if p.failing == nil {
		return nil
	}
	key := fmt.Sprintf("%s%s-%05d.jsonl.gz", failingFolder(p.request.Job), p.span.ID, (p.failed-1)/DefaultShardObjects)
	if err := p.worker.Files.Put(ctx, key, p.failing.bytes()); err != nil {
		return err
	}
	p.failing = nil
	return nil
}

func (p *planner) example(object, reason string) {
	if p.examples[reason]++; p.examples[reason] <= maxExamples {
		p.found.Examples = append(p.found.Examples, Example{object, reason})
	}
}

// fails returns why an object cannot be copied, as far as a listing shows, or nothing.
func fails(o copy.Listed, key string, named bool) string {
	switch {
	case !named:
		return "the key template gives it no name"
	case len(key) > copy.MaxKey:
		return fmt.Sprintf("the key has more than %d bytes", copy.MaxKey)
	case o.CustomerKey:
		return "encrypted with a customer-supplied key"
	case o.CRC32C == "":
		return "has no CRC32C"
	}
	return ""
}
