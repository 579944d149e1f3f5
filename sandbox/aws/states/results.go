package states

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Result files; see "ResultWriter (Map)" (AWS Step Functions Developer Guide).
const (
	maxResultFile = 5 << 30 // bytes, of which files of results have at most
	resultPart    = 8 << 20 // bytes of a part of an upload
)

// record is a child in a result file.
type record struct {
	Cause               string `json:",omitempty"`
	Error               string `json:",omitempty"`
	ExecutionArn        string `json:",omitempty"`
	Input               string
	InputDetails        recordDetail
	Name                string `json:",omitempty"`
	Output              string `json:",omitempty"`
	OutputDetails       recordDetail
	RedriveCount        int
	RedriveStatus       string
	RedriveStatusReason string `json:",omitempty"`
	StartDate           string `json:",omitempty"`
	StateMachineArn     string
	Status              string
	StopDate            string `json:",omitempty"`
}

type recordDetail struct{ Included bool }

// asResult is a child as result files have it.
func (e *execution) asResult() record {
	shape := e.shape()
	r := record{
		Cause: shape.Cause, Error: shape.Error, ExecutionArn: e.arn, Input: shape.Input, InputDetails: recordDetail{true}, Name: e.id,
		Output: shape.Output, OutputDetails: recordDetail{true}, RedriveCount: shape.RedriveCount, RedriveStatus: shape.RedriveStatus,
		RedriveStatusReason: shape.RedriveStatusReason, StateMachineArn: shape.StateMachineArn, Status: shape.Status,
		StartDate: e.start.UTC().Format(stamp),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.StopDate = e.stop.UTC().Format(stamp)
	return r
}

// resultFile is a list of records that grows in a temporary file, and begins another
// where one would become too large.
type resultFile struct {
	dir   string
	files []*os.File
	sizes []int64
}

func (f *resultFile) add(v record) error {
	text := []byte(encode(v))
	n := len(f.files) - 1
	if n < 0 || f.sizes[n]+int64(len(text))+2 > maxResultFile {
		file, err := os.CreateTemp(f.dir, "results-")
		if err != nil {
			return fmt.Errorf("keeping the results of a Map Run: %w", err)
		}
		f.files, f.sizes = append(f.files, file), append(f.sizes, 0)
		n++
	}
	lead := byte(',')
	if f.sizes[n] == 0 {
		lead = '['
	}
	if _, err := f.files[n].Write(append([]byte{lead}, text...)); err != nil {
		return fmt.Errorf("keeping the results of a Map Run: %w", err)
	}
	f.sizes[n] += int64(len(text)) + 1
	return nil
}

// discard removes the files.
func (f *resultFile) discard() {
	for _, file := range f.files {
		_ = file.Close()
		_ = os.Remove(file.Name()) // or with the server's folder
	}
	f.files, f.sizes = nil, nil
}

// manifest is what manifest.json says.
type manifest struct {
	DestinationBucket string
	MapRunArn         string
	ResultFiles       struct{ FAILED, PENDING, SUCCEEDED []manifestFile }
}

type manifestFile struct {
	Key  string
	Size int64
}

// writer writes the results of a Map Run to S3, as the role.
type writer struct {
	client *s3.Client
	bucket string
	folder string // with its slash
}

func (x *session) writer(parameters map[string]any, id string) (*writer, error) {
	client, err := x.s3Client()
	if err != nil {
		return nil, err
	}
	w := &writer{client: client}
	w.bucket, _ = parameters["Bucket"].(string)
	prefix, _ := parameters["Prefix"].(string)
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	w.folder = prefix + id + "/"
	return w, nil
}

// put uploads the files of one status.
func (w *writer) put(ctx context.Context, status string, f *resultFile) ([]manifestFile, error) {
	out := []manifestFile{}
	for i, file := range f.files {
		one := manifestFile{Key: fmt.Sprintf("%s%s_%d.json", w.folder, status, i), Size: f.sizes[i] + 1}
		body := io.MultiReader(io.NewSectionReader(file, 0, f.sizes[i]), strings.NewReader("]"))
		if err := w.upload(ctx, one.Key, body); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// upload uploads in parts, lists them before they are joined, and gives the upload up
// when something fails: the rights that the documentation asks for.
func (w *writer) upload(ctx context.Context, key string, body io.Reader) error {
	begun, err := w.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		return err
	}
	err = w.parts(ctx, key, begun.UploadId, body)
	if err != nil {
		_, abort := w.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &w.bucket, Key: &key,
			UploadId: begun.UploadId})
		return errors.Join(err, abort)
	}
	return nil
}

func (w *writer) parts(ctx context.Context, key string, upload *string, body io.Reader) error {
	for n := int32(1); ; n++ {
		part := make([]byte, resultPart)
		size, err := io.ReadFull(body, part)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if _, err := w.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &w.bucket, Key: &key, UploadId: upload, PartNumber: &n,
			Body: bytes.NewReader(part[:size])}); err != nil {
			return err
		}
	}
	var parts []types.CompletedPart
	pages := s3.NewListPartsPaginator(w.client, &s3.ListPartsInput{Bucket: &w.bucket, Key: &key, UploadId: upload})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.Parts {
			parts = append(parts, types.CompletedPart{ETag: p.ETag, PartNumber: p.PartNumber})
		}
	}
	_, err := w.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &w.bucket, Key: &key, UploadId: upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// finish writes the manifest and returns its key.
func (w *writer) finish(ctx context.Context, m manifest) (string, error) {
	key := w.folder + "manifest.json"
	body, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	kind := "application/json"
	_, err = w.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &kind})
	return key, err
}

// write writes the results to S3 and returns where.
func (r *mapRun) write(ctx context.Context, parameters map[string]any) (any, error) {
	w, err := r.parent.session.writer(parameters, r.id)
	if err != nil {
		return nil, err
	}
	failures, left := resultFile{dir: r.server.dir}, resultFile{dir: r.server.dir}
	defer failures.discard()
	defer left.discard()
	for _, child := range r.failed {
		if err := failures.add(child.asResult()); err != nil {
			return nil, err
		}
	}
	if err := r.pending(&left); err != nil {
		return nil, err
	}
	m := manifest{DestinationBucket: w.bucket, MapRunArn: r.arn}
	for _, files := range []struct {
		status string
		from   *resultFile
		to     *[]manifestFile
	}{
		{"FAILED", &failures, &m.ResultFiles.FAILED}, {"PENDING", &left, &m.ResultFiles.PENDING}, {"SUCCEEDED", &r.succeeded, &m.ResultFiles.SUCCEEDED},
	} {
		if *files.to, err = w.put(ctx, files.status, files.from); err != nil {
			return nil, err
		}
	}
	key, err := w.finish(ctx, m)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.written = r.counts.succeeded + r.counts.failed + r.counts.timedOut + r.counts.aborted
	r.mu.Unlock()
	return map[string]any{"MapRunArn": r.arn, "ResultWriterDetails": map[string]any{"Bucket": w.bucket, "Key": key}}, nil
}

// pending records the items that no child began with, and leaves them for a redrive.
// What the records have is believed.
func (r *mapRun) pending(to *resultFile) error {
	for rest := r.items.rest(); ; {
		item, ok, err := rest.next()
		if err != nil || !ok {
			return err
		}
		left := record{Input: encode(item), InputDetails: recordDetail{true}, RedriveStatus: "NOT_REDRIVABLE", Status: "PENDING"}
		left.StateMachineArn = r.machineARN()
		if err := to.add(left); err != nil {
			return err
		}
	}
}
