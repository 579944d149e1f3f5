// Package aws is the local AWS: one door for all its services. It verifies a
// request's signature, finds the service in its credential scope and the operation
// in what the service declares, runs it, answers its result or error in the
// service's protocol, and journals all of it.
//
// It models one account in one region; the package of each service says what that
// service models. Throttling, latency, TLS and other accounts are not modelled, and
// of eventual consistency only the delay of IAM. The loopback listener stands for
// AWS's TLS endpoints, so aws:SecureTransport is true.
package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/kms"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/logs"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/s3"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/scheduler"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sqs"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/ssm"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/states"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sts"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// AdminUser is the name of the user that the cloud begins with.
const AdminUser = "sandbox-admin"

// The region that IAM and the global endpoint of STS are in.
const globalRegion = "us-east-1"

// Options are what a cloud is made with.
type Options struct {
	Account string           // 12 digits
	Region  string           // us-east-1
	Now     func() time.Time // nil is time.Now
	Random  io.Reader        // nil is crypto/rand
	Journal *journal.Journal // nil keeps none
	Dir     string           // where objects are stored; the cloud makes and removes its own folder in it
	URL     string           // where the cloud is served, as clients reach it
	// IAMDelay is how long a change of a policy takes to have effect: the real
	// IAM's takes seconds, and minutes at worst. Zero is at once.
	IAMDelay time.Duration
	// Pause waits on the cloud's clock where a service waits for such a change;
	// nil waits on the machine's.
	Pause func(context.Context, time.Duration) error
	// BodyIdle is how long a client may stop within a body; zero is what S3 allows.
	BodyIdle time.Duration
	// Web reaches the issuers of OpenID Connect tokens, whose addresses are of the
	// internet; nil reaches none.
	Web http.RoundTripper
	// MinPart is the smallest part of an S3 upload but the last, in bytes; zero is
	// what S3 allows.
	MinPart int64
}

// Cloud is a local AWS. Make it with New.
type Cloud struct {
	site     api.Options
	options  Options
	verifier sigv4.Verifier
	admin    api.Credentials

	store *blob.Store
	iam   *iam.IAM
	sts   *sts.STS
	s3    *s3.S3
	kms   *kms.KMS

	cloudformation *cloudformation.Server
	lambda         *lambda.Server
	scheduler      *scheduler.Server
	states         *states.Server

	services map[string]api.Service // by their names in credential scopes
}

var (
	accountRule = regexp.MustCompile(`^\d{12}$`)
	regionRule  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
)

// New returns a cloud with nothing in it but its administrator.
func New(o Options) (*Cloud, error) {
	if !accountRule.MatchString(o.Account) {
		return nil, fmt.Errorf("making the local AWS: account %q is not 12 digits", o.Account)
	}
	if !regionRule.MatchString(o.Region) {
		return nil, fmt.Errorf("making the local AWS: %q is not the name of a region", o.Region)
	}
	if o.Pause == nil && o.IAMDelay > 0 {
		o.Pause = pause
	}
	if o.BodyIdle == 0 {
		o.BodyIdle = maxBodyIdle
	}
	site := api.Options{Account: o.Account, Region: o.Region, URL: o.URL, Now: o.Now, Random: o.Random}.WithDefaults()
	c := &Cloud{site: site, options: o}
	c.verifier = sigv4.Verifier{
		Now: site.Now, Region: c.region, Enabled: c.enabled, Lookup: func(id string) (sigv4.Key, bool) { return c.iam.Key(id) },
	}
	var err error
	if c.iam, err = iam.New(iam.Options{Options: site, Delay: o.IAMDelay, Journal: o.Journal}); err != nil {
		return nil, err
	}
	c.site.Sessions = c.iam
	c.admin = c.iam.CreateAdministrator(AdminUser)
	if c.store, err = blob.Open(o.Dir); err != nil {
		return nil, err
	}
	c.sts, c.kms = sts.New(c.iam, o.Web), kms.New(site)
	c.s3 = s3.New(s3.Options{
		Options: site, Store: c.store, PrincipalExists: c.iam.PrincipalExists, UseKey: c.kms.Use, Delay: o.IAMDelay, MinPart: o.MinPart,
	})
	if c.lambda, err = lambda.New(lambda.Options{Options: c.site, Dir: o.Dir, May: c.may}); err != nil {
		return nil, err
	}
	c.scheduler = scheduler.New(c.site)
	delivered := logs.New(site)
	if c.states, err = states.New(states.Options{Options: c.site, Dir: o.Dir, Ask: c.ask, Log: delivered.Deliver}); err != nil {
		return nil, err
	}
	c.cloudformation = cloudformation.New(cloudformation.Options{Options: c.site, Pause: o.Pause, Ask: c.ask})
	c.services = map[string]api.Service{
		"cloudformation": c.cloudformation.Service(),
		"iam":            c.iam.Service(),
		"kms":            c.kms.Service(),
		"lambda":         c.lambda.Service(),
		"logs":           delivered.Service(),
		"s3":             c.s3.Service(),
		"scheduler":      c.scheduler.Service(),
		"sqs":            sqs.New(site).Service(),
		"ssm":            ssm.New(site).Service(),
		"states":         c.states.Service(),
		"sts":            c.sts.Service(),
	}
	return c, nil
}

// may reports whether the identity of a key is allowed an action that it does not perform.
func (c *Cloud) may(accessKeyID, action, resource string) bool {
	principal, ok := c.iam.Principal(accessKeyID)
	return ok && c.iam.Evaluate(principal, action, resource, nil, policy.Set{}).Allowed
}

// ask decides about an action that no request asks for, as the identity of a key,
// and journals it as one.
func (c *Cloud) ask(accessKeyID, action, resource string, keys map[string][]string) error {
	service, operation, _ := strings.Cut(action, ":")
	entry := journal.Entry{
		Time: c.site.Now(), Cloud: "aws", Service: service, Operation: operation, RequestID: c.site.UUID(), Status: http.StatusOK,
	}
	caller, err := c.principal(accessKeyID)
	if err != nil {
		return err
	}
	entry.Principal = caller.ARN
	r := &api.Request{Caller: caller, Entry: &entry}
	r.Evaluate = func(action, resource string, keys map[string][]string, set policy.Set) policy.Decision {
		all := globalKeys(c.site.Region)
		maps.Copy(all, keys)
		return c.iam.Evaluate(caller, action, resource, all, set)
	}
	if err = r.Authorize(action, resource, keys); err != nil {
		entry.Status, entry.Code = http.StatusForbidden, "AccessDenied"
	}
	c.options.Journal.Record(entry)
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Close stops what still runs, stack operations, schedules and executions before the
// functions that they may be making or invoking, and removes what the cloud stored.
func (c *Cloud) Close() error {
	return errors.Join(c.cloudformation.Close(), c.scheduler.Close(), c.states.Close(), c.lambda.Close(), c.store.Close())
}

// Admin is the long-lived key of the user AdminUser, who is allowed everything.
func (c *Cloud) Admin() api.Credentials { return c.admin }

// IAM is the cloud's IAM.
func (c *Cloud) IAM() *iam.IAM { return c.iam }

// STS is the cloud's STS.
func (c *Cloud) STS() *sts.STS { return c.sts }

// CloudFormation is the cloud's CloudFormation.
func (c *Cloud) CloudFormation() *cloudformation.Server { return c.cloudformation }

// Lambda is the cloud's Lambda.
func (c *Cloud) Lambda() *lambda.Server { return c.lambda }

// Scheduler is the cloud's EventBridge Scheduler.
func (c *Cloud) Scheduler() *scheduler.Server { return c.scheduler }

// States is the cloud's Step Functions.
func (c *Cloud) States() *states.Server { return c.states }

// S3 is the cloud's S3.
func (c *Cloud) S3() *s3.S3 { return c.s3 }

// URL is where the cloud is served.
func (c *Cloud) URL() string { return c.site.URL }

// optIn are the regions that an account has to enable: AWS Account Management Reference
// Guide, "Enable or disable AWS Regions in your account".
const optIn = ` af-south-1 ap-east-1 ap-east-2 ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7
	ca-west-1 eu-central-2 eu-south-1 eu-south-2 il-central-1 me-central-1 me-south-1 mx-central-1 `

// enabled reports whether the account has enabled a region: of the others only the
// cloud's own.
func (c *Cloud) enabled(region string) bool {
	return region == c.site.Region || !slices.Contains(strings.Fields(optIn), region)
}

// region accepts the cloud's own region, for the global services theirs, and for S3
// every region that has buckets.
func (c *Cloud) region(service, region string) (expected string, ok bool) {
	if region == c.site.Region || service == "s3" && s3.IsRegion(region) || (service == "iam" || service == "sts") && region == globalRegion {
		return region, true
	}
	return c.site.Region, false
}
