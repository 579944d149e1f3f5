package states

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
)

// items are the items of a Map Run, in a file or in memory, and how far they were
// taken. Their number is known before the first is taken.
type items struct {
	total int64
	taken int64
	list  []any

	file   *os.File
	lines  *bufio.Reader // from offset
	offset int64
	last   int64 // bytes of the line that was taken last
}

// next takes the next item; ok is false at the end.
func (i *items) next() (item any, ok bool, err error) {
	if i.taken >= i.total {
		return nil, false, nil
	}
	i.taken++
	if i.file == nil {
		return i.list[i.taken-1], true, nil
	}
	line, err := i.lines.ReadBytes('\n')
	i.last = int64(len(line))
	i.offset += i.last
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("reading an item again: %w", err)
	}
	item, err = parse(line)
	return item, err == nil, err
}

// back gives the item back that was taken last.
func (i *items) back() {
	i.taken--
	if i.file != nil {
		i.offset -= i.last
		i.open()
	}
}

// rest are the items that are left, to be read without being taken.
func (i *items) rest() *items {
	rest := *i
	if i.file != nil {
		rest.open()
	}
	return &rest
}

// open reads on from offset.
func (i *items) open() {
	i.lines = bufio.NewReader(io.NewSectionReader(i.file, i.offset, math.MaxInt64-i.offset))
}

func (i *items) close() {
	if i.file != nil {
		_ = i.file.Close() // it is removed with the server's folder
	}
}

func readerFailed(format string, args ...any) error {
	return &failure{name: "States.ItemReaderFailed", cause: fmt.Sprintf(format, args...)}
}

// s3Client reaches S3 as the role of a session.
func (x *session) s3Client() (*s3.Client, error) {
	creds, err := x.credentials()
	if err != nil {
		return nil, err
	}
	config := x.server.Config(creds)
	config.HTTPClient = awshttp.Client()
	return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle, o.HTTPSignerV4 = true, signer{x.server.Now} }), nil
}

// s3Cause words a refusal of S3.
func s3Cause(err error) string {
	refused, ok := errors.AsType[smithy.APIError](err)
	response, answered := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || !answered {
		return "Unable to execute HTTP request: " + err.Error()
	}
	h := http.Header(response.Response.Header)
	return fmt.Sprintf("%s (Service: Amazon S3; Status Code: %d; Error Code: %s; Request ID: %s; S3 Extended Request ID: %s; Proxy: null)",
		refused.ErrorMessage(), response.HTTPStatusCode(), refused.ErrorCode(), h.Get("X-Amz-Request-Id"), h.Get("X-Amz-Id-2"))
}

// most reads MaxItems, as it is or by its path; 0 is no limit.
func (r *reader) most(e environment) (int64, error) {
	if r.maxItemsPath == nil {
		return r.maxItems, nil
	}
	return wholeAt(e, r.maxItemsPath, "MaxItemsPath")
}

// read reads the items of an ItemReader, in the environment of its state.
func (r *reader) read(ctx context.Context, x *session, e environment) (*items, error) {
	most, err := r.most(e)
	switch {
	case err != nil:
		return nil, err
	case most < 0:
		return nil, readerFailed("field MaxItems must be positive")
	case most == 0 || most > maxItems:
		most = maxItems
	}
	v, err := r.parameters.eval(e)
	if err != nil {
		return nil, err
	}
	parameters := v.(map[string]any)
	bucket, _ := parameters["Bucket"].(string)
	key, _ := parameters["Key"].(string)
	client, err := x.s3Client()
	if err != nil {
		return nil, readerFailed("%s", notAssumable)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, readerFailed("%s", s3Cause(err))
	}
	defer func() { _ = out.Body.Close() }()
	file, err := os.CreateTemp(x.server.dir, "items-")
	if err != nil {
		return nil, fmt.Errorf("keeping the items of a Map Run: %w", err)
	}
	total, err := copyLines(file, out.Body, most)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	read := &items{total: total, file: file}
	read.open()
	return read, nil
}

// copyLines keeps at most so many JSON Lines and counts them. What follows them is
// ignored without an error, as the real service does after maxItems.
func copyLines(to io.Writer, from io.Reader, most int64) (total int64, err error) {
	in, out := bufio.NewReader(from), bufio.NewWriter(to)
	for total < most {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, readerFailed("Unable to execute HTTP request: %v", err)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			switch {
			case len(text) > maxData:
				return 0, readerFailed("The item at line %d exceeds the maximum of %d bytes", total+1, maxData)
			case !json.Valid(text):
				return 0, readerFailed("The line %d is not valid JSON", total+1)
			}
			total++
			if _, err := out.Write(append(text, '\n')); err != nil {
				return 0, fmt.Errorf("keeping the items of a Map Run: %w", err)
			}
		}
		if err != nil {
			break
		}
	}
	return total, out.Flush()
}
