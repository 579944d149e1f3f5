package copy

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// stand is the function as it starts in an execution environment.
type stand struct {
	*integration.Clouds
	env    map[string]string
	log    bytes.Buffer
	logger *slog.Logger // writes to log, for as many functions as there are
}

func newStand(t *testing.T) *stand {
	t.Helper()
	c := integration.New(t, sandbox.Options{MinPart: 1})
	file := filepath.Join(t.TempDir(), c.Env.CredentialFileName())
	if err := os.WriteFile(file, c.Configuration(t).JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
	creds := c.Session(t, c.Env.Role)
	// Google's auth library reads the AWS credentials from the process environment,
	// which is why these tests do not run in parallel.
	process := map[string]string{
		"AWS_REGION":            c.Env.AWSRegion,
		"AWS_ACCESS_KEY_ID":     creds.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": creds.SecretAccessKey,
		"AWS_SESSION_TOKEN":     creds.SessionToken,
	}
	for k, v := range process {
		t.Setenv(k, v)
	}
	l := &stand{Clouds: c, env: map[string]string{
		"AWS_ENDPOINT_URL":              c.AWSURL,
		invocation.EnvGoogleCredentials: file,
		invocation.EnvGoogleProject:     c.Env.GoogleProject,
		invocation.EnvSourceBucket:      c.Env.SourceBucket,
		invocation.EnvDestinationBucket: c.Env.DestinationBucket,
		invocation.EnvObject:            c.Env.Object,
		invocation.EnvStorageEndpoint:   c.Env.StorageEndpoint,
		invocation.EnvAllowLoopback:     "true",
	}}
	for k, v := range process {
		l.env[k] = v
	}
	l.logger = slog.New(slog.NewJSONHandler(&l.log, nil))
	return l
}

// start creates the handler.
func (l *stand) start(t *testing.T) *Handler {
	t.Helper()
	h, err := NewHandler(func(k string) string { return l.env[k] }, l.logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the clouds wait for open connections
		h.CloseIdle()
	})
	h.patience.sleep = func(context.Context, time.Duration) error { return nil }
	return h
}

// stored reads back an object of the destination bucket.
func (l *stand) stored(t *testing.T, key string) ([]byte, *s3.GetObjectOutput) {
	t.Helper()
	out, err := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin())).GetObject(context.Background(), &s3.GetObjectInput{Bucket: &l.Env.DestinationBucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data, out
}

// fail injects faults, written in the syntax of faults.Syntax.
func (l *stand) fail(t *testing.T, texts ...string) {
	t.Helper()
	var rules []faults.Rule
	for _, text := range texts {
		rule, err := faults.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	l.Fail(rules...)
}

// put uploads an object of the given size, derived from its name,
// and returns its bytes.
func (l *stand) put(t *testing.T, name string, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	source := rand.NewChaCha8(sha256.Sum256([]byte(name)))
	if _, err := source.Read(content); err != nil {
		t.Fatal(err)
	}
	l.Upload(t, l.Env.SourceBucket, name, "text/x-test", bytes.NewReader(content))
	return content
}

// holds checks the content of a key.
func (l *stand) holds(t *testing.T, key string, want []byte) {
	t.Helper()
	if data, _ := l.stored(t, key); !bytes.Equal(data, want) {
		t.Errorf("s3://%s/%s holds %d bytes, not the %d wanted", l.Env.DestinationBucket, key, len(data), len(want))
	}
	if left := l.AWS.S3().Uploads(l.Env.DestinationBucket); len(left) > 0 {
		t.Errorf("uploads are left behind: %v", left)
	}
}

// asked counts the successful requests of a service by operation, starting at the
// given journal entry.
func (l *stand) asked(service string, from int) map[string]int {
	counts := map[string]int{}
	for _, e := range l.Journal.Entries()[from:] {
		if e.Service == service && e.Status < 300 {
			counts[e.Operation]++
		}
	}
	return counts
}

// absent checks that nothing is stored at a key.
func (l *stand) absent(t *testing.T, key string) {
	t.Helper()
	out, err := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin())).ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &l.Env.DestinationBucket, Prefix: &key})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Contents) > 0 {
		t.Errorf("a failed copy left s3://%s/%s", l.Env.DestinationBucket, *out.Contents[0].Key)
	}
}

// copyOne makes the handler copy one object.
func copyOne(h *Handler, event invocation.Event) (invocation.Result, error) {
	got, err := h.Handle(context.Background(), event)
	result, _ := got.(invocation.Result)
	return result, err
}

func sumOf(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

func TestAnyEventCopiesTheSample(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	var event invocation.Event
	// The console's hello-world event.
	if err := json.Unmarshal([]byte(`{"key1":"value1","key2":"value2"}`), &event); err != nil {
		t.Fatal(err)
	}
	got, err := copyOne(h, event)
	if err != nil {
		t.Fatal(err)
	}
	if got.Generation == 0 || got.DurationMS < 0 {
		t.Errorf("generation %d, duration %d ms", got.Generation, got.DurationMS)
	}
	want := invocation.Result{
		StatusCode: 200, Body: "File transferred successfully",
		Source: "gs://s3-gcs-connect/sample.txt", Destination: "s3://s3-gcs-connect/sample.txt", Outcome: "copied", Complete: true,
		Bytes: int64(len(sandboxtest.Sample)), Generation: got.Generation, CRC32C: sumOf([]byte(sandboxtest.Sample)), DurationMS: got.DurationMS,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	data, out := l.stored(t, "sample.txt")
	if string(data) != sandboxtest.Sample {
		t.Errorf("s3 holds %q, want %q", data, sandboxtest.Sample)
	}
	if *out.ContentType != "text/plain" || out.Metadata["gcs-generation"] != strconv.FormatInt(got.Generation, 10) || out.Metadata["gcs-crc32c"] != got.CRC32C {
		t.Errorf("s3 has content type %q and metadata %v", *out.ContentType, out.Metadata)
	}
}

// TestRequests counts an invocation's requests to the clouds: four requests on a
// cold start, two when warm.
func TestRequests(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	count := func() []string {
		before := len(l.Journal.Entries())
		if _, err := copyOne(h, invocation.Event{}); err != nil {
			t.Fatal(err)
		}
		var services []string
		for _, e := range l.Journal.Entries()[before:] {
			services = append(services, e.Cloud+" "+e.Service)
		}
		return services
	}
	// The token exchange makes Google call AWS; that request is Google's.
	if diff := cmp.Diff([]string{"aws sts", "google sts", "google iamcredentials", "google storage", "aws s3"}, count()); diff != "" {
		t.Errorf("cold invocation (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"google storage", "aws s3"}, count()); diff != "" {
		t.Errorf("warm invocation (-want +got):\n%s", diff)
	}
}

func TestEventNamesWhatToCopy(t *testing.T) {
	l := newStand(t)
	l.env[invocation.EnvDestinationPrefix] = "incoming/"
	name := "dir with space/ü+%&?#/../ファイル.txt"
	content := []byte("named by the event")
	l.Upload(t, l.Env.SourceBucket, name, "text/x-test", bytes.NewReader(content))
	h := l.start(t)
	for _, tt := range []struct {
		event invocation.Event
		key   string
	}{
		{invocation.Event{Object: name}, "incoming/" + name},
		{invocation.Event{Object: name, Key: "chosen"}, "chosen"},
		{invocation.Event{Object: name, Key: "both", SourceBucket: l.Env.SourceBucket, DestinationBucket: l.Env.DestinationBucket}, "both"},
	} {
		got, err := copyOne(h, tt.event)
		if err != nil {
			t.Errorf("copying to %s: %v", tt.key, err)
			continue
		}
		if data, _ := l.stored(t, tt.key); !bytes.Equal(data, content) || got.Destination != "s3://s3-gcs-connect/"+tt.key {
			t.Errorf("%s holds %q, result %+v", tt.key, data, got)
		}
	}
}

func TestObjectsOfAllSizes(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	for _, size := range []int{0, 1, 32 << 10, 5<<20 + 1, 64 << 20} {
		content := make([]byte, size)
		source := rand.NewChaCha8([32]byte{byte(size)})
		if _, err := source.Read(content); err != nil {
			t.Fatal(err)
		}
		name := "size-" + strconv.Itoa(size)
		l.Upload(t, l.Env.SourceBucket, name, "application/octet-stream", bytes.NewReader(content))
		got, err := copyOne(h, invocation.Event{Object: name})
		if err != nil {
			t.Errorf("copying %d bytes: %v", size, err)
			continue
		}
		if data, _ := l.stored(t, name); !bytes.Equal(data, content) || got.Bytes != int64(size) || got.CRC32C != sumOf(content) {
			t.Errorf("%d bytes: s3 holds %d bytes, the same: %v; result %+v", size, len(data), bytes.Equal(data, content), got)
		}
	}
}

// gzipped returns some text as gzip packs it.
func gzipped(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, strings.Repeat("text ", 1000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestGzipIsCopiedAsStored(t *testing.T) {
	l := newStand(t)
	packed := gzipped(t)
	l.Upload(t, l.Env.SourceBucket, "packed", "text/plain", bytes.NewReader(packed))
	l.Call(t, "PATCH", "/storage/v1/b/"+l.Env.SourceBucket+"/o/packed", map[string]string{"contentEncoding": "gzip", "cacheControl": "max-age=60"}, nil)
	if _, err := copyOne(l.start(t), invocation.Event{Object: "packed"}); err != nil {
		t.Fatal(err)
	}
	data, out := l.stored(t, "packed")
	if !bytes.Equal(data, packed) || out.ContentEncoding == nil || *out.ContentEncoding != "gzip" || *out.CacheControl != "max-age=60" {
		t.Errorf("s3 holds %d bytes with encoding %v, want the %d stored bytes with gzip", len(data), out.ContentEncoding, len(packed))
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name      string
		set       func(t *testing.T, l *stand) invocation.Event
		operation string
		want      string
	}{
		{"no such object", func(t *testing.T, l *stand) invocation.Event { return invocation.Event{Object: "missing"} }, "reading",
			"Cloud Storage answered 404 NoSuchKey: The specified key does not exist. No such object: s3-gcs-connect/missing"},
		{"another generation", func(t *testing.T, l *stand) invocation.Event {
			return invocation.Event{Object: l.Env.Object, Generation: 1}
		}, "reading", "Cloud Storage answered 404 NoSuchKey"},
		{"a bucket of which nothing is granted", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "POST", "/storage/v1/b?project="+l.Env.GoogleProject, map[string]any{"name": "other-bucket"}, nil)
			return invocation.Event{SourceBucket: "other-bucket"}
		}, "reading", "Cloud Storage answered 403 AccessDenied: Access denied. gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com does not have storage.objects.get access"},
		{"a write outside the role's policy", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "GET", "/storage/v1/b/"+l.Env.SourceBucket, nil, nil)
			makeBucket(t, l, "not-ours")
			return invocation.Event{DestinationBucket: "not-ours"}
		}, "writing", `AccessDenied: User: arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role/gcs-to-s3 is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::not-ours/sample.txt" because no identity-based policy allows the s3:PutObject action`},
		{"no destination bucket", func(t *testing.T, l *stand) invocation.Event {
			return invocation.Event{DestinationBucket: "no-such-bucket"}
		}, "writing", "NoSuchBucket: The specified bucket does not exist"},
		{"no binding", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "POST", "/v1/projects/"+l.Env.GoogleProject+"/serviceAccounts/"+l.Env.ServiceAccountEmail()+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
			return invocation.Event{}
		}, "reading", "getting an access token: "},
		{"a bucket that is a path", func(t *testing.T, l *stand) invocation.Event { return invocation.Event{SourceBucket: "../storage"} }, "planning", `sourceBucket: "../storage": must be a bucket's name`},
		{"a name too long", func(t *testing.T, l *stand) invocation.Event {
			return invocation.Event{Object: strings.Repeat("x", 1025)}
		}, "planning", "object: must have 1 to 1024 bytes, has 1025"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			event := tt.set(t, l)
			got, err := copyOne(l.start(t), event)
			var failed *TransferError
			if !errors.As(err, &failed) {
				t.Fatalf("Handle() = %+v, %v, want a *TransferError", got, err)
			}
			if failed.Operation != tt.operation || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), failed.Source) || !strings.Contains(err.Error(), failed.Destination) {
				t.Errorf("Handle() = %v\nwant %s with %q, source and destination", err, tt.operation, tt.want)
			}
			l.absent(t, "sample.txt")
			if !strings.Contains(l.log.String(), `"msg":"copy failed"`) {
				t.Errorf("the log lacks the failure: %s", l.log.String())
			}
		})
	}
}

func makeBucket(t *testing.T, l *stand, name string) {
	t.Helper()
	if _, err := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin())).CreateBucket(context.Background(), sandboxtest.Bucket(name)); err != nil {
		t.Fatal(err)
	}
}

// through puts a proxy in front of Cloud Storage that may corrupt its responses.
func (l *stand) through(t *testing.T, spoil func(*http.Response) error) {
	t.Helper()
	target, err := url.Parse(l.GoogleURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: spoil,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	l.env[invocation.EnvStorageEndpoint] = server.URL
}

func TestSpoiledBodiesWriteNothing(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for _, tt := range []struct {
		name, operation, want string
		spoil                 func(*http.Response) error
	}{
		{"a flipped bit", "verifying", "CRC32C of the bytes read is", func(r *http.Response) error {
			data, err := io.ReadAll(r.Body)
			if err == nil {
				data[len(data)/2] ^= 1
				r.Body = io.NopCloser(bytes.NewReader(data))
			}
			return err
		}},
		{"a wrong sum", "verifying", "the source announced AAAAAA==", func(r *http.Response) error {
			r.Header.Set("X-Goog-Hash", "crc32c=AAAAAA==")
			return nil
		}},
		{"no sum", "reading", "there is no crc32c", func(r *http.Response) error {
			r.Header.Del("X-Goog-Hash")
			return nil
		}},
		{"more than is stored", "reading", "6 attempts failed, the last: the answer has 1048576 bytes, the object 1048575", func(r *http.Response) error {
			r.Header.Set("X-Goog-Stored-Content-Length", "1048575")
			return nil
		}},
		{"unpacked on the way", "planning", "the object was unpacked by Cloud Storage on its way", func(r *http.Response) error {
			r.Header.Set("X-Goog-Stored-Content-Encoding", "gzip")
			return nil
		}},
		{"no length", "reading", "the length is not known", func(r *http.Response) error {
			r.ContentLength = -1
			r.Header.Del("Content-Length")
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			l.Upload(t, l.Env.SourceBucket, "spoiled", "text/plain", bytes.NewReader(content))
			l.through(t, tt.spoil)
			_, err := copyOne(l.start(t), invocation.Event{Object: "spoiled"})
			var failed *TransferError
			if !errors.As(err, &failed) || failed.Operation != tt.operation || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Handle() = %v, want %s with %q", err, tt.operation, tt.want)
			}
			l.absent(t, "spoiled")
		})
	}
}

// TestBrokenStreamsAreTakenUpAgain cuts every response short and, in one case, changes
// the object: the copy must resume where it broke off, on the same generation.
func TestBrokenStreamsAreTakenUpAgain(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for _, tt := range []struct {
		name    string
		cuts    int // how many responses are cut
		replace bool
		want    string // a part of the error; empty for success
	}{
		{"once", 1, false, ""},
		{"as often as is borne", maxAttempts - 1, false, ""},
		{"once too often", maxAttempts, false, "unexpected EOF"},
		{"replaced meanwhile", 1, true, "the object changed while it was read: generation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			l.Upload(t, l.Env.SourceBucket, "broken", "text/plain", bytes.NewReader(content))
			cut := 0
			l.through(t, func(r *http.Response) error {
				if cut == tt.cuts {
					return nil
				}
				cut++
				if tt.replace {
					l.Upload(t, l.Env.SourceBucket, "broken", "text/plain", strings.NewReader("another"))
				}
				// The proxy drops the connection when reading the body fails.
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 100000), iotest.ErrReader(io.ErrUnexpectedEOF)))
				return nil
			})
			got, err := copyOne(l.start(t), invocation.Event{Object: "broken"})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Handle() = %+v, %v, want %q", got, err, tt.want)
				}
				l.absent(t, "broken")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := l.stored(t, "broken"); !bytes.Equal(data, content) {
				t.Errorf("s3 holds %d other bytes", len(data))
			}
		})
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	if _, err := copyOne(h, invocation.Event{}); err != nil {
		t.Fatal(err)
	}
	if _, err := copyOne(h, invocation.Event{Object: "missing"}); err == nil {
		t.Fatal("a missing object was copied")
	}
	token, err := h.source.creds.Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"AWS secret key":    l.env["AWS_SECRET_ACCESS_KEY"],
		"AWS session token": l.env["AWS_SESSION_TOKEN"],
		"AWS access key id": l.env["AWS_ACCESS_KEY_ID"],
		"Google token":      token.Value,
	} {
		if secret == "" || strings.Contains(l.log.String(), secret) {
			t.Errorf("the log holds the %s, or there is none", name)
		}
	}
	for line := range strings.Lines(l.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line is not JSON: %s", line)
		}
	}
}

func TestSettingsAreCheckedTogether(t *testing.T) {
	t.Parallel()
	_, err := NewHandler(func(string) string { return "" }, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("an empty environment is accepted")
	}
	for _, name := range []string{invocation.EnvGoogleCredentials, invocation.EnvGoogleProject, invocation.EnvSourceBucket, invocation.EnvDestinationBucket, invocation.EnvObject, invocation.EnvStorageEndpoint, "AWS_REGION", "AWS_ACCESS_KEY_ID"} {
		if !strings.Contains(err.Error(), name+": must be set; hint: ") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestLoopbackNeedsItsSwitch(t *testing.T) {
	l := newStand(t)
	delete(l.env, invocation.EnvAllowLoopback)
	_, err := NewHandler(func(k string) string { return l.env[k] }, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "STORAGE_ENDPOINT") || !strings.Contains(err.Error(), "token_url") {
		t.Errorf("NewHandler() = %v, want the loopback endpoints refused", err)
	}
}
