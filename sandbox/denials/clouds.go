package denials

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// Clouds are where a row is asked.
type Clouds struct {
	sandboxtest.Access
	local  *sandboxtest.Clouds // the row's own; nil for clouds that last
	run    *Run                // what asks in clouds that last; nil for a row's own
	suffix string              // of the names of what the row makes, with a hyphen
	t      *testing.T          // of the row, in clouds that last
}

// only ends a row that cannot be asked in clouds that last, and says why.
func (c *Clouds) only(why string) {
	if c.local == nil {
		c.run.unasked = why
		c.t.SkipNow()
	}
}

// Now is the clouds' clock.
func (c *Clouds) Now() time.Time {
	if c.local != nil {
		return c.local.Now()
	}
	return time.Now()
}

// Advance moves the clouds' clock.
func (c *Clouds) Advance(d time.Duration) {
	c.only("the clock is moved")
	c.local.Advance(d)
}

// Fail injects faults.
func (c *Clouds) Fail(rules ...faults.Rule) {
	c.only("a fault is injected")
	c.local.Fail(rules...)
}

// Session is a session of a role that was made by MakeRole: in a row's own clouds as
// Lambda makes it, and otherwise as the owner can.
func (c *Clouds) Session(t *testing.T, role string) api.Credentials {
	t.Helper()
	if c.local != nil {
		return c.local.Session(t, role)
	}
	in := &sts.AssumeRoleInput{RoleArn: aws.String(c.iamARN("role/" + role)), RoleSessionName: &c.Names.Function}
	for {
		out, err := sts.NewFromConfig(c.Configure(c.Owner)).AssumeRole(t.Context(), in)
		if err == nil {
			got := out.Credentials
			return api.Credentials{AccessKeyID: *got.AccessKeyId, SecretAccessKey: *got.SecretAccessKey, SessionToken: *got.SessionToken}
		}
		if !c.run.again(t.Context(), "aws") {
			t.Fatal(err)
		}
	}
}

// named is the name of something that a row makes.
func (c *Clouds) named(base string) string { return base + c.suffix }
func (c *Clouds) name(base string) *string { return aws.String(c.named(base)) }

func (c *Clouds) iamARN(what string) string { return "arn:aws:iam::" + c.Names.Account + ":" + what }

// place is the middle of an ARN.
func (c *Clouds) place() string { return ":" + c.Names.Region + ":" + c.Names.Account + ":" }

// owner is the ARN of who owns the account.
func (c *Clouds) owner() string { return c.OwnerARN }

// destination is the ARN of the destination bucket.
func (c *Clouds) destination() string { return "arn:aws:s3:::" + c.Names.DestinationBucket }

func (c *Clouds) queueURL(name string) string {
	return strings.Replace(c.S3URL, "//s3.", "//sqs.", 1) + "/" + c.Names.Account + "/" + name
}

// here is a text of the table with these clouds' names.
func (c *Clouds) here(text string) string {
	own := []string{
		"function:f", "function:" + c.named("f"), "stateMachine:m", "stateMachine:" + c.named("m"),
		`"FunctionName":"f"`, `"FunctionName":"` + c.named("f") + `"`,
	}
	for _, pair := range c.pairs() {
		own = append(own, pair[1], pair[0])
	}
	return strings.NewReplacer(own...).Replace(text)
}

// pairs are these clouds' names, each with the table's, longer ones first.
func (c *Clouds) pairs() [][2]string {
	n, d := c.Names, sandboxtest.Defaults
	pairs := [][2]string{
		{n.Role, d.Role}, {n.ServiceAccount, d.ServiceAccount}, {n.Pool, d.Pool}, {n.Provider, d.Provider}, {n.Function, d.Function},
		{n.SourceBucket, d.SourceBucket}, {n.DestinationBucket, d.DestinationBucket},
		{n.Account, d.Account}, {n.Region, d.Region}, {n.Project, d.Project}, {n.ProjectNumber, d.ProjectNumber},
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	return pairs
}

// ofTable is an answer with the table's names.
func (c *Clouds) ofTable(text string) string {
	table := []string{}
	if c.OwnerARN != "" {
		table = append(table, c.OwnerARN, sandboxtest.OwnerARN)
	}
	if c.suffix != "" {
		table = append(table, c.suffix, "")
	}
	for _, pair := range c.pairs() {
		table = append(table, pair[0], pair[1])
	}
	return strings.NewReplacer(table...).Replace(text)
}

// varying is what differs from answer to answer: ids of requests, keys, times.
var varying = regexp.MustCompile(strings.Join([]string{
	`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
	`\bA[KS]IA[A-Z0-9]{16}\b`,
	`\b[0-9]{8}T[0-9]{6}Z\b`,
	`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`,
}, "|"))

// pause waits, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
