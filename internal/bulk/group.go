package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// An object that is too large for one invocation is a group: slices of its parts, each a
// shard of its own, and a shard that joins them. The first slice that is copied begins the
// upload for all of them.

// group adds an object that several invocations copy.
func (p *planner) group(ctx context.Context, o copy.Listed) error {
	if err := p.flush(ctx); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%05d", p.span.ID, len(p.found.Shards))
	parts := int(copy.Parts(o.Size))
	size := (o.Size + int64(parts) - 1) / int64(parts)
	each := max(1, int(cmp.Or(p.request.ShardBytes, DefaultShardBytes)/size))
	slices := 0
	for from := 0; from < parts; from += each {
		e := entryOf(o)
		e.Group, e.From, e.To = name, from, min(from+each, parts)
		list := newLines(true)
		list.add(e)
		if err := p.write(ctx, shardEntry{Shard: fmt.Sprintf("%s-%05d", name, slices)}, list); err != nil {
			return err
		}
		slices++
	}
	e := entryOf(o)
	e.Group, e.Slices = name, slices
	list := newLines(true)
	list.add(e)
	return p.write(ctx, shardEntry{Shard: name, Objects: 1, Bytes: o.Size}, list)
}

// broken says why the object of a group cannot be copied.
type broken struct {
	Cause string `json:"cause"`
	Error string `json:"error"`
}

// ofGroup copies a slice of a group, or joins its slices.
func (c *shardCopy) ofGroup(ctx context.Context, e entry, before result) error {
	job := c.step.Job
	c.tries = before.Again
	why, gone, err := find[broken](ctx, c.worker.Files, brokenKey(job, e.Group))
	if c.collides(c.key(e)) {
		why, gone = broken{Cause: keyCollides}, true
	}
	switch {
	case err != nil:
		return err
	case gone && e.Slices > 0:
		return c.giveUp(ctx, e, why)
	case gone:
		return nil
	case e.Slices > 0:
		return c.join(ctx, e)
	}
	// An attempt that died before it wrote its result may have copied the slice; the upload
	// may be complete since.
	if _, there, err := c.worker.Files.Get(ctx, sliceKey(job, e.Group, e.From)); there || err != nil {
		return err
	}
	u, err := c.upload(ctx, e)
	if err == nil && u.Same {
		return nil
	}
	if err == nil {
		c.result.Parts, err = c.worker.Copier.CopyParts(ctx, u, e.From, e.To, before.Parts)
	}
	if err != nil {
		var failed *copy.TransferError
		if !errors.As(err, &failed) {
			return err
		}
		cause, transient := failed.Cause()
		tries := before.Again[0] + 1
		if !transient && common(cause) {
			c.last, c.row, transient = cause, 1, true
		}
		if len(c.result.Parts) > len(before.Parts) {
			tries = 1 // it comes on
		}
		if transient && tries < maxTries {
			c.result.Again[0] = tries
			return nil
		}
		// Its parts are no longer of use, and the others' neither.
		return write(ctx, c.worker.Files, brokenKey(job, e.Group), broken{cause, err.Error()})
	}
	parts := make([]copy.Part, e.To-e.From)
	for i := range parts {
		parts[i] = c.result.Parts[e.From+i]
	}
	c.result.Parts = nil
	return write(ctx, c.worker.Files, sliceKey(job, e.Group, e.From), parts)
}

// upload returns the upload of a group, and begins it if no other slice has.
func (c *shardCopy) upload(ctx context.Context, e entry) (copy.Upload, error) {
	key := groupKey(c.step.Job, e.Group)
	u, there, err := find[copy.Upload](ctx, c.worker.Files, key)
	if there || err != nil {
		return u, err
	}
	if c.request.Reconcile {
		if _, err := c.compare(ctx, e.Group); err != nil {
			return u, err
		}
	}
	u, err = c.worker.Copier.BeginUpload(ctx, invocation.Event{Object: e.Name, Key: c.key(e), Generation: e.Generation, Overwrite: c.overwrite()})
	if err != nil {
		return u, err
	}
	data, err := json.Marshal(u)
	if err != nil {
		return u, err
	}
	created, err := c.worker.Files.Create(ctx, key, data)
	if created || err != nil {
		return u, err
	}
	// Another slice was faster, or the answer to the first attempt was lost.
	first, err := read[copy.Upload](ctx, c.worker.Files, key)
	if err == nil && first.ID != u.ID && u.ID != "" {
		err = c.worker.Copier.AbortUpload(ctx, u)
	}
	return first, err
}

// join completes the upload of a group, once all of its slices are copied.
func (c *shardCopy) join(ctx context.Context, e entry) error {
	job := c.step.Job
	u, there, err := find[copy.Upload](ctx, c.worker.Files, groupKey(job, e.Group))
	if err != nil {
		return err
	}
	outcome := invocation.ObjectResult{Object: e.Name, Key: u.Key, Outcome: invocation.OutcomeCopied, Bytes: u.Size, CRC32C: u.CRC32C, LeftOut: u.LeftOut}
	if u.Same {
		outcome.Outcome = invocation.OutcomeUnchanged
		c.note(0, outcome)
		return nil
	}
	var parts []copy.Part
	for there && int64(len(parts)) < copy.Parts(e.Size) {
		var slice []copy.Part
		if slice, there, err = find[[]copy.Part](ctx, c.worker.Files, sliceKey(job, e.Group, len(parts))); err != nil {
			return err
		}
		parts = append(parts, slice...)
	}
	if !there {
		c.result.Waits = true
		return nil
	}
	if err := c.worker.Copier.CompleteUpload(ctx, u, parts); err != nil {
		var failed *copy.TransferError
		if !errors.As(err, &failed) {
			return err
		}
		outcome.Outcome, outcome.Error = invocation.OutcomeFailed, err.Error()
		outcome.Cause, outcome.Transient = failed.Cause()
		if !outcome.Transient && common(outcome.Cause) {
			c.last, c.row, outcome.Transient = outcome.Cause, 1, true
		}
		if !outcome.Transient {
			return c.giveUp(ctx, e, broken{outcome.Cause, outcome.Error})
		}
	}
	c.note(0, outcome)
	return nil
}

// giveUp removes what there is of a group, whose object has failed.
func (c *shardCopy) giveUp(ctx context.Context, e entry, why broken) error {
	u, there, err := find[copy.Upload](ctx, c.worker.Files, groupKey(c.step.Job, e.Group))
	if err == nil && there && u.ID != "" {
		err = c.worker.Copier.AbortUpload(ctx, u)
	}
	if err != nil {
		return err
	}
	c.note(0, invocation.ObjectResult{Object: e.Name, Key: c.key(e), Outcome: invocation.OutcomeFailed, Cause: why.Cause, Error: why.Error})
	return nil
}

// Abandoned iterates over the uploads of a job's groups that are neither complete nor given
// up, and gives them up: their objects fail when the job goes on. The caller aborts them.
func Abandoned(ctx context.Context, files Files, job string) iter.Seq2[copy.Upload, error] {
	return func(yield func(copy.Upload, error) bool) {
		report, err := MakeReport(ctx, files, job)
		if err != nil {
			yield(copy.Upload{}, err)
			return
		}
		for key, err := range files.Keys(ctx, Folder+job+"/groups/") {
			group, ok := strings.CutSuffix(strings.TrimPrefix(key, Folder+job+"/groups/"), ".json")
			if err == nil && (!ok || strings.Contains(group, "/") || strings.HasSuffix(group, ".broken")) {
				continue
			}
			var u copy.Upload
			if err == nil {
				u, err = read[copy.Upload](ctx, files, key)
			}
			if err == nil && (u.ID == "" || report.Complete) {
				continue
			}
			if err == nil {
				err = write(ctx, files, brokenKey(job, group), broken{"given up by hand", "its upload was aborted; plan a new job to copy it"})
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}
