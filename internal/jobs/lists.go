package jobs

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
)

// list reads lists and writes them into a job's folder, sorted and without duplicates.
func (j Jobs) list(ctx context.Context, r bulk.Request, names Names) (*bulk.List, error) {
	from := append(append([]string{}, names.Lists...), names.Inventories...)
	all := func(yield func(bulk.Named, error) bool) {
		for i, file := range from {
			for n, err := range j.named(ctx, file, i >= len(names.Lists), r.SourceBucket) {
				if err != nil {
					err = fmt.Errorf("%s: %w", file, err)
				}
				if !yield(n, err) || err != nil {
					return
				}
			}
		}
	}
	list, err := bulk.WriteList(ctx, j.Files, r.Job, strings.ToLower(rand.Text()), all)
	if err != nil {
		return nil, err
	}
	list.From, list.Inventory = from, len(names.Inventories) > 0
	if list.Names == 0 {
		return nil, fmt.Errorf("%s: names no object", strings.Join(from, ", "))
	}
	return &list, nil
}

// named iterates over what a file names: a local one, or one in S3. The end of its name says
// what is in it.
func (j Jobs) named(ctx context.Context, file string, inventory bool, bucket string) iter.Seq2[bulk.Named, error] {
	return func(yield func(bulk.Named, error) bool) {
		fail := func(err error) { yield(bulk.Named{}, err) }
		name := strings.ToLower(file)
		if strings.HasSuffix(name, ".parquet") {
			fail(bulk.ErrParquet)
			return
		}
		content, err := j.open(ctx, file)
		if err != nil {
			fail(err)
			return
		}
		defer content.Close()
		var text io.Reader = content
		if plain, ok := strings.CutSuffix(name, ".gz"); ok {
			name = plain
			packed, err := gzip.NewReader(content)
			if err != nil {
				fail(err)
				return
			}
			text = packed
		}
		names := bulk.ReadNames(text, bucket)
		switch ext := path.Ext(name); {
		case inventory:
			names = bulk.ReadInventory(text, bucket)
		case ext == ".jsonl", ext == ".ndjson":
			names = bulk.ReadJSONLines(text)
		case ext == ".csv":
			fail(fmt.Errorf("a list has a name on each line, or is one of JSON lines and ends in .jsonl; hint: pass an inventory report with --inventory"))
			return
		}
		names(yield)
	}
}

// open opens a local file or s3://BUCKET/KEY.
func (j Jobs) open(ctx context.Context, file string) (io.ReadCloser, error) {
	rest, ok := strings.CutPrefix(file, "s3://")
	if !ok {
		return os.Open(file)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" || key == "" {
		return nil, fmt.Errorf("must be s3://BUCKET/KEY")
	}
	out, err := j.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}
