package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

const (
	// readScope is all that a copy needs: Cloud Storage documentation, "OAuth 2.0 scopes".
	readScope = "https://www.googleapis.com/auth/devstorage.read_only"

	// maxResumes is how often one object's broken stream is taken up again.
	maxResumes = 3

	// maxErrorBody is how much of an error's body is read, in bytes.
	maxErrorBody = 64 << 10
)

// gcs reads Cloud Storage through its XML API (Cloud Storage documentation, "GET
// Object"): one request brings an object's bytes, generation, sums and headers.
type gcs struct {
	endpoint *url.URL
	client   *http.Client
	token    func(context.Context) (*auth.Token, error)
}

func newGCS(s settings) (*gcs, error) {
	// HTTP/1.1: for one stream at a time HTTP/2 only costs CPU. Other settings are
	// those of the default transport.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.DisableCompression = true
	client := &http.Client{Transport: transport}

	creds, err := credentials.NewCredentialsFromJSON(credentials.ExternalAccount, s.credentials.JSON(), &credentials.DetectOptions{
		Scopes: []string{readScope},
		Client: client,
	})
	if err != nil {
		return nil, fmt.Errorf("loading credential configuration: %w", err)
	}
	return &gcs{endpoint: s.storage, client: client, token: creds.Token}, nil
}

// object is an open object; reading it continues over broken connections, always
// on the generation that was opened.
type object struct {
	size       int64
	generation int64
	crc32c     string      // base64
	header     http.Header // as Cloud Storage answered

	reopen  func(offset int64) (io.ReadCloser, error)
	body    io.ReadCloser
	offset  int64
	resumes int
}

// open requests an object; generation 0 is the live one.
func (g *gcs) open(ctx context.Context, bucket, name string, generation int64) (*object, error) {
	resp, err := g.get(ctx, bucket, name, generation, 0)
	if err != nil {
		return nil, err
	}
	o, err := describe(resp)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	o.reopen = func(offset int64) (io.ReadCloser, error) {
		resp, err := g.get(ctx, bucket, name, o.generation, offset)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	return o, nil
}

// describe reads an object's facts from the headers of the first answer.
func describe(resp *http.Response) (*object, error) {
	o := &object{size: resp.ContentLength, header: resp.Header, body: resp.Body}
	var err error
	if o.generation, err = strconv.ParseInt(resp.Header.Get("X-Goog-Generation"), 10, 64); err != nil {
		return nil, fmt.Errorf("reading x-goog-generation: %w", err)
	}
	for _, line := range resp.Header.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(line, ",") {
			if sum, ok := strings.CutPrefix(strings.TrimSpace(part), "crc32c="); ok {
				o.crc32c = sum
			}
		}
	}
	if o.crc32c == "" {
		return nil, errors.New("reading x-goog-hash: there is no crc32c")
	}
	if o.size < 0 {
		return nil, errors.New("reading content-length: the length is not known")
	}
	return o, nil
}

// get asks for an object from offset on. Accept-Encoding lets Cloud Storage send
// gzip-encoded objects as they are stored, with their stored length and sums.
func (g *gcs) get(ctx context.Context, bucket, name string, generation, offset int64) (*http.Response, error) {
	u := *g.endpoint
	u.Path, u.RawPath = u.Path+"/"+bucket+"/"+name, u.EscapedPath()+"/"+bucket+"/"+escapePath(name)
	if generation != 0 {
		u.RawQuery = url.Values{"generation": {strconv.FormatInt(generation, 10)}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("making request: %w", err)
	}
	want := http.StatusOK
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		want = http.StatusPartialContent
	}
	req.Header.Set("Accept-Encoding", "gzip")
	token, err := g.token(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting an access token: %w", err)
	}
	req.Header.Set("Authorization", token.Type+" "+token.Value)
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		defer resp.Body.Close()
		return nil, storageError(resp)
	}
	return resp, nil
}

// escapePath escapes an object's name for a path, slashes as slashes, and dot
// segments so that no proxy resolves them.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
		if part == "." || part == ".." {
			parts[i] = strings.ReplaceAll(part, ".", "%2E")
		}
	}
	return strings.Join(parts, "/")
}

// StorageError is an error that Cloud Storage answered (Cloud Storage
// documentation, "HTTP status and error codes for XML").
type StorageError struct {
	Status  int    `xml:"-"`
	Code    string `xml:"Code"`
	Message string `xml:"Message"`
	Details string `xml:"Details"`
}

func (e *StorageError) Error() string {
	s := fmt.Sprintf("Cloud Storage answered %d %s: %s", e.Status, e.Code, e.Message)
	if e.Details != "" {
		s += " " + e.Details
	}
	return s
}

func storageError(resp *http.Response) error {
	e := &StorageError{Status: resp.StatusCode}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil {
		err = xml.Unmarshal(body, e)
	}
	if err != nil || e.Code == "" {
		e.Code, e.Message = http.StatusText(resp.StatusCode), strings.TrimSpace(string(body))
	}
	e.Status = resp.StatusCode
	return e
}

// Read reads on, and takes a broken stream up again where it broke.
func (o *object) Read(p []byte) (int, error) {
	for {
		n, err := o.body.Read(p)
		o.offset += int64(n)
		ended := errors.Is(err, io.EOF) && o.offset >= o.size
		if n > 0 || err == nil || ended || o.resumes == maxResumes {
			if n > 0 && !ended {
				err = nil // a break behind these bytes shows again at the next read
			}
			return n, err
		}
		o.resumes++
		body, again := o.reopen(o.offset)
		if again != nil {
			return 0, fmt.Errorf("resuming at byte %d of generation %d: %w", o.offset, o.generation, errors.Join(again, err))
		}
		o.body.Close()
		o.body = body
	}
}

func (o *object) Close() error { return o.body.Close() }
