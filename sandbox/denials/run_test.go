package denials

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// lasting are local clouds in which a run can ask, with names that are not the table's.
func lasting(t *testing.T, opts sandbox.Options) (*sandbox.Sandbox, *Run) {
	t.Helper()
	s := sandboxtest.Empty(t, opts)
	access := sandboxtest.AccessTo(s)
	access.Names = Names(access.Names, "x7k2")
	access.Names.SourceBucket, access.Names.DestinationBucket = "their-source", "their-destination"
	access.MakeBuckets(t)
	return s, &Run{Access: access, Mark: "x7k2", Between: 10 * time.Millisecond}
}

// emptied checks that a run left nothing.
func emptied(t *testing.T, access sandboxtest.Access, report Report) {
	t.Helper()
	if len(report.Left) > 0 {
		t.Errorf("left over: %v", report.Left)
	}
	roles, err := iam.NewFromConfig(access.Configure(access.Owner)).ListRoles(t.Context(), nil)
	if err != nil || len(roles.Roles) > 0 {
		t.Errorf("%d roles are left, %v", len(roles.Roles), err)
	}
	buckets, err := s3.NewFromConfig(access.Configure(access.Owner)).ListBuckets(t.Context(), nil)
	if err != nil || len(buckets.Buckets) != 1 {
		t.Errorf("%d buckets are left, %v, want the destination's", len(buckets.Buckets), err)
	}
	for path, list := range map[string]string{
		"/v1/projects/" + access.Names.Project + "/serviceAccounts":                        "accounts",
		"/v1/projects/" + access.Names.Project + "/locations/global/workloadIdentityPools": "workloadIdentityPools",
		"/storage/v1/b/" + access.Names.SourceBucket + "/o":                                "items",
	} {
		var out map[string]any
		access.Call(t, http.MethodGet, path, nil, &out)
		if left, _ := out[list].([]any); len(left) > 0 {
			t.Errorf("%s are left: %v", list, left)
		}
	}
}

// TestRunFindsNoDifference asks every row in the same clouds, and leaves them as they
// were.
func TestRunFindsNoDifference(t *testing.T) {
	t.Parallel()
	_, run := lasting(t, sandbox.Options{})
	access := run.Access
	report := run.Ask(t.Context(), t)
	var out bytes.Buffer
	if err := report.Write(&out); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	if patch := report.Patch(time.Now()); patch != "" {
		t.Errorf("patch:\n%s", patch)
	}
	if unasked := strings.Count(out.String(), "could not be made"); unasked > 0 || len(report.Answers) != len(denials()) {
		t.Errorf("%d rows were answered, and %d could not be prepared", len(report.Answers), unasked)
	}
	emptied(t, access, report)
}

// differently answers some requests in other words than the table's: one in each way in
// which an answer can differ.
func differently(service string, r *http.Request) *faults.Fault {
	refuse := func(status int, code, message string) *faults.Fault {
		return &faults.Fault{Refuse: &faults.Refusal{Status: status, Code: code, Message: message}}
	}
	switch {
	case service == "aws/scheduler" && r.Method == http.MethodPost && strings.Contains(r.Header.Get("Authorization"), "/scheduler/"):
		return refuse(429, "ThrottlingException", "Account 123456789012 asked too often at 2026-11-27T10:00:00Z, request 0f8fad5b-d9cb-469f-a165-70867728950e.")
	case service == "google/iam" && strings.HasSuffix(r.URL.Path, "/workloadIdentityPools/missing"):
		return refuse(404, "NOT_FOUND", "Pool missing of denials-pool-x7k2 in demo-project is not there.")
	case service == "google/storage" && strings.Contains(r.URL.Path, "/b/missing-bucket"):
		return refuse(403, "forbidden", "The specified bucket does not exist.")
	}
	return nil
}

// lenient is a cloud that lets sessions list roles, which it must not.
type lenient struct{ session bool }

// Do answers the request, or lets the local cloud answer.
func (l lenient) Do(r *http.Request) (*http.Response, error) {
	if l.session && r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(content), "Action=ListRoles&") {
			const none = "<ListRolesResponse><ListRolesResult><IsTruncated>false</IsTruncated><Roles/></ListRolesResult></ListRolesResponse>"
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(none)), Request: r}, nil
		}
		r.Body = io.NopCloser(bytes.NewReader(content))
	}
	return awshttp.Client().Do(r)
}

// some rows of every kind of cloud and of cause.
var some = regexp.MustCompile(`^Queues, keys and schedules/a schedule that is none|^IAM/a pool that is not there|` +
	`^Cloud Storage/(a bucket that is not there|no grant|a garbage token)|^IAM and STS/(reading a role|listing roles)|^Token exchange: the pool/`)

// TestRunShowsWhatDiffers asks clouds that answer differently on purpose: exactly that is
// in the patch, with the table's names, and the patch applies.
func TestRunShowsWhatDiffers(t *testing.T) {
	t.Parallel()
	_, run := lasting(t, sandbox.Options{Faults: differently})
	run.Only = some
	plain := run.Access.Configure
	run.Access.Configure = func(creds api.Credentials) aws.Config {
		cfg := plain(creds)
		cfg.HTTPClient = lenient{creds.SessionToken != ""}
		return cfg
	}
	access := run.Access
	report := run.Ask(t.Context(), t)
	var got []string
	for _, a := range report.Different() {
		got = append(got, a.Section+"/"+a.Name+": "+a.Theirs.String())
	}
	want := []string{
		"IAM and STS/listing roles: 200 : It was not refused.",
		"Queues, keys and schedules/a schedule that is none: 429 ThrottlingException: Account 123456789012 asked too often at …, request ….",
		"Cloud Storage/a bucket that is not there: 403 forbidden: The specified bucket does not exist.",
		"IAM/a pool that is not there: 404 NOT_FOUND: Pool missing of aws-connect in demo-project is not there.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	emptied(t, access, report)

	dir := t.TempDir()
	ours := page(denials())
	if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docs", "denials.md"), []byte(ours), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "apply", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(report.Patch(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)))
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s", err, out)
	}
	patched, err := os.ReadFile(filepath.Join(dir, "docs", "denials.md"))
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	before := strings.Split(ours, "\n")
	for i, line := range strings.Split(string(patched), "\n") {
		if line != before[i] {
			changed = append(changed, line)
		}
	}
	if diff := cmp.Diff([]string{
		"| listing roles | 200 |  | It was not refused. | answered on 2026-11-27 |",
		"| a schedule that is none | 429 | `ThrottlingException` | Account 123456789012 asked too often at …, request …. | answered on 2026-11-27 |",
		"| a bucket that is not there | 403 | `forbidden` | The specified bucket does not exist. | answered on 2026-11-27 |",
		"| a pool that is not there | 404 | `NOT_FOUND` | Pool missing of aws-connect in demo-project is not there. | answered on 2026-11-27 |",
	}, changed); diff != "" {
		t.Errorf("the patched lines (-want +got):\n%s", diff)
	}
}

// TestRunWaitsForPolicies asks clouds whose policies take a while: the table's answers
// come in the end.
func TestRunWaitsForPolicies(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	_, run := lasting(t, sandbox.Options{IAMDelay: delay})
	run.AWSPatience, run.GooglePatience = 4*delay, 4*delay
	run.Only = regexp.MustCompile(`^generateAccessToken: the binding/|^IAM and STS/(reading a role|assuming a role, explicitly)|^Cloud Storage/(no grant|a viewer)`)
	access := run.Access
	report := run.Ask(t.Context(), t)
	if patch := report.Patch(time.Now()); patch != "" {
		t.Errorf("patch:\n%s", patch)
	}
	if len(report.Answers) < 14 || slices.ContainsFunc(report.Answers, func(a Answer) bool { return !a.Same }) {
		t.Errorf("answers: %+v", report.Answers)
	}
	emptied(t, access, report)
}

// TestRunWaitsForWhatItMade: a service account is not known everywhere at once.
func TestRunWaitsForWhatItMade(t *testing.T) {
	t.Parallel()
	late := faults.Fault{Refuse: &faults.Refusal{Status: 404, Message: "Unknown service account"}}
	_, run := lasting(t, sandbox.Options{Faults: faults.Rules(
		faults.Rule{Service: "google/iam", Path: "*:getIamPolicy", Times: 2, Fault: late},
		faults.Rule{Service: "google/iam", Path: "*:setIamPolicy", Times: 2, Fault: late},
	)})
	run.GooglePatience = time.Minute
	run.Only = regexp.MustCompile(`^Token exchange: the pool/not there`)
	access := run.Access
	report := run.Ask(t.Context(), t)
	if len(report.Answers) != 1 || !report.Answers[0].Same {
		t.Errorf("answers: %+v", report.Answers)
	}
	emptied(t, access, report)
}

// TestRunEndsWhenInterrupted: no further row is asked, and everything is taken down.
func TestRunEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, run := lasting(t, sandbox.Options{Faults: func(service string, r *http.Request) *faults.Fault {
		if service == "google/iam" && strings.HasSuffix(r.URL.Path, "/workloadIdentityPools/missing") {
			cancel()
		}
		return nil
	}})
	run.Only = some
	access := run.Access
	report := run.Ask(ctx, t)
	last := report.Answers[len(report.Answers)-1]
	if last.Name != "a pool that is not there" || last.Unasked != "" {
		t.Errorf("the last answer is %+v", last)
	}
	emptied(t, access, report)

	_, run = lasting(t, sandbox.Options{})
	report = run.Ask(ctx, t)
	for _, a := range report.Answers {
		if a.Unasked != "the run was interrupted" {
			t.Errorf("%s/%s was asked after the interruption", a.Section, a.Name)
		}
	}
	emptied(t, access, report)
}

// TestNamesAreReplaced: an answer of other clouds is read with the names of the table.
func TestNamesAreReplaced(t *testing.T) {
	t.Parallel()
	names := Names(sandboxtest.Names{
		Account: "210987654321", Region: "us-east-2", Project: "throwaway-42", ProjectNumber: "5551234",
		SourceBucket: "throwaway-42-source", DestinationBucket: "throwaway-42-source-2", Object: "sample.txt",
	}, "x7k2")
	c := Clouds{Access: sandboxtest.Access{Names: names, OwnerARN: "arn:aws:sts::210987654321:assumed-role/Admin/me"}, suffix: "-x7k2-017"}
	for text, want := range map[string]string{
		"User: arn:aws:sts::210987654321:assumed-role/Admin/me is":  "User: arn:aws:iam::123456789012:user/sandbox-admin is",
		"assumed-role/worker-x7k2-017/denials-x7k2":                 "assumed-role/worker/gcs-to-s3",
		"arn:aws:lambda:us-east-2:210987654321:function:f-x7k2-017": "arn:aws:lambda:ap-northeast-1:123456789012:function:f",
		"arn:aws:s3:::throwaway-42-source-2/k":                      "arn:aws:s3:::s3-gcs-connect/k",
		"denials-reader-x7k2@throwaway-42.iam.gserviceaccount.com":  "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com",
		"projects/5551234/x/denials-pool-x7k2":                      "projects/987654321098/x/aws-connect",
	} {
		if got := c.ofTable(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
