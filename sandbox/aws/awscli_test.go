package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/internal/preload"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// tool is a foreign program that uses the cloud as its administrator.
type tool struct {
	t   *testing.T
	dir string // where it runs and its files are
	env []string
	cli *preload.Program // the AWS CLI; nil makes each of its commands a program of its own
}

// newTool points a program at the cloud, and away from every other. It skips
// the test where the program is not.
func newTool(t *testing.T, s *awstest.Server, program string) tool {
	t.Helper()
	longtest.Skip(t)
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: %v", program, err)
	}
	const nowhere = "http://127.0.0.1:1"
	dir, admin := t.TempDir(), s.Admin()
	env := []string{
		"HOME=" + dir, "AWS_CONFIG_FILE=" + filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(dir, "credentials"),
		"AWS_ACCESS_KEY_ID=" + admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + admin.SecretAccessKey, "AWS_DEFAULT_REGION=" + awstest.Region, "AWS_REGION=" + awstest.Region,
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "PYTHONDONTWRITEBYTECODE=1",
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "http_proxy=" + nowhere, "https_proxy=" + nowhere, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if name != "HOME" && !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "PYTHON") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			env = append(env, pair)
		}
	}
	c := tool{t: t, dir: dir, env: env}
	if program == "aws" {
		c.cli = preload.AWS(t, env, dir)
	}
	return c
}

// patience bounds one command.
const patience = 2 * time.Minute

// command runs a program to its end.
func (c tool) command(program string, args ...string) (stdout, stderr string, err error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if program == "aws" && c.cli != nil {
		return c.cli.Run(ctx, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = c.env, c.dir, time.Second
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err = cmd.Run()
	return out.String(), problem.String(), err
}

// aws runs a command of the AWS CLI that must succeed.
func (c tool) aws(args ...string) string {
	c.t.Helper()
	out, problem, err := c.command("aws", args...)
	if err != nil {
		c.t.Fatalf("aws %s: %v\n%s%s", strings.Join(args, " "), err, out, problem)
	}
	return strings.TrimSpace(out)
}

// fails runs a command that must be refused, and returns what the CLI says.
func (c tool) fails(args ...string) string {
	c.t.Helper()
	out, problem, err := c.command("aws", args...)
	if err == nil {
		c.t.Errorf("aws %s: succeeded with %s", strings.Join(args, " "), out)
	}
	return strings.TrimSpace(problem)
}

// prints holds what a command prints with --output text to want.
func (c tool) prints(want string, args ...string) {
	c.t.Helper()
	if got := c.aws(append(args, "--output", "text")...); got != want {
		c.t.Errorf("aws %s: got %q, want %q", strings.Join(args, " "), got, want)
	}
}

// write puts a file into the folder that commands run in.
func (c tool) write(name string, content []byte) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c tool) read(name string) []byte {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return content
}

// mebibytes are n MiB in which no part is like another.
func mebibytes(n int) []byte {
	b := make([]byte, n<<20)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16 ^ i>>24)
	}
	return b
}

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestCLIIdentityAndRoles(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	const worker = "arn:aws:iam::111122223333:role/worker"
	c.prints("111122223333\tarn:aws:iam::111122223333:user/sandbox-admin", "sts", "get-caller-identity", "--query", "[Account,Arn]")
	c.write("trust.json", []byte(lambdaTrust))
	c.write("rights.json", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`))
	c.prints(worker, "iam", "create-role", "--role-name", "worker", "--assume-role-policy-document", "file://trust.json", "--tags", "Key=team,Value=a", "--query", "Role.Arn")
	c.aws("iam", "wait", "role-exists", "--role-name", "worker")
	c.aws("iam", "put-role-policy", "--role-name", "worker", "--policy-name", "rights", "--policy-document", "file://rights.json")
	c.prints("s3:GetObject", "iam", "get-role-policy", "--role-name", "worker", "--policy-name", "rights", "--query", "PolicyDocument.Statement[0].Action")
	c.prints("arn:aws:iam::111122223333:policy/more", "iam", "create-policy", "--policy-name", "more", "--policy-document", "file://rights.json", "--query", "Policy.Arn")
	c.aws("iam", "wait", "policy-exists", "--policy-arn", "arn:aws:iam::111122223333:policy/more")
	c.aws("iam", "attach-role-policy", "--role-name", "worker", "--policy-arn", "arn:aws:iam::111122223333:policy/more")
	c.prints("more", "iam", "list-attached-role-policies", "--role-name", "worker", "--query", "AttachedPolicies[].PolicyName")
	c.prints("rights", "iam", "list-role-policies", "--role-name", "worker", "--query", "PolicyNames")
	c.prints("allowed\timplicitDeny", "iam", "simulate-principal-policy", "--policy-source-arn", worker, "--action-names", "s3:GetObject", "s3:PutObject", "--query", "EvaluationResults[].EvalDecision")
	c.prints("v2", "iam", "create-policy-version", "--policy-arn", "arn:aws:iam::111122223333:policy/more", "--policy-document", "file://rights.json", "--set-as-default", "--query", "PolicyVersion.VersionId")
	c.prints("lambda.amazonaws.com", "iam", "get-role", "--role-name", "worker", "--query", "Role.AssumeRolePolicyDocument.Statement[0].Principal.Service")
	c.prints("worker", "iam", "list-roles", "--query", "Roles[].RoleName", "--page-size", "1")
	c.prints("a", "iam", "list-role-tags", "--role-name", "worker", "--query", "Tags[].Value")
	c.aws("iam", "create-user", "--user-name", "reader")
	c.aws("iam", "wait", "user-exists", "--user-name", "reader")
	c.aws("iam", "update-assume-role-policy", "--role-name", "worker", "--policy-document", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`)
	c.prints("arn:aws:sts::111122223333:assumed-role/worker/me", "sts", "assume-role", "--role-arn", worker, "--role-session-name", "me", "--query", "AssumedRoleUser.Arn")
	for want, args := range map[string][]string{
		"(DeleteConflict) when calling the DeleteRole operation: Cannot delete entity, must detach all policies first.":                                                                                          {"iam", "delete-role", "--role-name", "worker"},
		"(NoSuchEntity) when calling the GetRole operation: The role with name none cannot be found.":                                                                                                            {"iam", "get-role", "--role-name", "none"},
		"(EntityAlreadyExists) when calling the CreateRole operation: Role with name worker already exists.":                                                                                                     {"iam", "create-role", "--role-name", "worker", "--assume-role-policy-document", "file://trust.json"},
		"(MalformedPolicyDocument) when calling the CreateRole operation: This policy contains invalid Json":                                                                                                     {"iam", "create-role", "--role-name", "other", "--assume-role-policy-document", "{"},
		"(AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::111122223333:user/sandbox-admin is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/none": {"sts", "assume-role", "--role-arn", "arn:aws:iam::111122223333:role/none", "--role-session-name", "me"},
	} {
		if got := c.fails(args...); !strings.Contains(got, want) {
			t.Errorf("aws %s: got %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	c.aws("iam", "detach-role-policy", "--role-name", "worker", "--policy-arn", "arn:aws:iam::111122223333:policy/more")
	c.aws("iam", "delete-policy-version", "--policy-arn", "arn:aws:iam::111122223333:policy/more", "--version-id", "v1")
	c.aws("iam", "delete-policy", "--policy-arn", "arn:aws:iam::111122223333:policy/more")
	c.aws("iam", "delete-role-policy", "--role-name", "worker", "--policy-name", "rights")
	c.aws("iam", "delete-role", "--role-name", "worker")
	c.prints("", "iam", "list-roles", "--query", "Roles[].RoleName")
}

func TestCLIFilesInS3(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	c.aws("s3", "mb", "s3://files")
	big := mebibytes(100)
	c.write("big", big)
	c.aws("s3", "cp", "--only-show-errors", "big", "s3://files/in/big")
	if etag := c.aws("s3api", "head-object", "--bucket", "files", "--key", "in/big", "--query", "ETag", "--output", "text"); !strings.HasSuffix(etag, `-13"`) {
		t.Errorf("got ETag %s, want that of thirteen parts", etag)
	}
	c.aws("s3", "cp", "--only-show-errors", "s3://files/in/big", "back")
	if !bytes.Equal(c.read("back"), big) {
		t.Error("100 MiB came back otherwise")
	}
	c.aws("s3", "mv", "--only-show-errors", "back", "s3://files/moved")

	for name, content := range map[string]string{"tree/a.txt": "a", "tree/sub/b c.txt": "b", "tree/sub/ü+%.txt": "c"} {
		c.write(name, []byte(content))
		// sync takes a file of the second of its upload for newer than the object.
		before := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(c.dir, name), before, before); err != nil {
			t.Fatal(err)
		}
	}
	sync := []string{"s3", "sync", "tree", "s3://files/tree", "--no-progress"}
	if got := strings.Count(c.aws(sync...), "upload: "); got != 3 {
		t.Errorf("sync made %d uploads, want 3", got)
	}
	if got := c.aws(sync...); got != "" {
		t.Errorf("sync of the same did %s", got)
	}
	if err := os.Remove(filepath.Join(c.dir, "tree", "a.txt")); err != nil {
		t.Fatal(err)
	}
	if got, want := c.aws(append(sync, "--delete")...), "delete: s3://files/tree/a.txt"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.aws("s3", "sync", "--only-show-errors", "s3://files/tree", "again")
	if got := string(c.read("again/sub/ü+%.txt")); got != "c" {
		t.Errorf("got %q, want c", got)
	}
	if got := c.aws("s3", "ls", "s3://files"); !strings.Contains(got, "PRE in/") || !strings.Contains(got, " moved") {
		t.Errorf("ls printed %s", got)
	}
	if got := c.aws("s3", "ls", "--recursive", "--summarize", "s3://files"); !strings.Contains(got, "Total Objects: 4") {
		t.Errorf("ls printed %s", got)
	}
	c.aws("configure", "set", "default.s3.signature_version", "s3v4") // version 1 of the command line would write Signature Version 2
	url := c.aws("s3", "presign", "s3://files/tree/sub/b c.txt", "--expires-in", "60")
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the presigned URL answered %s", response.Status)
	}
	if got, want := c.fails("s3", "cp", "s3://files/none", "none"), "An error occurred (404) when calling the HeadObject operation"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := c.fails("s3", "rb", "s3://files"), "(BucketNotEmpty) when calling the DeleteBucket operation: The bucket you tried to delete is not empty"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.aws("s3", "rb", "--force", "s3://files")
	if got := c.aws("s3", "ls"); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestCLIObjects(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	api := func(args ...string) []string { return append([]string{"s3api"}, args...) }
	c.aws(api("create-bucket", "--bucket", "objects")...)
	c.aws(api("wait", "bucket-exists", "--bucket", "objects")...)
	c.write("body", []byte("hello"))
	// CRC32C and CRC64NVME need a library of the CLI's that it does not always have.
	for algorithm, want := range map[string]string{"CRC32": "NhCmhg==", "SHA1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "SHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="} {
		key := strings.ToLower(algorithm)
		c.prints(want, api("put-object", "--bucket", "objects", "--key", key, "--body", "body", "--checksum-algorithm", algorithm, "--query", "Checksum"+algorithm)...)
		c.prints(want, api("head-object", "--bucket", "objects", "--key", key, "--checksum-mode", "ENABLED", "--query", "Checksum"+algorithm)...)
	}
	c.aws(api("put-object", "--bucket", "objects", "--key", "once", "--body", "body", "--if-none-match", "*", "--metadata", "a=b", "--content-type", "text/plain")...)
	if got, want := c.fails(api("put-object", "--bucket", "objects", "--key", "once", "--body", "body", "--if-none-match", "*")...), "(PreconditionFailed)"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := c.fails(api("put-object", "--bucket", "objects", "--key", "once", "--body", "body", "--checksum-crc32", "AAAAAA==")...), "(BadDigest)"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.prints("b\ttext/plain\t5", api("get-object", "--bucket", "objects", "--key", "once", "--query", "[Metadata.a,ContentType,ContentLength]", "got")...)
	c.prints("bytes 1-3/5", api("get-object", "--bucket", "objects", "--key", "once", "--range", "bytes=1-3", "--query", "ContentRange", "part")...)
	if got := string(c.read("part")); got != "ell" {
		t.Errorf("got %q, want ell", got)
	}
	c.prints("crc32,once,sha1,sha256", api("list-objects-v2", "--bucket", "objects", "--query", "join(',', Contents[].Key)", "--max-items", "4")...)
	c.aws(api("put-bucket-versioning", "--bucket", "objects", "--versioning-configuration", "Status=Enabled")...)
	c.aws(api("put-bucket-tagging", "--bucket", "objects", "--tagging", "TagSet=[{Key=team,Value=a}]")...)
	c.prints("a", api("get-bucket-tagging", "--bucket", "objects", "--query", "TagSet[].Value")...)
	c.aws(api("delete-object", "--bucket", "objects", "--key", "once")...)
	c.prints("2", api("list-object-versions", "--bucket", "objects", "--prefix", "once", "--query", "length([Versions,DeleteMarkers][])")...)
	c.aws(api("wait", "object-not-exists", "--bucket", "objects", "--key", "once")...)
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::objects/sha1",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c.aws(api("put-bucket-policy", "--bucket", "objects", "--policy", string(policy))...)
	want := `An error occurred (AccessDenied) when calling the GetObject operation: User: arn:aws:iam::111122223333:user/sandbox-admin is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::objects/sha1" with an explicit deny in a resource-based policy`
	if got := c.fails(api("get-object", "--bucket", "objects", "--key", "sha1", "none")...); !strings.Contains(got, want) {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, got))
	}
}
