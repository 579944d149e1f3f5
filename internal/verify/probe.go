package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// begin uploads the probe, or looks up the object that is copied instead.
func (v *verification) begin(ctx context.Context) bool {
	bucket := v.Environment.SourceBucket
	if v.Object != "" {
		return v.step(ctx, HopSource, v.report.Source, func() error {
			found := v.Google.Object(ctx, bucket, v.object)
			var unseen *clouds.Unseen
			switch {
			case errors.As(found.Err(), &unseen) && unseen.Reason == clouds.Denied:
				return nil // the function may be able to read it, and reports its generation
			case found.There():
				v.generation = found.Thing.Generation
			}
			return found.Cause()
		})
	}
	v.content = []byte("A probe of gcs-to-s3, which can be deleted: " + v.probe + "\n")
	return v.step(ctx, HopSource, v.report.Source, func() error {
		v.began = true
		put, err := v.Google.Storage.Objects.Insert(bucket, &storage.Object{Name: v.probe, ContentType: "text/plain"}).
			IfGenerationMatch(0).Media(bytes.NewReader(v.content), googleapi.ContentType("text/plain"), googleapi.ChunkSize(0)).Context(ctx).Do()
		if err == nil {
			v.generation = put.Generation
		}
		return err
	})
}

// small is the size, in bytes, up to which a copy is read; for a larger one the
// checksum that S3 reports has to do.
const small = 1 << 20

// check checks the copy in S3.
func (v *verification) check(ctx context.Context) bool {
	return v.step(ctx, HopChecked, v.report.Destination, func() error {
		in := &s3.GetObjectInput{Bucket: &v.Environment.DestinationBucket, Key: &v.key, ChecksumMode: types.ChecksumModeEnabled}
		var body []byte
		out, err := v.storage.GetObject(ctx, in)
		if err != nil {
			return err
		}
		defer out.Body.Close()
		size := aws.ToInt64(out.ContentLength)
		v.version = aws.ToString(out.VersionId)
		if size <= small {
			if body, err = io.ReadAll(out.Body); err != nil {
				return fmt.Errorf("reading the copy: %w", err)
			}
		}
		sum := aws.ToString(out.ChecksumCRC32C)
		var errs []error
		same := func(what, got, want string) {
			if got != want {
				errs = append(errs, &mismatch{what, got, want})
			}
		}
		same("size", strconv.FormatInt(size, 10), strconv.FormatInt(v.answer.Bytes, 10))
		if body != nil {
			computed := clouds.CRC32C(body)
			same("CRC32C of the bytes", computed, v.answer.CRC32C)
			if sum == "" {
				sum = computed
			}
			if v.content != nil {
				same("content", string(body), string(v.content))
			}
		}
		same("CRC32C that S3 reports", sum, v.answer.CRC32C)
		same("recorded generation", out.Metadata["gcs-generation"], strconv.FormatInt(v.generation, 10))
		return errors.Join(errs...)
	})
}

// mismatch is a copy that is not what it should be.
type mismatch struct{ what, got, want string }

func (m *mismatch) Error() string { return fmt.Sprintf("%s: %q, want %q", m.what, m.got, m.want) }

// tidy removes the probe and its copy, even if ctx has ended. What does not exist is no
// failure.
func (v *verification) tidy(ctx context.Context) bool {
	if !v.began {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidying)
	defer cancel()
	return v.step(ctx, HopRemoved, "", func() error {
		var errs []error
		if v.content != nil {
			err := v.Google.Storage.Objects.Delete(v.Environment.SourceBucket, v.probe).Context(ctx).Do()
			if err != nil && !clouds.Absent(err) {
				v.report.Left = append(v.report.Left, "gs://"+v.Environment.SourceBucket+"/"+v.probe)
				errs = append(errs, err)
			}
		}
		in := &s3.DeleteObjectInput{Bucket: &v.Environment.DestinationBucket, Key: &v.key}
		if v.version != "" && v.version != "null" {
			in.VersionId = &v.version
		}
		if _, err := v.storage.DeleteObject(ctx, in); err != nil && !clouds.Absent(err) {
			v.report.Left = append(v.report.Left, v.report.Destination)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}
