// Package verify proves that a deployed environment works: it uploads a test object,
// the probe, to the source bucket, invokes the function to copy it, checks the copy,
// and removes both. Where a hop fails it asks the clouds whether what the hop needs is
// granted. If it is, the change has not reached every edge yet, and verify waits; if it
// is not, verify says at once what is wrong, how to check it, and how to fix it.
//
// It changes no resource and no policy. The caller's credentials upload, check and
// remove; the function's own copy.
package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/deployed"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// DefaultPatience is how long to wait for changes of IAM: IAM documentation,
// "Access change propagation", says two minutes, and seven or more at worst.
const DefaultPatience = 7 * time.Minute

// Options are what a verification is made with. Environment, AWS and Google must be
// given.
type Options struct {
	Environment environment.Environment
	AWS         aws.Config     // the caller's, in the environment's region
	Google      *clouds.Google // the caller's
	// Object is an object of the source bucket to copy instead of a probe, for callers
	// without permission to write there.
	Object   string
	Patience time.Duration      // for changes of IAM; 0 is DefaultPatience, negative none
	Progress *progress.Reporter // nil shows nothing

	Now   func() time.Time                           // nil: the machine's clock
	Sleep func(context.Context, time.Duration) error // nil: on the machine's clock
	Grace time.Duration                              // for an invocation that runs when ctx ends; 0 is defaultGrace
}

// defaultGrace lets the function finish, so that no copy appears after its probe was
// removed.
const defaultGrace = 10 * time.Second

// tidying limits the removal of the probes, which the end of ctx does not stop.
const tidying = 30 * time.Second

// verification is one run.
type verification struct {
	Options
	storage  *s3.Client
	function deployed.Function

	probe      string // the probe's name, and that of its copy behind the prefix
	object     string // what is copied
	key        string // of the copy
	content    []byte // of the probe; nil for an existing object
	generation int64  // of the object; 0 if unknown
	began      bool   // something may have to be removed
	version    string // of the copy, where the bucket keeps versions

	answer invocation.TraceResult // the function's last
	report Report
}

// Run verifies an environment. That it does not work is no error: the report says so.
// The error says that the verification was not completed.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Google == nil {
		return Report{}, errors.New("verifying: there are no clients of Google")
	}
	v := &verification{Options: o.complete(), probe: probeName()}
	v.storage, v.function = s3.NewFromConfig(v.AWS), deployed.New(v.Environment, v.AWS)
	v.object, v.key = v.probe, v.Environment.DestinationPrefix+v.probe
	if v.Object != "" {
		v.object = v.Object
	}
	v.report = Report{
		Environment: v.Environment.Name,
		Source:      "gs://" + v.Environment.SourceBucket + "/" + v.object,
		Destination: "s3://" + v.Environment.DestinationBucket + "/" + v.key,
	}
	start := v.Now()
	ok := v.begin(ctx) && v.copy(ctx) && v.check(ctx)
	clean := v.tidy(ctx)
	v.report.OK = ok && clean && ctx.Err() == nil
	v.report.Seconds = v.Now().Sub(start).Seconds()
	return v.report, context.Cause(ctx)
}

func (o Options) complete() Options {
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.Progress == nil {
		o.Progress = progress.Plain(io.Discard)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = clouds.Pause
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	return o
}

// Prefix begins the names of all probes.
const Prefix = "gcs-to-s3-probe-"

func probeName() string { return Prefix + strings.ToLower(rand.Text()[:16]) }

// step runs one of the caller's own steps and records it as a hop. It reports whether
// the step succeeded.
func (v *verification) step(ctx context.Context, name, identity string, run func() error) bool {
	start := v.Now()
	var failed error
	_, _ = v.Progress.Step(name, func() (string, error) {
		failed = run()
		return identity, failed
	})
	hop := Hop{Hop: name, Identity: identity, Milliseconds: v.Now().Sub(start).Milliseconds(), Attempts: 1, Outcome: outcomeOK}
	if failed != nil {
		p := v.problemOf(ctx, name, failed)
		hop.Outcome, hop.Status, hop.Code, hop.Error = outcomeFailed, p.status, p.code, p.message
		if v.report.Failure == nil {
			v.report.Failure = v.diagnose(p, v.ask(ctx, p))
		}
	}
	v.report.Hops = append(v.report.Hops, hop)
	return failed == nil
}

// copy invokes the function until it succeeds, or until waiting is pointless.
func (v *verification) copy(ctx context.Context) bool {
	wait := newWaiting(v.Options)
	for attempts := 1; ; attempts++ {
		var hops []Hop
		var failed *problem
		start := v.Now()
		_, err := v.Progress.Step("copy "+v.report.Source+" with the function", func() (string, error) {
			hops, failed = v.invoke(ctx)
			if failed != nil {
				return "", failed
			}
			return fmt.Sprintf("%d bytes to %s", v.answer.Bytes, v.report.Destination), nil
		})
		_ = err // it is failed
		v.report.Attempts = attempts
		invoked := Hop{Hop: HopFunction, Identity: v.Environment.Function, Milliseconds: v.Now().Sub(start).Milliseconds(), Attempts: attempts, Outcome: outcomeOK}
		if failed != nil && failed.hop == HopFunction {
			invoked.fail(*failed)
		}
		hops = append([]Hop{invoked}, hops...)
		if failed == nil || ctx.Err() != nil {
			v.report.Hops = append(v.report.Hops, hops...)
			return failed == nil
		}
		found := v.ask(ctx, *failed)
		if !wait.again(ctx, *failed, found) {
			v.report.Hops = append(v.report.Hops, hops...)
			v.report.Waited = wait.waited.Seconds()
			v.report.Failure = v.diagnose(*failed, found)
			v.report.Failure.Patience = wait.ended
			return false
		}
		v.report.Waited = wait.waited.Seconds()
	}
}
