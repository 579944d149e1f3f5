package federation_test

import (
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/bigquery"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/organizations"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/pubsub"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
)

// A Lambda function reads the objects of a bucket: its role becomes a service account.
// A real program also exports the credential configuration, for the function's bundle.
func Example_objectReading() {
	show(func(ctx *pulumi.Context) (*federation.Federation, error) {
		bucket, err := storage.NewBucket(ctx, "reports", &storage.BucketArgs{Location: pulumi.String("ASIA-NORTHEAST1")})
		if err != nil {
			return nil, err
		}
		return federation.New(ctx, "readers", &federation.Args{
			Project: pulumi.String("my-project"),
			Pool:    pulumi.String("aws-readers"),
			Accounts: []federation.Account{{
				ID:       pulumi.String("123456789012"),
				Provider: pulumi.String("aws-readers"),
				Roles:    []federation.Role{{Name: pulumi.String("copy-reports"), Session: pulumi.String("copy-reports")}},
			}},
			ServiceAccount: pulumi.String("report-readers"),
			Grants: []federation.Grant{{
				On:    federation.Bucket(bucket.Name),
				Roles: pulumi.StringArray{pulumi.String("roles/storage.objectViewer")},
			}},
		})
	})
	// Output:
	// readers-object-viewer: roles/storage.objectViewer on reports-5f3a1c2 for serviceAccount:report-readers@my-project.iam.gserviceaccount.com
	// readers-workload-identity-user: roles/iam.workloadIdentityUser on report-readers for principalSet://…/aws-readers/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/copy-reports
	// credential configuration for //…/aws-readers/providers/aws-readers as report-readers@my-project.iam.gserviceaccount.com
}

// A role that another stack makes queries a dataset, without a service account: the
// role itself may run queries in the project and read the dataset's tables.
func Example_bigQuery() {
	show(func(ctx *pulumi.Context) (*federation.Federation, error) {
		onAWS, err := pulumi.NewStackReference(ctx, "my-organization/aws/prod", nil)
		if err != nil {
			return nil, err
		}
		project, err := organizations.NewProject(ctx, "analytics", &organizations.ProjectArgs{ProjectId: pulumi.String("my-analytics"), Name: pulumi.String("Analytics")})
		if err != nil {
			return nil, err
		}
		dataset, err := bigquery.NewDataset(ctx, "sales", &bigquery.DatasetArgs{Project: project.ProjectId, DatasetId: pulumi.String("sales")})
		if err != nil {
			return nil, err
		}
		return federation.New(ctx, "analysts", &federation.Args{
			Project: project.ProjectId,
			Pool:    pulumi.String("aws-analysts"),
			Accounts: []federation.Account{{
				ID:       onAWS.GetStringOutput(pulumi.String("accountId")),
				Provider: pulumi.String("aws-analysts"),
				Roles:    []federation.Role{{Name: onAWS.GetStringOutput(pulumi.String("roleName"))}},
			}},
			Grants: []federation.Grant{
				{On: federation.Project(project.ProjectId), Roles: pulumi.StringArray{pulumi.String("roles/bigquery.jobUser")}},
				{On: federation.Dataset(dataset.DatasetId), Roles: pulumi.StringArray{pulumi.String("roles/bigquery.dataViewer")}},
			},
		})
	})
	// Output:
	// analysts-data-viewer: roles/bigquery.dataViewer on sales for iamMember:principalSet://…/aws-analysts/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/run-queries
	// analysts-job-user: roles/bigquery.jobUser on my-analytics for principalSet://…/aws-analysts/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/run-queries
	// credential configuration for //…/aws-analysts/providers/aws-analysts
}

// Roles of two accounts share a queue: each publishes to the topic and pulls from its
// subscription as itself.
func Example_pubSub() {
	show(func(ctx *pulumi.Context) (*federation.Federation, error) {
		topic, err := pubsub.NewTopic(ctx, "orders", nil)
		if err != nil {
			return nil, err
		}
		subscription, err := pubsub.NewSubscription(ctx, "orders", &pubsub.SubscriptionArgs{Topic: topic.Name})
		if err != nil {
			return nil, err
		}
		return federation.New(ctx, "workers", &federation.Args{
			Project: pulumi.String("my-project"),
			Pool:    pulumi.String("aws-workers"),
			Accounts: []federation.Account{
				{ID: pulumi.String("123456789012"), Provider: pulumi.String("aws-shop"), Roles: []federation.Role{{Name: pulumi.String("shop")}}},
				{ID: pulumi.String("210987654321"), Provider: pulumi.String("aws-stock"), Roles: []federation.Role{{Name: pulumi.String("stock")}}},
			},
			Grants: []federation.Grant{
				{On: federation.Topic(topic.Name), Roles: pulumi.StringArray{pulumi.String("roles/pubsub.publisher")}},
				{On: federation.Subscription(subscription.Name), Roles: pulumi.StringArray{pulumi.String("roles/pubsub.subscriber"), pulumi.String("roles/pubsub.viewer")}},
			},
		})
	})
	// Output:
	// workers-publisher: roles/pubsub.publisher on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/shop
	// workers-publisher-210987654321-stock: roles/pubsub.publisher on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::210987654321:assumed-role/stock
	// workers-subscriber: roles/pubsub.subscriber on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/shop
	// workers-subscriber-210987654321-stock: roles/pubsub.subscriber on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::210987654321:assumed-role/stock
	// workers-viewer: roles/pubsub.viewer on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/shop
	// workers-viewer-210987654321-stock: roles/pubsub.viewer on orders-5f3a1c2 for principalSet://…/aws-workers/attribute.aws_role/arn:aws:sts::210987654321:assumed-role/stock
	// credential configuration for //…/aws-workers/providers/aws-shop
	// credential configuration for //…/aws-workers/providers/aws-stock
}
