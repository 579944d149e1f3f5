package iam

import (
	"fmt"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

const awsPolicyPrefix = "arn:aws:iam::aws:policy/"

// AdministratorAccess is the ARN of AWS's policy that allows everything.
const AdministratorAccess = awsPolicyPrefix + "AdministratorAccess"

// publishedPolicy is a policy that AWS itself publishes; see "AWS managed
// policy reference".
type publishedPolicy struct {
	name     string // with its path
	version  int
	document string
}

// published are the AWS managed policies that exist here. All are as AWS has
// them but ReadOnlyAccess, which is cut to the services of this cloud: the CDK's
// bootstrap stack attaches it.
func published() []publishedPolicy {
	return []publishedPolicy{
		{"AdministratorAccess", 1, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}`},
		{"AWSCloudFormationReadOnlyAccess", 4, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "cloudformation:Describe*",
                "cloudformation:EstimateTemplateCost",
                "cloudformation:Get*",
                "cloudformation:List*",
                "cloudformation:ValidateTemplate",
                "cloudformation:Detect*"
            ],
            "Resource": "*"
        }
    ]
}`},
		{"AmazonS3FullAccess", 2, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "s3:*",
                "s3-object-lambda:*"
            ],
            "Resource": "*"
        }
    ]
}`},
		{"AmazonS3ReadOnlyAccess", 3, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "s3:Get*",
                "s3:List*",
                "s3:Describe*",
                "s3-object-lambda:Get*",
                "s3-object-lambda:List*"
            ],
            "Resource": "*"
        }
    ]
}`},
		{"service-role/AWSLambdaBasicExecutionRole", 1, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            ],
            "Resource": "*"
        }
    ]
}`},
		{"ReadOnlyAccess", 1, `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadOnlyActionsOfTheServicesModelledHere",
            "Effect": "Allow",
            "Action": [
                "cloudformation:Describe*",
                "cloudformation:Detect*",
                "cloudformation:Estimate*",
                "cloudformation:Get*",
                "cloudformation:List*",
                "cloudformation:ValidateTemplate",
                "ecr:BatchCheck*",
                "ecr:BatchGet*",
                "ecr:Describe*",
                "ecr:Get*",
                "ecr:List*",
                "iam:Generate*",
                "iam:Get*",
                "iam:List*",
                "iam:Simulate*",
                "lambda:Get*",
                "lambda:List*",
                "logs:Describe*",
                "logs:FilterLogEvents",
                "logs:Get*",
                "logs:List*",
                "s3:Get*",
                "s3:List*",
                "ssm:Describe*",
                "ssm:Get*",
                "ssm:List*",
                "sts:GetAccessKeyInfo",
                "sts:GetCallerIdentity",
                "sts:GetSessionToken"
            ],
            "Resource": "*"
        }
    ]
}`},
	}
}

// publish makes AWS's own policies.
func (i *IAM) publish() error {
	since := time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC) // as AWS dates its first ones
	for _, p := range published() {
		parsed, err := policy.Parse(p.document, policy.Identity)
		if err != nil {
			return fmt.Errorf("reading the published policy %s: %w", p.name, err)
		}
		at := strings.LastIndex(p.name, "/") + 1
		m := &managedPolicy{
			name: p.name[at:], path: "/" + p.name[:at], id: "ANPA" + i.Text(idAlphabet, entityIDLength), arn: awsPolicyPrefix + p.name,
			created: since, updated: since, counter: p.version - 1,
		}
		m.setDefault(m.add(document{text: p.document, parsed: parsed}, since), since, 0)
		i.policies[m.arn] = m
	}
	return nil
}
