package sandboxtest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Names are the names of what New makes.
type Names struct {
	Account       string // AWS account id
	Region        string // of AWS
	Project       string // Google Cloud project id
	ProjectNumber string

	Role     string // IAM role
	Function string // Lambda function, whose name is that of the role's sessions

	ServiceAccount string // account id, without the domain
	Pool           string // workload identity pool id
	Provider       string // id of the pool's AWS provider

	SourceBucket      string // in Cloud Storage
	Object            string // in SourceBucket, with the content Sample
	DestinationBucket string // in S3
}

// Defaults are the names that New uses.
var Defaults = Names{
	Account:           sandbox.Account,
	Region:            sandbox.Region,
	Project:           sandbox.Project,
	ProjectNumber:     sandbox.ProjectNumber,
	Role:              "gcs-to-s3-role",
	Function:          "gcs-to-s3",
	ServiceAccount:    "gcs-to-s3-service-account",
	Pool:              "aws-connect",
	Provider:          "aws-connect",
	SourceBucket:      "s3-gcs-connect",
	Object:            "sample.txt",
	DestinationBucket: "s3-gcs-connect",
}

// AssumedRole is the ARN that all sessions of the role share, which the provider
// maps to attribute.aws_role.
func (n Names) AssumedRole() string {
	return "arn:aws:sts::" + n.Account + ":assumed-role/" + n.Role
}

// Subject is the ARN of the function's own session, which the provider maps to
// google.subject.
func (n Names) Subject() string { return n.AssumedRole() + "/" + n.Function }

// ServiceAccountEmail is the e-mail address of the service account.
func (n Names) ServiceAccountEmail() string {
	return n.ServiceAccount + "@" + n.Project + ".iam.gserviceaccount.com"
}

// Audience is the full resource name of the provider, as token requests carry it.
func (n Names) Audience() string {
	return fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s", n.ProjectNumber, n.Pool, n.Provider)
}

// CredentialConfiguration is the file for GOOGLE_APPLICATION_CREDENTIALS with which
// Google's auth libraries become the service account in the local clouds. The AWS
// credentials come from the environment: Google Cloud, "Configure Workload Identity
// Federation with AWS".
func (c *Clouds) CredentialConfiguration(t *testing.T) []byte {
	t.Helper()
	file, err := json.MarshalIndent(map[string]any{
		"universe_domain":    "googleapis.com",
		"type":               "external_account",
		"audience":           c.Names.Audience(),
		"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
		"token_url":          c.GoogleURL + "/v1/token",
		"credential_source": map[string]string{
			"environment_id":                 "aws1",
			"regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
		},
		"service_account_impersonation_url": c.GoogleURL + "/v1/projects/-/serviceAccounts/" + c.Names.ServiceAccountEmail() + ":generateAccessToken",
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return file
}
