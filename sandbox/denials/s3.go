package denials

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

func putObject(t *testing.T, cfg aws.Config, bucket, key string) error {
	t.Helper()
	_, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")})
	return err
}

func getObject(t *testing.T, cfg aws.Config, bucket, key string) error {
	t.Helper()
	_, err := s3.NewFromConfig(cfg).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	return err
}

// lock makes the bucket locked, which retains objects for a day.
func lock(t *testing.T, c *Clouds) {
	t.Helper()
	client, name := s3.NewFromConfig(admin(c)), c.name("locked")
	must[*s3.CreateBucketOutput](t)(client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: name, ObjectLockEnabledForBucket: aws.Bool(true),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.Names.Region)},
	}))
	day := types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1)}
	must[*s3.PutObjectLockConfigurationOutput](t)(client.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: name, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &day},
		},
	}))
}

// encrypt sets the default encryption of the destination bucket.
func encrypt(t *testing.T, c *Clouds, rule types.ServerSideEncryptionRule) {
	t.Helper()
	must[*s3.PutBucketEncryptionOutput](t)(s3.NewFromConfig(admin(c)).PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket:                            &c.Names.DestinationBucket,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
	}))
}

// putWithKey writes an object under a key of the customer's.
func putWithKey(t *testing.T, c *Clouds) error {
	t.Helper()
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), Body: strings.NewReader("x"),
		SSECustomerAlgorithm: aws.String("AES256"), SSECustomerKey: &key,
	})
	return err
}

func s3Denials() []denial {
	const (
		section  = "S3"
		bucket   = "arn:aws:s3:::s3-gcs-connect"
		explicit = "with an explicit deny in an identity-based policy"
	)
	row := func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message, source string) denial {
		return denial{section, name, do, status, code, message, source}
	}
	session := func(t *testing.T, c *Clouds, policy string) aws.Config {
		t.Helper()
		role := must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: c.name("worker"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + c.Names.Account + `"},"Action":"sts:AssumeRole"}]}`),
		})).Role
		must[*iam.PutRolePolicyOutput](t)(iam.NewFromConfig(admin(c)).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: aws.String("all"), PolicyDocument: aws.String(document(allowing("s3:*", "*")))}))
		out := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(admin(c)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("narrow"), Policy: &policy}))
		return c.Configure(api.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken})
	}
	bucketPolicy := func(t *testing.T, c *Clouds, text string) error {
		t.Helper()
		_, err := s3.NewFromConfig(admin(c)).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &c.Names.DestinationBucket, Policy: &text})
		return err
	}
	malformed := func(name, text, message, source string) denial {
		return row(name, func(t *testing.T, c *Clouds) error {
			return bucketPolicy(t, c, c.here(text))
		}, 400, "MalformedPolicy", message, source)
	}
	everybody := func(action, resource string) string {
		return document(effect("Allow", action, resource, `,"Principal":"*"`))
	}
	return []denial{
		row("no policy", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c), c.Names.DestinationBucket, "k")
		},
			403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/k"`), accessDenied),
		row("another action", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, allowing("s3:GetObject", "*")), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/k"`), accessDenied),
		row("another bucket", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, allowing("s3:*", "arn:aws:s3:::other/*")), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/k"`), accessDenied),
		row("another prefix", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, allowing("s3:*", c.destination()+"/in/*")), c.Names.DestinationBucket, "out/k")
		}, 403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/out/k"`), accessDenied),
		row("the bucket's ARN for its objects", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, allowing("s3:*", c.destination())), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/k"`), accessDenied),
		row("an explicit deny beside an allow", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, allowing("*", "*"), denying("s3:PutObject", c.destination()+"/locked/*")), c.Names.DestinationBucket, "locked/k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/locked/k"`, explicit), evaluationLogic),
		row("an explicit deny in a managed policy", func(t *testing.T, c *Clouds) error {
			cfg, client := as(t, c, allowing("*", "*")), iam.NewFromConfig(admin(c))
			p := must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: c.name("no"), PolicyDocument: aws.String(document(denying("s3:*", "*")))})).Policy
			must[*iam.AttachRolePolicyOutput](t)(client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: c.name("worker"), PolicyArn: p.Arn}))
			return putObject(t, cfg, c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/k"`, explicit+": "+arnPrefix+"policy/no"), policyARNs),
		row("a condition on the prefix", func(t *testing.T, c *Clouds) error {
			cfg := as(t, c, effect("Allow", "s3:ListBucket", c.destination(), `,"Condition":{"StringLike":{"s3:prefix":"in/*"}}`))
			_, err := s3.NewFromConfig(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &c.Names.DestinationBucket, Prefix: aws.String("out/")})
			return err
		}, 403, "AccessDenied", noIdentity("s3:ListBucket", `"`+bucket+`"`), accessDenied),
		row("a condition on encrypted transport that fails", func(t *testing.T, c *Clouds) error {
			return putObject(t, as(t, c, effect("Allow", "s3:*", "*", `,"Condition":{"Bool":{"aws:SecureTransport":"false"}}`)), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", noIdentity("s3:PutObject", `"`+bucket+`/k"`), accessDenied),
		row("a bucket policy that denies", func(t *testing.T, c *Clouds) error {
			if err := bucketPolicy(t, c, document(effect("Deny", "s3:PutObject", c.destination()+"/*", `,"Principal":"*"`))); err != nil {
				t.Fatal(err)
			}
			return putObject(t, as(t, c, allowing("*", "*")), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/k"`, "with an explicit deny in a resource-based policy"), grantsS3),
		row("a bucket policy that denies all but another", func(t *testing.T, c *Clouds) error {
			if err := bucketPolicy(t, c, document(effect("Deny", "s3:*", c.destination()+"/*", `,"NotPrincipal":{"AWS":"`+c.owner()+`"}`))); err != nil {
				t.Fatal(err)
			}
			return putObject(t, as(t, c, allowing("*", "*")), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/k"`, "with an explicit deny in a resource-based policy"), accessDenied),
		row("a session policy that narrows", func(t *testing.T, c *Clouds) error {
			return putObject(t, session(t, c, document(allowing("s3:GetObject", "*"))), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/k"`, "because no session policy allows the s3:PutObject action"), accessDenied),
		row("a session policy that denies", func(t *testing.T, c *Clouds) error {
			return putObject(t, session(t, c, document(allowing("s3:*", "*"), denying("s3:PutObject", "*"))), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", notAllowed("s3:PutObject", `"`+bucket+`/k"`, "with an explicit deny in a session policy"), accessDenied),
		row("a key that is not there, to who may list", func(t *testing.T, c *Clouds) error {
			return getObject(t, as(t, c, allowing("s3:*", "*")), c.Names.DestinationBucket, "none")
		}, 404, "NoSuchKey", "The specified key does not exist.", s3Errors),
		row("a key that is not there, to a caller who is not allowed to list", func(t *testing.T, c *Clouds) error {
			return getObject(t, as(t, c, allowing("s3:GetObject", "*")), c.Names.DestinationBucket, "none")
		}, 403, "AccessDenied", noIdentity("s3:ListBucket", `"`+bucket+`"`), "GetObject (Amazon S3 API Reference), for the status; "+accessDenied),
		row("a bucket that is not there", func(t *testing.T, c *Clouds) error { return getObject(t, as(t, c), c.named("none-such"), "k") },
			404, "NoSuchBucket", "The specified bucket does not exist", s3Errors),
		row("custom metadata of more than 2 KB", func(t *testing.T, c *Clouds) error {
			_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), Metadata: map[string]string{"a": strings.Repeat("a", 2<<10)},
			})
			return err
		}, 400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", "qld-gov-au/ckanext-s3filestore, issue 132"),
		row("headers of more than 8 KB", func(t *testing.T, c *Clouds) error {
			_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), CacheControl: aws.String(strings.Repeat("a", 8<<10)),
			})
			return err
		}, 400, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.",
			"Working with object metadata (Amazon S3 User Guide), for the limit; the words are believed"),
		row("a bucket of another region", func(t *testing.T, c *Clouds) error {
			cfg := admin(c)
			cfg.Region = "eu-west-1"
			must[*s3.CreateBucketOutput](t)(s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{
				Bucket: c.name("elsewhere"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"},
			}))
			return putObject(t, admin(c), c.named("elsewhere"), "k")
		}, 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. "+
			"Please send all future requests to this endpoint.", "yanganto/s3rs, issue 18"),
		row("another owner than expected", func(t *testing.T, c *Clouds) error {
			_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), ExpectedBucketOwner: aws.String("444455556666")})
			return err
		}, 403, "AccessDenied", "Access Denied", "Verifying bucket ownership with bucket owner condition (Amazon S3 User Guide)"),
		row("nobody's request", func(t *testing.T, c *Clouds) error {
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", c.S3URL+"/"+c.Names.DestinationBucket+"/k", nil))
			return send(t, r)
		}, 403, "AccessDenied", "Access Denied", s3Errors),
		row("a conditional write over what is there", func(t *testing.T, c *Clouds) error {
			if err := putObject(t, admin(c), c.Names.DestinationBucket, "k"); err != nil {
				t.Fatal(err)
			}
			_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), IfNoneMatch: aws.String("*")})
			return err
		}, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", s3Errors),
		row("bytes without a digest where objects are retained", func(t *testing.T, c *Clouds) error {
			lock(t, c)
			_, err := s3.NewFromConfig(admin(c)).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: c.name("locked"), Key: aws.String("k"), Body: strings.NewReader("x"),
			})
			return err
		}, 400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
			"versity/versitygw, issue 1776"),
		row("a part without a digest where objects are retained", func(t *testing.T, c *Clouds) error {
			lock(t, c)
			client := s3.NewFromConfig(admin(c))
			u := must[*s3.CreateMultipartUploadOutput](t)(client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
				Bucket: c.name("locked"), Key: aws.String("k"),
			}))
			_, err := client.UploadPart(t.Context(), &s3.UploadPartInput{
				Bucket: u.Bucket, Key: u.Key, UploadId: u.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x"),
			})
			return err
		}, 400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock parameters",
			"s3tools/s3cmd, issue 1436"),
		row("deleting a version that is retained", func(t *testing.T, c *Clouds) error {
			lock(t, c)
			client := s3.NewFromConfig(admin(c))
			put := must[*s3.PutObjectOutput](t)(client.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: c.name("locked"), Key: aws.String("k"), Body: strings.NewReader("x"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
			}))
			_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{
				Bucket: c.name("locked"), Key: aws.String("k"), VersionId: put.VersionId,
			})
			return err
		}, 403, "AccessDenied", "Access Denied because object protected by object lock.", "versity/versitygw, issue 1330"),
		row("writing to a bucket of a key without the right to it", func(t *testing.T, c *Clouds) error {
			made := must[*kms.CreateKeyOutput](t)(kms.NewFromConfig(admin(c)).CreateKey(t.Context(), &kms.CreateKeyInput{}))
			encrypt(t, c, types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: made.KeyMetadata.Arn,
			}})
			return putObject(t, as(t, c, allowing("s3:*", "*")), c.Names.DestinationBucket, "k")
		}, 403, "AccessDenied", noIdentity("kms:GenerateDataKey", "arn:aws:kms:"+sandbox.Region+":"+sandbox.Account+":key/…"),
			"Using server-side encryption with AWS KMS keys (SSE-KMS) (Amazon S3 User Guide)"),
		row("a key of the customer's for a new bucket", func(t *testing.T, c *Clouds) error {
			return putWithKey(t, c)
		}, 403, "AccessDenied", "User: "+arnPrefix+`user/sandbox-admin is not authorized to perform: s3:PutObject on resource: "`+bucket+`/k" `+
			"because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). "+
			"Please specify a different server-side encryption type",
			"Troubleshoot access denied (403 Forbidden) errors in Amazon S3 (Amazon S3 User Guide)"),
		row("reading without the customer's key", func(t *testing.T, c *Clouds) error {
			none := &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{types.EncryptionTypeNone}}
			encrypt(t, c, types.ServerSideEncryptionRule{BlockedEncryptionTypes: none})
			if err := putWithKey(t, c); err != nil {
				t.Fatal(err)
			}
			return getObject(t, admin(c), c.Names.DestinationBucket, "k")
		}, 400, "InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided "+
			"to retrieve the object.", "boto/boto3, issue 1482"),
		row("versions suspended where objects are retained", func(t *testing.T, c *Clouds) error {
			lock(t, c)
			status := &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}
			_, err := s3.NewFromConfig(admin(c)).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
				Bucket: c.name("locked"), VersioningConfiguration: status,
			})
			return err
		}, 409, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
			"terraform-aws-modules/terraform-aws-s3-bucket, issue 90"),
		row("a lifecycle rule that aborts uploads by tag", func(t *testing.T, c *Clouds) error {
			rule := types.LifecycleRule{
				Status:                         types.ExpirationStatusEnabled,
				AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)},
				Filter:                         &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("a"), Value: aws.String("b")}},
			}
			_, err := s3.NewFromConfig(admin(c)).PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
				Bucket: &c.Names.DestinationBucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{rule}},
			})
			return err
		}, 400, "InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags.",
			"terraform-aws-modules/terraform-aws-s3-bucket, issue 109"),
		row("a lifecycle configuration that is not there", func(t *testing.T, c *Clouds) error {
			_, err := s3.NewFromConfig(admin(c)).GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{
				Bucket: &c.Names.DestinationBucket,
			})
			return err
		}, 404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist",
			"GetBucketLifecycleConfiguration (Amazon S3 API Reference)"),
		malformed("a policy that is not JSON", "<", "Policies must be valid JSON and the first byte must be '{'", reported),
		malformed("a policy without a principal", document(allowing("s3:*", bucket)), "Missing required field Principal", bucketPolicies),
		malformed("a policy of any resource", everybody("s3:*", "*"), "Policy has invalid resource", bucketPolicies),
		malformed("a policy of another service's action", everybody("sqs:*", bucket), "Policy has invalid action", reported),
		malformed("a policy whose action is not of its resource", everybody("s3:GetObject", bucket), "Action does not apply to any resource(s) in statement", "humanmade/S3-Uploads, issue 239"),
		malformed("a policy for a principal that does not exist", document(effect("Allow", "s3:*", bucket, `,"Principal":{"AWS":"`+arnPrefix+`role/none"}`)), "Invalid principal in policy", "ministryofjustice/modernisation-platform-environments, pull request 590"),
		row("a public policy", func(t *testing.T, c *Clouds) error {
			return bucketPolicy(t, c, everybody("s3:GetObject", c.destination()+"/*"))
		}, 403, "AccessDenied", `User: `+arnPrefix+`user/sandbox-admin is not authorized to perform: s3:PutBucketPolicy on resource: "`+bucket+`" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`, reported),
	}
}
