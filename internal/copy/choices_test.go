package copy

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// TestDirectAccess: without a service account, a cold invocation makes three requests.
func TestDirectAccess(t *testing.T) {
	l := newStand(t)
	names := l.CredentialNames()
	names.ServiceAccount = ""
	c, err := credential.New(names, credential.Options{TokenURL: l.Env.GoogleTokenURL, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.env[invocation.EnvGoogleCredentials], c.JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
	l.BindBucket(t, l.Env.SourceBucket, "roles/storage.objectViewer", l.PrincipalSet(l.Env.AssumedRole()))
	h := l.start(t)
	before := len(l.Journal.Entries())
	if _, err := copyOne(h, invocation.Event{}); err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, e := range l.Journal.Entries()[before:] {
		services = append(services, e.Cloud+" "+e.Service)
	}
	// The token exchange makes Google call AWS; that request is Google's.
	if diff := cmp.Diff([]string{"aws sts", "google sts", "google storage", "aws s3"}, services); diff != "" {
		t.Errorf("cold invocation (-want +got):\n%s", diff)
	}
}

// TestKeysOfKMS: objects written in one request or in parts are encrypted with
// the key, provided that the role may use it.
func TestKeysOfKMS(t *testing.T) {
	l := newStand(t)
	admin := l.AWSConfig(l.AWS.Admin())
	key, err := kms.NewFromConfig(admin).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := *key.KeyMetadata.Arn
	l.env[invocation.EnvKMSKey] = arn
	content := l.put(t, "large", 100<<10)
	h := l.startSmall(t)
	for _, name := range []string{"sample.txt", "large"} {
		_, err := copyOne(h, invocation.Event{Object: name})
		want := "is not authorized to perform: kms:GenerateDataKey on resource: " + arn + " because no identity-based policy allows the kms:GenerateDataKey action"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("copying %s without the right: %v, want %q", name, err, want)
		}
	}
	rights := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"` + arn + `","Condition":{"StringEquals":{"kms:ViaService":"s3.` + l.Env.AWSRegion + `.amazonaws.com"}}}]}`
	if _, err := iam.NewFromConfig(admin).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &l.Env.Role, PolicyName: aws.String("use-key"), PolicyDocument: &rights}); err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{"sample.txt": []byte(sandboxtest.Sample), "large": content} {
		if _, err := copyOne(h, invocation.Event{Object: name}); err != nil {
			t.Errorf("copying %s: %v", name, err)
			continue
		}
		l.holds(t, name, bytes)
		if _, out := l.stored(t, name); out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(out.SSEKMSKeyId) != arn {
			t.Errorf("%s is encrypted by %s with %s", name, out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId))
		}
		if again, err := copyOne(h, invocation.Event{Object: name, Overwrite: invocation.OverwriteDifferent}); err != nil || again.Outcome != invocation.OutcomeUnchanged {
			t.Errorf("copying %s again: %+v, %v", name, again, err)
		}
	}
}
