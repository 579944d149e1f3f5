package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/deployed"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// sample is the content of the object to copy.
const sample = "Hello from Google Cloud Storage.\n"

// prepare creates the prerequisites of the article: both buckets, and
// the object in Google's.
func prepare(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	if err := os.WriteFile(filepath.Join(s.Dir, "google-token"), []byte(s.Sandbox.Google.AdminToken()), 0o600); err != nil {
		return "", err
	}
	bucket, err := json.Marshal(map[string]string{"name": s.Env.SourceBucket, "location": "asia-northeast1"})
	if err != nil {
		return "", err
	}
	if err := s.ask(ctx, "POST", "/storage/v1/b?project="+s.Env.GoogleProject, "application/json", bucket, nil); err != nil {
		return "", err
	}
	upload := "/upload/storage/v1/b/" + s.Env.SourceBucket + "/o?uploadType=media&name=" + url.QueryEscape(s.Env.Object)
	if err := s.ask(ctx, "POST", upload, "text/plain", []byte(sample), nil); err != nil {
		return "", err
	}
	err = s.makeBucket(ctx, s.Env.DestinationBucket)
	if err == nil && s.Env.JobsBucket != "" && s.Env.JobsBucket != s.Env.DestinationBucket {
		err = s.makeBucket(ctx, s.Env.JobsBucket)
	}
	return fmt.Sprintf("gs://%s/%s, s3://%s", s.Env.SourceBucket, s.Env.Object, s.Env.DestinationBucket), err
}

// retry is how often the function is invoked until a policy change takes effect. In a
// sandbox without delay a rejection has another cause, and the first one is final.
const retry = 5 * time.Second

// invoke runs the deployed function, waiting for policies to take effect.
func invoke(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	for deadline := time.Now().Add(s.delay); ; {
		answer, err := s.invoke(ctx)
		left := time.Until(deadline)
		if err == nil || left < 0 {
			return answer, err
		}
		if interrupted := clouds.Pause(ctx, min(left+time.Millisecond, retry)); interrupted != nil {
			return "", errors.Join(err, interrupted)
		}
	}
}

// invoke runs the deployed function once, with an event like the console's default.
func (s *Stand) invoke(ctx context.Context) (string, error) {
	out, err := deployed.New(s.Env, s.admin()).Invoke(ctx, []byte(`{"key1":"value1"}`))
	if err != nil {
		return "", err
	}
	if err := out.Err(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out.Log)
	}
	var got invocation.Result
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		return "", fmt.Errorf("the function answered %s: %w", out.Payload, err)
	}
	if got.StatusCode != http.StatusOK || got.Body != invocation.Transferred || got.Bytes != int64(len(sample)) || got.CRC32C != clouds.CRC32C([]byte(sample)) {
		return "", fmt.Errorf("the function answered %s", out.Payload)
	}
	return string(out.Payload), nil
}

// prove records a claim with its evidence.
func (s *Summary) prove(claim, seen string, holds bool) {
	s.Proofs = append(s.Proofs, Proof{claim, seen, holds})
}

// verdict returns the outcome of the proofs starting at from.
func (s *Summary) verdict(from int) (string, error) {
	var errs []error
	for _, p := range s.Proofs[from:] {
		if !p.Holds {
			errs = append(errs, fmt.Errorf("%s: does not hold: %s", p.Claim, p.Seen))
		}
	}
	return fmt.Sprintf("%d checks", len(s.Proofs)-from), errors.Join(errs...)
}

// proveCopy asks both clouds for their contents, and the journal for who did what.
func proveCopy(ctx context.Context, s *Stand, summary *Summary) (string, error) {
	from := len(summary.Proofs)
	path := "/storage/v1/b/" + s.Env.SourceBucket + "/o/" + url.PathEscape(s.Env.Object)
	var source struct{ Size, Crc32c, Generation string }
	if err := s.ask(ctx, "GET", path, "", nil, &source); err != nil {
		return "", err
	}
	template, err := objectkey.Parse(s.Env.KeyTemplate)
	if err != nil {
		return "", err
	}
	generation, err := strconv.ParseInt(source.Generation, 10, 64)
	if err != nil {
		return "", fmt.Errorf("reading the generation: %w", err)
	}
	key := s.Env.DestinationPrefix + template.Key(objectkey.Object{Name: s.Env.Object, Generation: generation, Day: time.Now()})
	out, err := s3.NewFromConfig(s.admin()).GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Env.DestinationBucket, Key: &key, ChecksumMode: s3types.ChecksumModeEnabled})
	if err != nil {
		return "", fmt.Errorf("reading the copy: %w", err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		return "", fmt.Errorf("reading the copy: %w", err)
	}
	summary.prove("the copy has the object's bytes", fmt.Sprintf("%q", data), string(data) == sample)
	summary.prove("both clouds report the same size", fmt.Sprintf("Cloud Storage %s, S3 %d", source.Size, aws.ToInt64(out.ContentLength)), source.Size == fmt.Sprint(aws.ToInt64(out.ContentLength)))
	summary.prove("both clouds report the same CRC32C, and it matches the bytes",
		fmt.Sprintf("Cloud Storage %s, S3 %s, computed %s", source.Crc32c, aws.ToString(out.ChecksumCRC32C), clouds.CRC32C(data)),
		source.Crc32c == aws.ToString(out.ChecksumCRC32C) && source.Crc32c == clouds.CRC32C(data))
	summary.prove("the copy records the generation that was read", out.Metadata["gcs-generation"], out.Metadata["gcs-generation"] == source.Generation)

	entries := s.Sandbox.Journal.Entries()
	read := last(entries, "google", "storage", "storage.objects.get")
	chain := append([]string{read.Principal}, read.Through...)
	claim, federated := "the service account read the object, impersonated by the role's session through federation", chain[1:]
	became := chain[0] == "serviceAccount:"+s.Env.ServiceAccountEmail()
	if s.Env.DirectAccess {
		claim, federated, became = "the role's session itself read the object, through federation", chain, true
	}
	summary.prove(claim, strings.Join(chain, " ← "),
		became && len(federated) == 2 &&
			strings.HasPrefix(federated[0], "principal://iam.googleapis.com/") && strings.HasSuffix(federated[0], "/workloadIdentityPools/"+s.Env.Pool+"/subject/"+s.Env.Subject()) &&
			federated[1] == s.Env.Subject())
	written := last(entries, "aws", "s3", "s3:PutObject")
	summary.prove("the role's session wrote the copy", written.Principal, written.Principal == s.Env.Subject())
	return summary.verdict(from)
}

// last returns the last successful request of a service that was authorized for
// an action, other than by an administrator.
func last(entries []journal.Entry, cloud, service, action string) journal.Entry {
	for _, e := range slices.Backward(entries) {
		if e.Cloud != cloud || e.Service != service || strings.Contains(e.Principal, "sandbox-admin") {
			continue
		}
		if slices.ContainsFunc(e.Decisions, func(d journal.Decision) bool { return d.Action == action && d.Allowed }) && e.Status < 300 {
			return e
		}
	}
	return journal.Entry{}
}
