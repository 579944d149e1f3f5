package rehearsal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// BulkSummary is what a bulk job of a rehearsal did.
type BulkSummary struct {
	Listed       int64   `json:"listed"`
	Copied       int64   `json:"copied"`
	Failed       int64   `json:"failed"`
	DigestsEqual bool    `json:"digestsEqual"`
	Seconds      float64 `json:"seconds"` // of planning and copying
}

// bulkSettings are the settings of an environment with bulk jobs. Its objects are few
// enough for shards of a hundredth.
func bulkSettings() map[string]string {
	return map[string]string{"bulk": "true", "jobsBucket": "s3-gcs-connect-jobs", "dashboard": "true"}
}

const bulkJob = "rehearsal"

// bulk makes objects, and plans and runs a job that copies them, which is stopped in
// between.
func (r Rehearsal) bulk(ctx context.Context, summary *Summary, s *Stand) error {
	done := &BulkSummary{}
	summary.Bulk = done
	j := jobs.New(s.Env, s.admin())
	var started time.Time
	return r.perform(ctx, summary,
		[]progress.Act{{Name: fmt.Sprintf("make %d objects", r.Bulk), Run: func(ctx context.Context) (string, error) { return s.makeObjects(ctx, r.Bulk) }}},
		[]progress.Act{{Name: "plan a bulk job", Run: func(ctx context.Context) (string, error) {
			started = time.Now()
			request := j.Request(bulkJob)
			request.Prefix, request.ShardObjects = bulkPrefix, max(1, r.Bulk/100)
			request.GroupBytes, request.ShardBytes = hugeSize/2, hugeSize/4
			if err := j.Plan(ctx, request, jobs.Names{}, 10); err != nil {
				return "", err
			}
			status, err := ended(ctx, j, 0)
			if err != nil {
				return "", err
			}
			plan, there, err := bulk.LoadPlan(ctx, j.Files, bulkJob)
			if err == nil && !there {
				err = fmt.Errorf("the job is %s: %s", status.State, status.Why)
			}
			done.Listed = plan.Tally.Found().Objects
			return fmt.Sprintf("%d objects in %d shards", plan.Tally.ToCopy.Objects, plan.Shards), err
		}}},
		[]progress.Act{{Name: "run it, kill functions and stop it on the way, and go on", Run: func(ctx context.Context) (string, error) {
			if err := j.Run(ctx, bulkJob, bulk.Limits{Concurrency: 8}); err != nil {
				return "", err
			}
			status, err := ended(ctx, j, done.Listed/4)
			if err != nil {
				return "", err
			}
			killed := killFunctions()
			if status, err = ended(ctx, j, done.Listed/2); err != nil {
				return "", err
			}
			reached := status.Done.Objects
			if status.State == jobs.StateRunning {
				if err := j.Stop(ctx, bulkJob); err != nil {
					return "", err
				}
			}
			if err := j.Run(ctx, bulkJob, bulk.Limits{Concurrency: 8}); err != nil {
				return "", err
			}
			if status, err = ended(ctx, j, 0); err != nil {
				return "", err
			}
			report, err := bulk.MakeReport(ctx, j.Files, bulkJob)
			if err != nil {
				return "", err
			}
			done.Copied, done.Failed = report.Progress.Copied.Objects, report.Progress.Failed.Sum().Objects
			done.DigestsEqual, done.Seconds = report.Proven && report.Expected == report.Progress.Digest, time.Since(started).Seconds()
			if !report.Proven {
				err = fmt.Errorf("the job is %s: %s; %+v", status.State, status.Why, report.Progress)
			}
			return fmt.Sprintf("killed %d functions, stopped near %d objects; %d copied in the end", killed, reached, done.Copied), err
		}}},
		[]progress.Act{s.act(summary, "check the objects of the job", proveBulk)},
	)
}

// killFunctions kills the functions that run, which are children of this process, where
// the system says so, and returns how many there were.
func killFunctions() (killed int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		var id, parent int
		var name, state string
		if n, _ := fmt.Sscanf(string(text), "%d %s %s %d", &id, &name, &state, &parent); n == 4 && name == "(bootstrap)" && parent == os.Getpid() {
			if p, err := os.FindProcess(id); err == nil && p.Kill() == nil {
				killed++
			}
		}
	}
	return killed
}

// ended waits until a job is not under way, or has come so far, if that is not 0.
func ended(ctx context.Context, j jobs.Jobs, far int64) (jobs.Status, error) {
	for {
		s, err := j.Status(ctx, bulkJob)
		if err != nil {
			return s, err
		}
		if s.State != jobs.StatePlanning && s.State != jobs.StateRunning || far > 0 && s.Done.Objects >= far {
			return s, nil
		}
		if err := clouds.Pause(ctx, time.Second); err != nil {
			return s, err
		}
	}
}

const bulkPrefix = "bulk/"

// bulkObject returns the name and the content of one of the objects of a bulk job: most are
// small, some have names that are hard to write in a URL or in XML.
func bulkObject(i int) (name string, content []byte) {
	name = fmt.Sprintf("%s%02d/%06d.json", bulkPrefix, i%37, i)
	switch i % 500 {
	case 1:
		name = fmt.Sprintf("%s%06d/日本語 +&%%2F<é>.txt", bulkPrefix, i)
	case 2:
		name = fmt.Sprintf("%s%06d//..name", bulkPrefix, i)
	case 3:
		return name, nil
	}
	return name, bytes.Repeat(fmt.Appendf(nil, "%d,", i), 1+i%200)
}

// hugeObject is copied by several invocations: 160 MiB in parts of 32.
const (
	hugeObject = bulkPrefix + "huge.bin"
	hugeSize   = 160 << 20
)

// huge returns its content, which is cheap to make and to compare.
func huge() io.Reader {
	block := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	readers := make([]io.Reader, hugeSize/len(block))
	for i := range readers {
		readers[i] = bytes.NewReader(block)
	}
	return io.MultiReader(readers...)
}

// makeObjects makes so many objects.
func (s *Stand) makeObjects(ctx context.Context, n int) (string, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	group.Go(func() error {
		content, err := io.ReadAll(huge())
		if err != nil {
			return err
		}
		return s.ask(ctx, "POST", "/upload/storage/v1/b/"+s.Env.SourceBucket+"/o?uploadType=media&name="+url.QueryEscape(hugeObject), "text/plain", content, nil)
	})
	for i := range n {
		group.Go(func() error {
			name, content := bulkObject(i)
			upload := "/upload/storage/v1/b/" + s.Env.SourceBucket + "/o?uploadType=media&name=" + url.QueryEscape(name)
			return s.ask(ctx, "POST", upload, "text/plain", content, nil)
		})
	}
	return "", group.Wait()
}

// proveBulk reads every object of the job back from S3.
func proveBulk(ctx context.Context, s *Stand, summary *Summary) (string, error) {
	from := len(summary.Proofs)
	client := s3.NewFromConfig(s.admin())
	wrong := make(chan string, summary.Bulk.Listed)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	group.Go(func() error {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + hugeObject)})
		if err != nil {
			return fmt.Errorf("%q: %w", hugeObject, err)
		}
		defer out.Body.Close()
		got, want := sha256.New(), sha256.New()
		if _, err := io.Copy(got, out.Body); err != nil {
			return err
		}
		_, _ = io.Copy(want, huge()) // from and to memory
		if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
			wrong <- hugeObject
		}
		return nil
	})
	for i := range int(summary.Bulk.Listed) - 1 {
		group.Go(func() error {
			name, content := bulkObject(i)
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Env.DestinationBucket, Key: aws.String(s.Env.DestinationPrefix + name)})
			if err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
			defer out.Body.Close()
			var got bytes.Buffer
			if _, err := got.ReadFrom(out.Body); err != nil {
				return err
			}
			if !bytes.Equal(got.Bytes(), content) {
				wrong <- name
			}
			return nil
		})
	}
	err := group.Wait()
	summary.prove("every object of the bulk job is in S3, byte for byte", fmt.Sprintf("%d objects read back, %d wrong", summary.Bulk.Listed, len(wrong)),
		err == nil && len(wrong) == 0 && summary.Bulk.DigestsEqual)
	detail, failed := summary.verdict(from)
	return detail, errors.Join(err, failed)
}
