package ownership

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// TestReadTemplate: what imports leave behind has the form of an environment's stack, too: in
// YAML, and with a log group alone.
func TestReadTemplate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       Template
		form       string // of a stack of the environment dev with the name of the function's
	}{
		{"a role in YAML", "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    DeletionPolicy: Retain\n    Properties:\n      RoleName: r\n",
			Template{Makes: "AWS::IAM::Role r", Name: "r"}, "its template is not that of the environment's function"},
		{"a log group alone", "Resources:\n  Logs:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Retain\n    Properties:\n      LogGroupName: /aws/lambda/f\n",
			Template{Makes: "AWS::Lambda::Function f", Name: "f", KeepsLogs: true}, ""},
		{"a function and its log group", `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"f","Code":{"S3Key":"k"}}},"L":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":"/aws/lambda/g"}}}}`,
			Template{Makes: "AWS::Lambda::Function f", Name: "f", Bundles: []string{"k"}}, ""},
		{"a bucket", `{"Resources":{"B":{"Type":"AWS::S3::Bucket"}}}`, Template{}, "its template has B of the type AWS::S3::Bucket, which no environment has"},
		{"nothing", `{"Resources":{}}`, Template{}, "its template does not make one role or one function with a name"},
	} {
		got, err := ReadTemplate([]byte(tt.body))
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Template{}), cmpopts.IgnoreFields(Template{}, "Sum")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
		if form := got.Form("gcs-to-s3-dev-function", "dev"); form != tt.form {
			t.Errorf("%s: its form is %q, want %q", tt.name, form, tt.form)
		}
	}
	const imported = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Metadata:\n      gcs-to-s3:mark: '[gcs-to-s3 dev id=0123456789ab]'\n    Properties:\n      RoleName: r\n"
	for env, want := range map[environment.Mark]string{
		{Environment: "dev", ID: "0123456789ab"}: "",
		{Environment: "dev", ID: "ba9876543210"}: "belongs to another environment of the name dev, whose account, region, project or suffix is not that of the file",
	} {
		e, _ := StackEvidence(nil, []byte(imported), "gcs-to-s3-dev-role", "dev")
		if v := Decide(env, e); v.Why() != want {
			t.Errorf("what was imported for another: %q, want %q", v.Why(), want)
		}
	}
	if _, err := ReadTemplate([]byte(strings.Repeat("{", 3))); err == nil {
		t.Error("what is no template is read")
	}
}
