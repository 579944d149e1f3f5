package copy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// readScope is the only scope that a copy needs: Cloud Storage documentation,
// "OAuth 2.0 scopes".
const readScope = "https://www.googleapis.com/auth/devstorage.read_only"

// storageService is Cloud Storage's name in errors.
const storageService = "Cloud Storage"

// gcs reads Cloud Storage through its XML API (Cloud Storage documentation, "GET
// Object"): one request returns an object's bytes, generation, checksums and headers.
type gcs struct {
	*identity
	service   string // its name in errors
	endpoint  *url.URL
	transport http.RoundTripper
	hide      secrets
	patience  *patience
	pace      *pace
	payer     string // the project that pays for requests; empty: the bucket's owner
}

// identity is the function's for Google's services, which share its token.
type identity struct {
	tokens *http.Client // for the token services
	login  func() (*auth.Credentials, error)

	mu    sync.Mutex
	creds *auth.Credentials // caches its token and refreshes it before it expires
}

func newGCS(s settings, p *patience) (*gcs, error) {
	g := &gcs{identity: &identity{}, service: storageService, endpoint: s.storage, transport: newTransport(), hide: s.secrets(), patience: p, pace: p.pace(storageService), payer: s.payer}
	g.tokens = &http.Client{Transport: tokenService{g.transport, g.hide}}
	g.login = func() (*auth.Credentials, error) {
		return credentials.NewCredentialsFromJSON(credentials.ExternalAccount, s.credentials.JSON(), &credentials.DetectOptions{
			Scopes: s.scopes,
			Client: g.tokens,
		})
	}
	var err error
	if g.creds, err = g.login(); err != nil {
		return nil, fmt.Errorf("loading credential configuration: %w", err)
	}
	return g, nil
}

// tokenService turns error responses of Google's token services into errors, so
// that status and code reach the code that decides about a retry.
type tokenService struct {
	http.RoundTripper
	hide secrets
}

func (t tokenService) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode < http.StatusMultipleChoices {
		return resp, err
	}
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	return nil, answerError(r.URL.Host, resp, body, t.hide)
}

// authorize adds a token to a request and returns a function that renews the
// token if it turns out to be invalid.
func (i *identity) authorize(r *http.Request) (renew func() error, err error) {
	i.mu.Lock()
	creds := i.creds
	i.mu.Unlock()
	token, err := creds.Token(r.Context())
	if err != nil {
		return nil, fmt.Errorf("getting an access token: %w", err)
	}
	r.Header.Set("Authorization", token.Type+" "+token.Value)
	return func() error {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.creds != creds { // another goroutine has renewed it
			return nil
		}
		fresh, err := i.login()
		if err == nil {
			i.creds = fresh
		}
		return err
	}, nil
}

// do reads a URL, retrying once with a fresh token if the first is rejected, and
// returns a response with one of the wanted statuses. A watchdog watches its body.
func (g *gcs) do(ctx context.Context, u *url.URL, header http.Header, wanted ...int) (*http.Response, error) {
	return g.send(ctx, http.MethodGet, u, header, nil, wanted...)
}

// send is do with a method and a body.
func (g *gcs) send(ctx context.Context, method string, u *url.URL, header http.Header, body []byte, wanted ...int) (*http.Response, error) {
	if err := g.pace.enter(ctx); err != nil {
		return nil, err
	}
	resp, err := g.ask(ctx, method, u, header, body, wanted...)
	g.pace.leave(err)
	return resp, err
}

func (g *gcs) ask(ctx context.Context, method string, u *url.URL, header http.Header, body []byte, wanted ...int) (*http.Response, error) {
	for renewed := false; ; renewed = true {
		ctx, dog := watch(ctx, g.patience.stalled())
		if renewed {
			header = header.Clone() // the first request may still use it
		}
		req := (&http.Request{Method: method, URL: u, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
		if len(body) > 0 {
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		renew, err := g.authorize(req)
		if err != nil {
			err = because(ctx, err)
			dog.stop()
			return nil, err
		}
		MeterOf(ctx).asked(storageService, http.MethodGet)
		resp, err := g.transport.RoundTrip(req)
		if err != nil {
			err = because(ctx, &brokenError{err})
			dog.stop()
			return nil, err
		}
		resp.Body = watched{resp.Body, dog}
		for _, status := range wanted {
			if resp.StatusCode == status {
				return resp, nil
			}
		}
		document, err := readAnswer(resp)
		if err != nil {
			return nil, err
		}
		err = answerError(g.service, resp, document, g.hide)
		if resp.StatusCode != http.StatusUnauthorized || renewed {
			return nil, err
		}
		if again := renew(); again != nil {
			return nil, errors.Join(again, err)
		}
	}
}

// object is what the first response says about an object.
type object struct {
	bucket, name   string
	size           int64
	generation     int64
	metageneration int64 // 0 if it is not known
	crc32c         crc32c
	header         http.Header       // of the first response
	custom         map[string]string // custom metadata
	json           bool              // only the JSON API can say what it is

	// Of a listing; all but the first if it asks for them.
	summed      bool // it has a CRC32C
	class       string
	updated     time.Time
	customerKey bool // a customer's own key encrypts it
}

// open requests an object; generation 0 is the live one. The body starts at the
// object's first byte.
func (g *gcs) open(ctx context.Context, bucket, name string, generation int64) (*object, io.ReadCloser, error) {
	resp, err := g.do(ctx, g.url(bucket, name, generation), g.asStored(), http.StatusOK)
	var malformed textproto.ProtocolError
	if errors.As(err, &malformed) {
		return g.openJSON(ctx, bucket, name, generation)
	}
	if err != nil {
		return nil, nil, err
	}
	o, err := describe(resp)
	if err == nil && generation != 0 && o.generation != generation {
		err = fmt.Errorf("asked for generation %d, answered %d", generation, o.generation)
	}
	if err != nil {
		resp.Body.Close()
		return nil, nil, err
	}
	o.bucket, o.name = bucket, name
	return o, resp.Body, nil
}

// asStored makes Cloud Storage send gzip-encoded objects as stored, with their
// stored length and checksums: Cloud Storage documentation, "Transcoding of
// gzip-compressed files".
func (g *gcs) asStored() http.Header {
	h := g.plain()
	h["Accept-Encoding"] = []string{"gzip"}
	return h
}

// plain returns the headers of every request. The project that pays is billed for requests
// of a bucket whose owner does not pay: Cloud Storage documentation, "Requester Pays".
func (g *gcs) plain() http.Header {
	h := make(http.Header, 4)
	h["User-Agent"] = userAgent
	if g.payer != "" {
		h["X-Goog-User-Project"] = []string{g.payer}
	}
	return h
}

// openJSON is open by the JSON API, for objects whose custom metadata has names that are
// no header names: the XML API sends them as they are, and no HTTP client can read such a
// response. It costs one more request.
func (g *gcs) openJSON(ctx context.Context, bucket, name string, generation int64) (*object, io.ReadCloser, error) {
	query := url.Values{
		"fields": {"generation,metageneration,size,crc32c,contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl,metadata"},
	}
	if generation != 0 {
		query.Set("generation", strconv.FormatInt(generation, 10))
	}
	resp, err := g.do(ctx, g.jsonURL(bucket, name, query), g.plain(), http.StatusOK)
	if err != nil {
		return nil, nil, err
	}
	body, err := readAnswer(resp)
	if err != nil {
		return nil, nil, err
	}
	var resource struct {
		Generation, Metageneration, Size                                                int64 `json:",string"`
		CRC32C                                                                          string
		ContentType, ContentEncoding, ContentLanguage, ContentDisposition, CacheControl string
		Metadata                                                                        map[string]string
	}
	if err := json.Unmarshal(body, &resource); err != nil {
		return nil, nil, &brokenError{fmt.Errorf("reading the object's resource: %w", err)}
	}
	o := &object{
		bucket:         bucket,
		name:           name,
		size:           resource.Size,
		generation:     resource.Generation,
		metageneration: resource.Metageneration,
		custom:         resource.Metadata,
		json:           true,
		header:         http.Header{},
	}
	if o.crc32c, err = parseCRC32C(resource.CRC32C); err != nil {
		return nil, nil, err
	}
	for name, value := range map[string]string{"Content-Type": resource.ContentType, "Content-Encoding": resource.ContentEncoding,
		"Content-Language": resource.ContentLanguage, "Content-Disposition": resource.ContentDisposition, "Cache-Control": resource.CacheControl} {
		o.header.Set(name, value)
	}
	content, err := g.read(ctx, o, 0, o.size)
	return o, content, err
}

// jsonURL returns an object's URL in the JSON API.
func (g *gcs) jsonURL(bucket, name string, query url.Values) *url.URL {
	u := *g.endpoint
	u.Path, u.RawPath = u.Path+"/storage/v1/b/"+bucket+"/o/"+name, u.EscapedPath()+"/storage/v1/b/"+bucket+"/o/"+escape(name, true)
	u.RawQuery = query.Encode()
	return &u
}

// describe reads an object's properties from the headers of a response.
func describe(resp *http.Response) (*object, error) {
	o := &object{size: resp.ContentLength, header: resp.Header, custom: map[string]string{}}
	for name, values := range o.header {
		// net/http leaves a name with a space as it was sent.
		if n := len(sourcePrefix); len(name) > n && strings.EqualFold(name[:n], sourcePrefix) {
			o.custom[name[n:]] = strings.Join(values, ",")
		}
	}
	var err error
	if o.generation, err = strconv.ParseInt(resp.Header.Get("X-Goog-Generation"), 10, 64); err != nil {
		return nil, fmt.Errorf("reading x-goog-generation: %w", err)
	}
	o.metageneration, _ = strconv.ParseInt(resp.Header.Get("X-Goog-Metageneration"), 10, 64)
	sum := ""
	for _, line := range resp.Header.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(line, ",") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(part), "crc32c="); ok {
				sum = text
			}
		}
	}
	if sum == "" {
		return nil, errors.New("reading x-goog-hash: there is no crc32c; without one the copy cannot be proven")
	}
	if o.crc32c, err = parseCRC32C(sum); err != nil {
		return nil, err
	}
	if o.size < 0 && resp.Header.Get("X-Goog-Stored-Content-Encoding") == "gzip" {
		return nil, &OperationError{"planning", errUnpacked}
	}
	if o.size < 0 {
		return nil, errors.New("reading content-length: the length is not known")
	}
	if text := resp.Header.Get("X-Goog-Stored-Content-Length"); text != "" && text != strconv.FormatInt(o.size, 10) {
		return nil, &brokenError{fmt.Errorf("the answer has %d bytes, the object %s", o.size, text)}
	}
	return o, nil
}

// read requests the bytes [from, to) of one generation. Its error is a
// *SourceChangedError when the generation is gone.
func (g *gcs) read(ctx context.Context, o *object, from, to int64) (io.ReadCloser, error) {
	header, want := g.asStored(), http.StatusOK
	if from > 0 || to < o.size {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
		want = http.StatusPartialContent
	}
	u := g.url(o.bucket, o.name, o.generation)
	if o.json {
		u = g.jsonURL(o.bucket, o.name, url.Values{"alt": {"media"}, "generation": {strconv.FormatInt(o.generation, 10)}})
	}
	resp, err := g.do(ctx, u, header, want)
	var answer *AnswerError
	if errors.As(err, &answer) && (answer.Status == http.StatusNotFound || answer.Status == http.StatusPreconditionFailed) {
		return nil, &SourceChangedError{o.generation, err}
	}
	if err != nil {
		return nil, err
	}
	if err := o.checkRange(resp, from, to); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp.Body, nil
}

// checkRange rejects a response for another generation or another range.
func (o *object) checkRange(resp *http.Response, from, to int64) error {
	if text := resp.Header.Get("X-Goog-Generation"); text != "" && text != strconv.FormatInt(o.generation, 10) {
		return &SourceChangedError{o.generation, fmt.Errorf("the answer is of generation %s", text)}
	}
	if resp.ContentLength >= 0 && resp.ContentLength != to-from {
		return &brokenError{fmt.Errorf("asked for %d bytes, answered %d", to-from, resp.ContentLength)}
	}
	got := resp.Header.Get("Content-Range")
	if want := fmt.Sprintf("bytes %d-%d/%d", from, to-1, o.size); resp.StatusCode == http.StatusPartialContent && got != want {
		return &brokenError{fmt.Errorf("asked for %s, answered %q", want, got)}
	}
	return nil
}

// SourceChangedError reports that the generation being read is gone.
type SourceChangedError struct {
	Generation int64
	Err        error
}

func (e *SourceChangedError) Error() string {
	return fmt.Sprintf("the object changed while it was read: generation %d is gone: %v", e.Generation, e.Err)
}

func (e *SourceChangedError) Unwrap() error { return e.Err }

func (g *gcs) url(bucket, name string, generation int64) *url.URL {
	u := *g.endpoint
	u.Path, u.RawPath = u.Path+"/"+bucket+"/"+name, u.EscapedPath()+"/"+bucket+"/"+escapePath(name)
	if generation != 0 {
		u.RawQuery = "generation=" + strconv.FormatInt(generation, 10)
	}
	return &u
}

// escapePath escapes an object's name for a path: slashes stay, and dot segments
// are escaped so that no proxy resolves them.
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
