package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// toolkit is the stack of a CDK bootstrap, which an environment needs.
const toolkit = "CDKToolkit"

// ours begin the names of what the suite makes.
var ours = []string{"gcs-to-s3", "denials-"}

// CheckEmpty checks, by reading alone, that the access is to the place, and that there
// is nothing in it that the suite could change or mistake for its own. It returns the
// access with the owner and the names filled in. All problems are in one error.
func CheckEmpty(ctx context.Context, place Place, access sandboxtest.Access) (sandboxtest.Access, error) {
	c := checking{ctx: ctx, place: place, access: access}
	if !c.account() || !c.project() {
		return access, errors.Join(c.errs...) // what is in a place that is not the named one is no concern of ours
	}
	c.onAWS()
	c.destination()
	c.onGoogle()
	c.source()
	return c.access, errors.Join(c.errs...)
}

type checking struct {
	ctx    context.Context
	place  Place
	access sandboxtest.Access
	errs   []error
}

// wrong notes that the place is not as it must be.
func (c *checking) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// hold notes what is there, if anything is.
func (c *checking) hold(where, kind string, found []string, err error) {
	switch {
	case err != nil:
		c.wrong("listing the %s of %s: %w; hint: docs/real-clouds.md lists the rights that the suite needs", kind, where, err)
	case len(found) > 0:
		c.wrong("%s: must have no %s, and has %s; hint: name an empty one, or remove them", where, kind, strings.Join(found, ", "))
	}
}

func (c *checking) aws() aws.Config { return c.access.Configure(c.access.Owner) }

// account checks whose credentials these are. Rows of the table need a long-lived key.
func (c *checking) account() bool {
	who, err := sts.NewFromConfig(c.aws()).GetCallerIdentity(c.ctx, nil)
	if err != nil {
		c.wrong("asking AWS whose credentials these are: %w", err)
		return false
	}
	c.access.OwnerARN = aws.ToString(who.Arn)
	if got := aws.ToString(who.Account); got != c.place.Account {
		c.wrong("%s: %q: must be the account of your AWS credentials, which is %s (%s); "+
			"hint: choose other credentials, with AWS_PROFILE for example", accountVariable, c.place.Account, got, c.access.OwnerARN)
		return false
	}
	if !strings.Contains(c.access.OwnerARN, ":user/") || c.access.Owner.SessionToken != "" {
		c.wrong("the AWS credentials of %s: must be the access key of an IAM user; "+
			"hint: rows of the table need a key that lasts, and the root user can assume no role", c.access.OwnerARN)
	}
	return true
}

// project checks that the project is the named one, and reads its number.
func (c *checking) project() bool {
	var out struct{ ProjectID, ProjectNumber, LifecycleState string }
	err := c.get("cloudresourcemanager", "/v1/projects/"+c.place.Project, &out)
	if err != nil || out.ProjectID != c.place.Project || out.LifecycleState != "ACTIVE" {
		c.wrong("%s: %q: must be a project of your Google credentials: got %q in state %q, %v; "+
			"hint: `gcloud projects describe %[2]s`, and enable the APIs that docs/real-clouds.md lists",
			projectVariable, c.place.Project, out.ProjectID, out.LifecycleState, err)
		return false
	}
	c.access.Names = c.place.names(out.ProjectNumber)
	return true
}

func (c *checking) onAWS() {
	account := "account " + c.place.Account
	functions, err := lambda.NewFromConfig(c.aws()).ListFunctions(c.ctx, nil)
	c.hold(account, "functions", each(err, func() (all []string) {
		for _, f := range functions.Functions {
			all = append(all, aws.ToString(f.FunctionName))
		}
		return all
	}), err)
	stacks, err := cloudformation.NewFromConfig(c.aws()).DescribeStacks(c.ctx, nil)
	c.hold(account, "stacks but "+toolkit, each(err, func() (all []string) {
		for _, s := range stacks.Stacks {
			if *s.StackName != toolkit {
				all = append(all, *s.StackName)
			}
		}
		return all
	}), err)
	machines, err := sfn.NewFromConfig(c.aws()).ListStateMachines(c.ctx, nil)
	c.hold(account, "state machines", each(err, func() (all []string) {
		for _, m := range machines.StateMachines {
			all = append(all, aws.ToString(m.Name))
		}
		return all
	}), err)
	queues, err := sqs.NewFromConfig(c.aws()).ListQueues(c.ctx, &sqs.ListQueuesInput{})
	c.hold(account, "queues", each(err, func() []string { return queues.QueueUrls }), err)
	buckets, err := s3.NewFromConfig(c.aws()).ListBuckets(c.ctx, nil)
	c.hold(account, "buckets but the named one and the CDK's", each(err, func() (all []string) {
		for _, b := range buckets.Buckets {
			if *b.Name != c.place.DestinationBucket && !strings.HasPrefix(*b.Name, "cdk-") {
				all = append(all, *b.Name)
			}
		}
		return all
	}), err)
	var roles []string
	pages := iam.NewListRolesPaginator(iam.NewFromConfig(c.aws()), &iam.ListRolesInput{})
	for err = nil; pages.HasMorePages() && err == nil; {
		var page *iam.ListRolesOutput
		if page, err = pages.NextPage(c.ctx); err == nil {
			for _, r := range page.Roles {
				roles = append(roles, *r.RoleName)
			}
		}
	}
	c.hold(account, "roles with names of the suite", named(roles), err)
}

// destination checks the bucket: its owner, its region, that it is empty, and that it
// has no settings that rows of the table would replace.
func (c *checking) destination() {
	client, name := s3.NewFromConfig(c.aws()), c.place.DestinationBucket
	bucket := "s3://" + name
	head, err := client.HeadBucket(c.ctx, &s3.HeadBucketInput{Bucket: &name, ExpectedBucketOwner: &c.place.Account})
	if err != nil {
		c.wrong("%s: %q: must be a bucket of account %s: %w; hint: `aws s3 mb s3://%[2]s --region %[5]s`",
			destinationVariable, name, c.place.Account, err, c.place.Region)
		return
	}
	if region := aws.ToString(head.BucketRegion); region != c.place.Region {
		c.wrong("%s: %q: must be in region %s, and is in %q; hint: name another bucket or region",
			destinationVariable, name, c.place.Region, region)
		return
	}
	versions, err := client.ListObjectVersions(c.ctx, &s3.ListObjectVersionsInput{Bucket: &name, MaxKeys: aws.Int32(5)})
	c.hold(bucket, "objects", each(err, func() (all []string) {
		for _, v := range versions.Versions {
			all = append(all, *v.Key)
		}
		for _, m := range versions.DeleteMarkers {
			all = append(all, *m.Key)
		}
		return all
	}), err)
	uploads, err := client.ListMultipartUploads(c.ctx, &s3.ListMultipartUploadsInput{Bucket: &name})
	c.hold(bucket, "incomplete uploads", each(err, func() (all []string) {
		for _, u := range uploads.Uploads {
			all = append(all, *u.Key)
		}
		return all
	}), err)
	versioning, err := client.GetBucketVersioning(c.ctx, &s3.GetBucketVersioningInput{Bucket: &name})
	c.hold(bucket, "versioning", each(err, func() (all []string) {
		if versioning.Status != "" {
			all = append(all, string(versioning.Status))
		}
		return all
	}), err)
	_, err = client.GetBucketPolicy(c.ctx, &s3.GetBucketPolicyInput{Bucket: &name})
	c.setting(bucket, "bucket policy", "NoSuchBucketPolicy", err)
	_, err = client.GetBucketLifecycleConfiguration(c.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &name})
	c.setting(bucket, "lifecycle rules", "NoSuchLifecycleConfiguration", err)
}

// setting notes a setting of the bucket, which there must not be.
func (c *checking) setting(bucket, kind, absent string, err error) {
	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorCode() == absent {
		return
	}
	found := []string{}
	if err == nil {
		found = append(found, "some")
	}
	c.hold(bucket, kind, found, err)
}

func (c *checking) onGoogle() {
	project := "project " + c.place.Project
	var pools struct {
		WorkloadIdentityPools []struct{ Name string }
	}
	err := c.get("iam", "/v1/projects/"+c.place.Project+"/locations/global/workloadIdentityPools", &pools)
	c.hold(project, "workload identity pools", each(err, func() (all []string) {
		for _, p := range pools.WorkloadIdentityPools {
			all = append(all, p.Name[strings.LastIndex(p.Name, "/")+1:])
		}
		return all
	}), err)
	var accounts struct{ Accounts []struct{ Email string } }
	err = c.get("iam", "/v1/projects/"+c.place.Project+"/serviceAccounts?pageSize=100", &accounts)
	c.hold(project, "service accounts with names of the suite", named(each(err, func() (all []string) {
		for _, a := range accounts.Accounts {
			all = append(all, a.Email)
		}
		return all
	})), err)
	var buckets struct{ Items []struct{ Name string } }
	err = c.get("storage", "/storage/v1/b?project="+c.place.Project, &buckets)
	c.hold(project, "buckets but the named one", each(err, func() (all []string) {
		for _, b := range buckets.Items {
			if b.Name != c.place.SourceBucket {
				all = append(all, b.Name)
			}
		}
		return all
	}), err)
}

// source checks the bucket: its project, that it is empty, and who has to pay.
func (c *checking) source() {
	var bucket struct {
		ProjectNumber string
		Billing       struct{ RequesterPays bool }
	}
	path := "/storage/v1/b/" + c.place.SourceBucket
	err := c.get("storage", path, &bucket)
	if err != nil || bucket.ProjectNumber != c.access.Names.ProjectNumber || bucket.Billing.RequesterPays {
		c.wrong("%s: %q: must be a bucket of project %s, whose requesters do not pay: got project %q, %v; "+
			"hint: `gcloud storage buckets create gs://%[2]s`", sourceVariable, c.place.SourceBucket, c.place.Project, bucket.ProjectNumber, err)
		return
	}
	var objects struct{ Items []struct{ Name string } }
	err = c.get("storage", path+"/o?maxResults=5", &objects)
	c.hold("gs://"+c.place.SourceBucket, "objects", each(err, func() (all []string) {
		for _, o := range objects.Items {
			all = append(all, o.Name)
		}
		return all
	}), err)
}

// answered is an answer of Google's that is no success.
type answered struct {
	status int
	body   string
}

func (a *answered) Error() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// get reads a resource of Google's.
func (c *checking) get(api, path string, out any) error {
	r, err := http.NewRequestWithContext(c.ctx, http.MethodGet, c.access.Endpoint(api)+path, nil)
	if err != nil {
		return err
	}
	response, err := c.access.Client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return &answered{response.StatusCode, string(data)}
	}
	return json.Unmarshal(data, out)
}

// each lists what was answered, unless that was an error.
func each(err error, list func() []string) []string {
	if err != nil {
		return nil
	}
	return list()
}

// named are those of the names that the suite's could be.
func named(all []string) []string {
	return slices.DeleteFunc(all, func(name string) bool {
		return !slices.ContainsFunc(ours, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}
