package copy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// maxName is the longest object name and S3 key, in bytes: Cloud Storage
// documentation, "Object names", and Amazon S3 User Guide, "Naming Amazon S3 objects".
const maxName = 1024

// maxRestarts is how often a copy starts over because bytes were corrupted in
// transit or the object changed.
const maxRestarts = 3

// transfer is one copy.
type transfer struct {
	from *gcs
	to   *s3api
	large

	sourceBucket, object string
	targetBucket, key    string
	makeKey              func(generation int64) string // nil if the event gave the key
	needsGeneration      bool                          // the key depends on the generation
	twin                 string                        // another object of the invocation with this key, or empty
	refused              error                         // what is wrong with the event or its item, or nil
	kmsKey               string                        // ARN of the key that encrypts the copy, or empty
	generation           int64                         // 0 for the live one
	overwrite            string                        // one of invocation.Overwrites
	sourceChange         string                        // one of invocation.SourceChanges

	listed  *object // as found in a listing, or nil
	skipped bool    // there is nothing to copy: see invocation.OutcomeSkipped

	// For a copy that takes several invocations.
	keeps       bool         // the caller can continue an upload that the deadline interrupts
	returns     bool         // the caller can start any copy again that the deadline interrupts
	superfluous []*upload    // of this object too, and not to be continued
	upload      *upload      // an earlier invocation's, to continue; nil once it is of no use
	idle        int          // invocations in a row without progress
	interrupted bool         // the next invocation is to continue
	kept        *upload      // what S3 has for it
	pieces      bool         // the copy is made in parts
	progress    bool         // S3 has more of the object than before
	waited      bool         // other objects were being copied all the time
	denied      *AnswerError // what find was refused; nil if it could see the destination

	tidying  func(context.Context) (context.Context, context.CancelFunc) // for cleanup after the deadline
	tally    tally
	doubt    *object     // an object whose write may have succeeded without our knowing
	replaces *found      // with invocation.OverwriteNewer: what was found at the destination, which a write replaces; nil for nothing
	looked   bool        // replaces is known
	rewrites bool        // with invocation.OverwriteNewer: the same generation with other metadata is written again
	carried  http.Header // what is written with the object; nil if it is not known
	rechecks bool        // with invocation.OverwriteNewer: the source is asked again after every write
	fresh    bool        // with invocation.OverwriteNewer: nothing is expected at the destination, so a small object is written without a look at it
	written  bool        // with invocation.OverwriteNewer: a generation was written that is no longer the live one
	leftOut  []string    // names of metadata that S3 cannot hold
	left     []string    // ids of uploads that could not be removed
	warning  error       // why
}

// copied describes what a transfer found and wrote.
type copied struct {
	size       int64
	generation int64
	crc32c     crc32c
	outcome    string
}

func (t *transfer) source() string { return "gs://" + t.sourceBucket + "/" + t.object }

func (t *transfer) destination() string { return "s3://" + t.targetBucket + "/" + t.key }

// fail returns err as an error of the whole transfer.
func (t *transfer) fail(err error) *TransferError {
	operation := "writing"
	var of *OperationError
	if errors.As(err, &of) {
		operation = of.Operation
	}
	return &TransferError{operation, t.source(), t.destination(), t.tally.reached.Load(), 1 + int(t.tally.retries.Load()), err}
}

// maxBucket is the longest bucket name, one with dots: Cloud Storage
// documentation, "Bucket names".
const maxBucket = 222

// isBucket reports whether a name is valid for a bucket in both clouds; this
// keeps an event from reaching another path of an endpoint.
func isBucket(name string) bool {
	const inner = "._-"
	return 3 <= len(name) && len(name) <= maxBucket && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789"+inner) == "" &&
		strings.Trim(name, inner) == name
}

// check rejects a transfer that must not lead to any request.
func (t *transfer) check() error {
	if t.refused != nil {
		return &OperationError{"planning", t.refused}
	}
	var errs []error
	for _, bucket := range [][2]string{{"sourceBucket", t.sourceBucket}, {"destinationBucket", t.targetBucket}} {
		if !isBucket(bucket[1]) {
			errs = append(errs, fmt.Errorf("%s: %q: must be a bucket's name; hint: give the name alone, without gs:// or s3://", bucket[0], bucket[1]))
		}
	}
	errs = append(errs, checkName("object", t.object), checkName("key", t.key))
	if t.twin != "" {
		errs = append(errs, fmt.Errorf("key: is also that of the object %q; hint: keyTemplate with {object}, or with {directory} too, tells them apart", t.twin))
	}
	if err := errors.Join(errs...); err != nil {
		return &OperationError{"planning", err}
	}
	return nil
}

func checkName(field, name string) error {
	if n := len(name); n == 0 || n > maxName {
		return fmt.Errorf("%s: must have 1 to %d bytes, has %d", field, maxName, n)
	}
	return nil
}

// run copies, starting over when that may help. Its error is a *TransferError.
func (t *transfer) run(ctx context.Context) (copied, error) {
	if t.skipped {
		return copied{outcome: invocation.OutcomeSkipped}, nil
	}
	if err := t.check(); err != nil {
		return copied{}, t.fail(err)
	}
	for restarts := 0; ; restarts++ {
		done, err := t.once(ctx)
		if err == nil {
			if done.outcome == invocation.OutcomeUnchanged && (t.written || t.doubt != nil && t.doubt.generation == done.generation) {
				done.outcome = invocation.OutcomeCopied // by this copy itself, before it started over
			}
			return done, nil
		}
		if ctx.Err() != nil {
			err = ended(ctx, err)
		}
		if ctx.Err() != nil || restarts == maxRestarts || !t.restarts(err) {
			if written, again := t.settle(ctx, err); again == nil {
				return written, nil
			} else {
				err = again
			}
			if len(t.left) > 0 {
				err = fmt.Errorf("%w; %v", err, t.warning)
			}
			return done, t.fail(err)
		}
		if t.overwrite == invocation.OverwriteNewer {
			t.listed = nil // the destination may be ahead of it by now
		}
		t.tally.retries.Add(1)
		t.tally.reread.Add(t.tally.reached.Swap(0))
	}
}

// maxIdle is how many invocations in a row may make no progress with an object.
const maxIdle = 2

// judge decides whether a copy that the deadline ended is interrupted, which another
// invocation continues, or has failed.
func (t *transfer) judge(ctx context.Context, failed *TransferError) {
	if !errors.Is(failed, ErrDeadline) || !t.returns && !(t.keeps && t.pieces) {
		return
	}
	switch {
	case t.progress:
		t.idle = 0
	case !t.waited:
		t.idle++
	}
	if t.interrupted = t.idle < maxIdle; t.interrupted {
		return
	}
	failed.Err = fmt.Errorf("no progress in %d invocations in a row: %w", t.idle, failed.Err)
	if t.kept != nil {
		m := &multipart{transfer: t, id: t.kept.ID}
		if t.warning = m.tidy(ctx, true); t.warning != nil {
			failed.Err = fmt.Errorf("%w; %v", failed.Err, t.warning)
		}
		t.kept = nil
	}
}

// settle looks at the destination when a copy has failed after the answer to a write was
// lost: the write may have succeeded.
func (t *transfer) settle(ctx context.Context, failure error) (copied, error) {
	if t.doubt == nil {
		return copied{}, failure
	}
	ctx, cancel := t.tidying(ctx)
	defer cancel()
	for looks := range 3 {
		found, err := t.find(ctx)
		if err != nil {
			return copied{}, &UnknownError{t.doubt.generation, err, failure}
		}
		if t.wrote(found, t.doubt) {
			t.kept = nil
			return t.doubt.copied(invocation.OutcomeCopied), nil
		}
		if t.overwrite == invocation.OverwriteNewer && found != nil && found.generation > t.doubt.generation {
			return copied{}, failure // a write that arrives now is rejected
		}
		if t.to.patience.pause(ctx, arrival<<looks) != nil {
			break
		}
	}
	return copied{}, &UnknownError{t.doubt.generation, nil, failure}
}

// arrival is the first wait for a write whose answer was lost.
const arrival = 50 * time.Millisecond

// restarts reports whether a failed copy may succeed if it starts over.
func (t *transfer) restarts(err error) bool {
	var (
		spoiled   *SpoiledError
		changed   *SourceChangedError
		overtaken *overtakenError
		answer    *AnswerError
	)
	if errors.As(err, &overtaken) {
		return true
	}
	if errors.As(err, &changed) {
		return t.sourceChange == invocation.ChangeRestarts && t.generation == 0
	}
	return errors.As(err, &spoiled) || errors.As(err, &answer) && answer.Code == "NoSuchUpload"
}

// once makes one copy. The bytes are verified twice: S3 receives Cloud Storage's own
// CRC32C and rejects other bytes, and the sum is also computed here along the way.
func (t *transfer) once(ctx context.Context) (copied, error) {
	if t.upload != nil {
		return t.resume(ctx)
	}
	t.looked, t.carried = false, nil
	if t.listed != nil {
		if err := t.settleKey(t.listed); err != nil {
			return copied{}, err
		}
		if same, err := t.same(ctx, t.listed); same || err != nil {
			return t.listed.copied(invocation.OutcomeUnchanged), err
		}
	}
	o, body, err := t.openSource(ctx)
	var planning *OperationError
	if errors.As(err, &planning) {
		return copied{}, err
	}
	if err != nil {
		return copied{}, &OperationError{"reading", err}
	}
	s := &stream{from: t.from, object: o, tally: &t.tally, end: o.size, body: body}
	defer s.close()
	header, leftOut, err := metadata(o)
	if err != nil {
		return copied{}, &OperationError{"planning", err}
	}
	t.leftOut, t.carried = leftOut, header
	if err := t.settleKey(o); err != nil {
		return copied{}, err
	}
	if t.listed == nil {
		if same, err := t.same(ctx, o); same || err != nil {
			return o.copied(invocation.OutcomeUnchanged), err
		}
	}
	outcome := ""
	if o.size > t.threshold {
		outcome, err = t.inParts(ctx, o, header, s)
	} else {
		outcome, err = t.put(ctx, o, header, s)
	}
	if err == nil && outcome == invocation.OutcomeCopied {
		err = t.recheck(ctx, o)
	}
	return o.copied(outcome), err
}

// settleKey makes the key for the generation that is copied: a key that contains
// it stays open until it is known, and changes when it does.
func (t *transfer) settleKey(o *object) error {
	if t.makeKey == nil {
		return nil
	}
	t.key = t.makeKey(o.generation)
	if err := checkName("key", t.key); err != nil {
		return &OperationError{"planning", err}
	}
	return nil
}

func (o *object) copied(outcome string) copied {
	return copied{o.size, o.generation, o.crc32c, outcome}
}

// same reports whether the destination already has the object's bytes, if the
// policy asks for that; its error is an *ExistsError if the policy protects a
// different object.
func (t *transfer) same(ctx context.Context, o *object) (bool, error) {
	if t.overwrite == invocation.OverwriteAlways {
		return false, nil
	}
	if t.fresh && o.size <= smallObject {
		t.fresh, t.replaces, t.looked = false, nil, true
		return false, nil
	}
	found, err := t.find(ctx)
	switch {
	case err != nil:
		return false, err
	case t.overwrite == invocation.OverwriteNewer:
		return t.holds(found, o)
	case found != nil && !found.is(o) && t.overwrite == invocation.OverwriteAbsent:
		return false, found.exists()
	}
	return found.is(o), nil
}

// open reports whether the key depends on a generation that is not known yet.
func (t *transfer) open() bool {
	return t.makeKey != nil && t.generation == 0 && t.needsGeneration
}

// openSource opens the source.
func (t *transfer) openSource(ctx context.Context) (o *object, body io.ReadCloser, err error) {
	err = t.attempt(ctx, func() (err error) {
		o, body, err = t.from.open(ctx, t.sourceBucket, t.object, t.generation)
		return err
	})
	return o, body, err
}

// attempt retries do until it succeeds or another attempt is pointless.
func (t *transfer) attempt(ctx context.Context, do func() error) error {
	return t.to.patience.attempt(ctx, do, func() { t.tally.retries.Add(1) })
}

// put writes an object in one request from a stream whose length and CRC32C are
// in the header; S3 checks both before it makes the object visible.
func (t *transfer) put(ctx context.Context, o *object, header http.Header, s *stream) (outcome string, err error) {
	header.Set("X-Amz-Checksum-Crc32c", o.crc32c.String())
	t.encrypt(header)
	r := request{method: http.MethodPut, bucket: t.targetBucket, key: t.key, header: header, stream: s, unsigned: true}
	if o.size <= smallObject {
		if r.document, err = s.readAll(ctx); err != nil {
			return "", err
		}
		r.stream = nil
	}
	err = t.attempt(ctx, func() error {
		t.protect(header)
		_, err := t.to.do(ctx, r)
		t.tally.reached.Store(s.next)
		outcome, err = t.settled(ctx, o, err)
		return err
	})
	return outcome, err
}

// smallObject is the size up to which an object is read before it is written:
// headers and bytes then leave together, and a retry does not read again.
const smallObject = 32 << 10

// encrypt makes S3 encrypt with the environment's key: Amazon S3 User Guide,
// "Specifying server-side encryption with AWS KMS (SSE-KMS)". Without one, the
// bucket's default applies.
func (t *transfer) encrypt(header http.Header) {
	if t.kmsKey != "" {
		header.Set("X-Amz-Server-Side-Encryption", "aws:kms")
		header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", t.kmsKey)
	}
}

// protect makes a write conditional if the policy asks for it: Amazon S3 User
// Guide, "How to prevent object overwrites with conditional writes".
func (t *transfer) protect(header http.Header) {
	header.Del("If-Match")
	header.Del("If-None-Match")
	switch {
	case t.overwrite == invocation.OverwriteNewer && t.replaces != nil:
		header.Set("If-Match", t.replaces.etag)
	case t.overwrite == invocation.OverwriteNewer, t.overwrite == invocation.OverwriteAbsent:
		header.Set("If-None-Match", "*")
	}
}

// settled judges the error of a request that makes the object visible, and returns the
// outcome. A conditional write may be rejected because the same bytes were written at
// the same time: by somebody else, or by an attempt of ours whose answer was lost.
func (t *transfer) settled(ctx context.Context, o *object, err error) (outcome string, _ error) {
	if err == nil {
		t.doubt = nil
		return invocation.OutcomeCopied, nil
	}
	var answer *AnswerError
	refused := errors.As(err, &answer)
	doubtful := t.doubt == o
	if t.overwrite == invocation.OverwriteNewer && refused && t.contested(answer) {
		return t.again(ctx, o, err)
	}
	if refused && (answer.Status == http.StatusPreconditionFailed || answer.Code == "NoSuchUpload" && doubtful) {
		found, err := t.find(ctx)
		switch conditional := answer.Code != "NoSuchUpload"; {
		case err != nil:
			return "", err
		case doubtful && found.is(o) && found.generation == o.generation:
			t.doubt = nil
			return invocation.OutcomeCopied, nil
		case conditional && found.is(o):
			return invocation.OutcomeUnchanged, nil
		case conditional && found != nil:
			return "", found.exists()
		}
	}
	if !refused || answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusOK {
		t.doubt = o
	}
	return "", err
}
