package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func TestCallsAreAuthorized(t *testing.T) {
	t.Parallel()
	s, admin := start(t)
	put(t, admin, "out/secret", "v")
	writer := client(s, awstest.Session(t, s, "writer", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::some-bucket/in/*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::some-bucket","Condition":{"StringLike":{"s3:prefix":"in/*"}}},
		{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::some-bucket/in/locked"}]}`, time.Hour))
	const nobody, explicit = "because no identity-based policy allows the ", "with an explicit deny in an identity-based policy"
	write := func(key string) error {
		_, err := writer.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr(bucket), Key: &key, Body: strings.NewReader("v")})
		return err
	}
	get := func(key string) error {
		_, err := writer.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: &key})
		return err
	}
	list := func(prefix string) error {
		_, err := writer.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr(bucket), Prefix: &prefix})
		return err
	}
	for _, test := range []struct {
		name string
		err  error
		want awstest.Refusal
	}{
		{"write inside", write("in/a"), awstest.Refusal{}},
		{"write outside", write("out/a"), denied("writer", "s3:PutObject", "arn:aws:s3:::some-bucket/out/a", nobody+"s3:PutObject action")},
		{"write denied", write("in/locked"), denied("writer", "s3:PutObject", "arn:aws:s3:::some-bucket/in/locked", explicit)},
		{"read outside", get("out/secret"), denied("writer", "s3:GetObject", "arn:aws:s3:::some-bucket/out/secret", nobody+"s3:GetObject action")},
		{"read what is not there", get("in/none"), denied("writer", "s3:ListBucket", "arn:aws:s3:::some-bucket", nobody+"s3:ListBucket action")},
		{"list inside", list("in/"), awstest.Refusal{}},
		{"list all", list(""), denied("writer", "s3:ListBucket", "arn:aws:s3:::some-bucket", nobody+"s3:ListBucket action")},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	out, err := writer.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: ptr(bucket), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: ptr("in/a")}}}})
	if err != nil || len(out.Errors) != 1 || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("got %+v (%v)", out, err)
	}
}

func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	s, admin := start(t)
	reader := client(s, awstest.Session(t, s, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:*","Resource":"*"}]}`, time.Hour))
	put(t, admin, "k", "v")
	set := func(text string) awstest.Refusal {
		_, err := admin.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: ptr(bucket), Policy: &text})
		return awstest.RefusalOf(t, err)
	}
	statement := func(effect, principal, more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::some-bucket/*"` + more + `}]}`
	}
	read := func(c *s3.Client) awstest.Refusal {
		_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
		return awstest.RefusalOf(t, err)
	}
	if got := read(reader); got.Code != "AccessDenied" {
		t.Errorf("before: got %v", got)
	}
	if got := set(statement("Allow", `{"AWS":"arn:aws:iam::111122223333:role/reader"}`, "")); got.Code != "" {
		t.Fatal(got)
	}
	if got := read(reader); got.Code != "" {
		t.Errorf("granted: got %v", got)
	}
	if got := set(statement("Deny", `"*"`, "")); got.Code != "" {
		t.Fatal(got)
	}
	want := awstest.Refused(403, "AccessDenied", `User: arn:aws:iam::111122223333:user/sandbox-admin is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::some-bucket/k" with an explicit deny in a resource-based policy`)
	if diff := cmp.Diff(want, read(admin)); diff != "" {
		t.Errorf("denied (-want +got):\n%s", diff)
	}
	for name, test := range map[string]struct {
		text string
		want awstest.Refusal
	}{
		"not json":        {"<", awstest.Refused(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")},
		"other bucket":    {strings.Replace(statement("Allow", `"*"`, ""), "some-bucket", "other", 1), awstest.Refused(400, "MalformedPolicy", "Policy has invalid resource")},
		"no such role":    {statement("Allow", `{"AWS":"arn:aws:iam::111122223333:role/none"}`, ""), awstest.Refused(400, "MalformedPolicy", "Invalid principal in policy")},
		"bucket's action": {strings.Replace(statement("Allow", `"*"`, ""), "s3:GetObject", "s3:ListBucket", 1), awstest.Refused(400, "MalformedPolicy", "Action does not apply to any resource(s) in statement")},
		"object's action": {strings.Replace(statement("Allow", `"*"`, ""), "some-bucket/*", "some-bucket", 1), awstest.Refused(400, "MalformedPolicy", "Action does not apply to any resource(s) in statement")},
		"any resource":    {strings.Replace(statement("Allow", `"*"`, ""), "arn:aws:s3:::some-bucket/*", "*", 1), awstest.Refused(400, "MalformedPolicy", "Policy has invalid resource")},
		"public, blocked": {statement("Allow", `"*"`, ""), awstest.Refused(403, "AccessDenied", `User: arn:aws:iam::111122223333:user/sandbox-admin is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::some-bucket" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`)},
	} {
		if diff := cmp.Diff(test.want, set(test.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	anonymous := func() int {
		response, err := http.Get(s.URL + "/" + bucket + "/k")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if got := anonymous(); got != 403 {
		t.Errorf("anonymous: got %d, want 403", got)
	}
	if _, err := admin.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: ptr(bucket)}); err != nil {
		t.Error(err)
	}
	if got := set(statement("Allow", `"*"`, "")); got.Code != "" {
		t.Error(got)
	}
	if got := anonymous(); got != 200 {
		t.Errorf("anonymous to a public bucket: got %d, want 200", got)
	}
	if _, err := admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: ptr(bucket)}); err != nil {
		t.Error(err)
	}
	_, err := admin.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: ptr(bucket)})
	if diff := cmp.Diff(awstest.Refused(404, "NoSuchBucketPolicy", "The bucket policy does not exist"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
