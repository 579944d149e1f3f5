package denials

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// TestAudit makes decisions of every kind and reads each in the journal, with who
// asked, what decided, and a request's id.
func TestAudit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := fresh(t, sandbox.Options{})
	const principal = "principal://iam.googleapis.com/projects/987654321098/locations/global/workloadIdentityPools/aws-connect/subject/arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role/gcs-to-s3"
	const session = "arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role/gcs-to-s3"
	const account = "serviceAccount:gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
	const provider = "//iam.googleapis.com/projects/987654321098/locations/global/workloadIdentityPools/aws-connect/providers/aws-connect"
	client := s3.NewFromConfig(c.Configure(c.Session(t, c.Names.Role)), func(o *s3.Options) { o.UsePathStyle = true })
	for _, tt := range []struct {
		name string
		do   func(t *testing.T)
		want journal.Entry // the last of its operation
	}{
		{"a service assumes a role", func(t *testing.T) { c.Session(t, c.Names.Role) }, journal.Entry{
			Cloud: "aws", Service: "sts", Operation: "AssumeRole", Principal: "lambda.amazonaws.com", Status: 200,
			Decisions: []journal.Decision{{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/gcs-to-s3-role", Allowed: true, Reason: "allowed by statement number 1 of policy gcs-to-s3-role (trust)"}},
		}},
		{"a role deletes what it may only write", func(t *testing.T) {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("x")}); err == nil {
				t.Error("the object was deleted")
			}
		}, journal.Entry{
			Cloud: "aws", Service: "s3", Operation: "DeleteObject", Principal: session, Status: 403, Code: "AccessDenied",
			Decisions: []journal.Decision{{Action: "s3:DeleteObject", Resource: "arn:aws:s3:::s3-gcs-connect/x", Reason: "because no identity-based policy allows the s3:DeleteObject action"}},
		}},
		{"a token is exchanged", func(t *testing.T) {
			if _, err := (login{alone: true, creds: c.Session(t, c.Names.Role)}).token(t, c); err != nil {
				t.Fatal(err)
			}
		}, journal.Entry{
			Cloud: "google", Service: "sts", Operation: "sts.token", Principal: principal, Through: []string{session}, Status: 200,
			Decisions: []journal.Decision{{Action: "token exchange", Resource: provider, Allowed: true, Reason: "the mapping gives attribute.aws_role=arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role, google.subject=" + session + "; the condition holds: attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role'"}},
		}},
		{"the condition refuses", func(t *testing.T) {
			c.MakeRole(t, "other-role", "")
			if err := (login{alone: true, creds: c.Session(t, "other-role")}).denied(t, c); err == nil {
				t.Error("the token was exchanged")
			}
		}, journal.Entry{
			Cloud: "google", Service: "sts", Operation: "sts.token", Principal: "arn:aws:sts::123456789012:assumed-role/other-role/gcs-to-s3", Status: 400, Code: "unauthorized_client",
			Decisions: []journal.Decision{{Action: "token exchange", Resource: provider, Reason: "The given credential is rejected by the attribute condition. (The condition attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role' is false: the mapping gives attribute.aws_role=arn:aws:sts::123456789012:assumed-role/other-role, google.subject=arn:aws:sts::123456789012:assumed-role/other-role/gcs-to-s3.)"}},
		}},
		{"an object is read", func(t *testing.T) {
			if _, err := storageAs(t, c, &login{creds: c.Session(t, c.Names.Role)}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Do(); err != nil {
				t.Fatal(err)
			}
		}, journal.Entry{
			Cloud: "google", Service: "storage", Operation: "storage.objects.get", Principal: account, Through: []string{principal, session}, Status: 200,
			Decisions: []journal.Decision{{Action: "storage.objects.get", Resource: "//storage.googleapis.com/projects/_/buckets/s3-gcs-connect/objects/sample.txt", Allowed: true, Reason: "roles/storage.objectViewer for " + account}},
		}},
		{"a service may not assume a role", func(t *testing.T) {
			if _, err := iam.NewFromConfig(c.Configure(c.Owner)).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: &c.Names.Role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.local.AWS.IAM().ServiceRole("arn:aws:iam::123456789012:role/gcs-to-s3-role", "lambda.amazonaws.com", "x", time.Hour); err == nil {
				t.Error("the role was assumed")
			}
		}, journal.Entry{
			Cloud: "aws", Service: "sts", Operation: "AssumeRole", Principal: "lambda.amazonaws.com", Status: 403, Code: "AccessDenied",
			Decisions: []journal.Decision{{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/gcs-to-s3-role", Reason: "because no role trust policy allows the sts:AssumeRole action"}},
		}},
	} {
		tt.do(t)
		auditIs(t, c, tt.name, tt.want)
	}
}

// TestJournalNamesOperations: every request is journalled by the name of its
// operation, those that are refused at the door and by injected faults as well.
func TestJournalNamesOperations(t *testing.T) {
	t.Parallel()
	c := fresh(t, sandbox.Options{})
	config := c.Configure(c.Owner)
	config.Credentials = credentials.NewStaticCredentialsProvider(c.Owner.AccessKeyID, "wrong", "")
	list := func(config aws.Config) {
		if _, err := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), nil); err == nil {
			t.Error("the buckets were listed")
		}
	}
	list(config)
	if _, err := iam.NewFromConfig(config).ListRoles(t.Context(), nil); err == nil {
		t.Error("the roles were listed")
	}
	c.Fail(faults.Rule{Service: "s3", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 503}}}, faults.Rule{Service: "google/storage", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403}}})
	list(c.Configure(c.Owner))
	if _, err := storageAs(t, c, nil, c.local.Google.AdminToken()).Buckets.Get(c.Names.SourceBucket).Do(); err == nil {
		t.Error("the bucket was described")
	}
	name, refused := regexp.MustCompile(`^[a-zA-Z]+(\.[a-zA-Z]+)*$`), map[string]bool{}
	for _, e := range c.local.Journal.Entries() {
		if !name.MatchString(e.Operation) {
			t.Errorf("an entry's operation is %q", e.Operation)
		}
		if e.Status >= 400 {
			refused[fmt.Sprint(e.Operation, " ", e.Status)] = true
		}
	}
	for _, want := range []string{"ListBuckets 403", "ListRoles 403", "ListBuckets 503", "storage.buckets.get 403"} {
		if !refused[want] {
			t.Errorf("there is no entry of %s in %v", want, refused)
		}
	}
}

// auditIs compares the last entry of an operation.
func auditIs(t *testing.T, c *Clouds, name string, want journal.Entry) {
	t.Helper()
	var got journal.Entry
	for _, e := range c.local.Journal.Entries() {
		if e.Cloud == want.Cloud && e.Service == want.Service && e.Operation == want.Operation {
			got = e
		}
	}
	if got.RequestID == "" || got.Time.IsZero() {
		t.Errorf("%s: the entry %+v has no request id or no time", name, got)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(journal.Entry{}, "RequestID", "Time")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
