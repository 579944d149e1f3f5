package s3

import (
	"cmp"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// level is what a request's path names.
type level int

const (
	serviceLevel level = iota
	bucketLevel
	objectLevel
)

// route is one operation and how a request for it looks.
type route struct {
	operation string
	method    string
	level     level
	selectors []string // the query parameters that select it; all must be there
	header    string   // the header that selects it; empty for none
	query     []string // further query parameters that it knows
	headers   []string // further x-amz- headers that it knows; a trailing * is a prefix
	handle    func(*call) error
}

// call is one request on its way through an operation.
type call struct {
	*api.Request
	s      *S3
	w      http.ResponseWriter
	route  route
	bucket string
	key    string
	query  url.Values
}

// The query parameters and headers that every operation knows.
func globalQuery() []string {
	return []string{"x-id"}
}

func globalHeaders() []string {
	return []string{
		"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-te",
		"x-amz-expected-bucket-owner", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm",
		"x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1", "x-amz-checksum-sha256",
		"x-amz-checksum-mode", "x-amz-optional-object-attributes",
	}
}

func objectHeaders() []string {
	return []string{"x-amz-meta-*", "x-amz-acl", "x-amz-storage-class", "x-amz-server-side-encryption*", "x-amz-checksum-type", "x-amz-checksum-algorithm"}
}

// table is every operation there is. Of those that match, the first wins.
func table() []route {
	responses := []string{"response-content-type", "response-content-language", "response-expires", "response-cache-control", "response-content-disposition", "response-content-encoding"}
	reading := append([]string{"versionId", "partNumber"}, responses...)
	customers := []string{encryptionHeader + "-customer-*"}
	routes := []route{
		{operation: "ListBuckets", method: "GET", query: []string{"max-buckets", "prefix", "continuation-token", "bucket-region"}, handle: (*call).listBuckets},

		{operation: "GetBucketLocation", method: "GET", level: bucketLevel, selectors: []string{"location"}, handle: (*call).getBucketLocation},
		{operation: "ListObjectVersions", method: "GET", level: bucketLevel, selectors: []string{"versions"}, query: []string{"prefix", "delimiter", "max-keys", "key-marker", "version-id-marker", "encoding-type"}, handle: (*call).listObjectVersions},
		{operation: "ListMultipartUploads", method: "GET", level: bucketLevel, selectors: []string{"uploads"}, query: []string{"prefix", "delimiter", "max-uploads", "key-marker", "upload-id-marker", "encoding-type"}, handle: (*call).listMultipartUploads},
		{operation: "DeleteObjects", method: "POST", level: bucketLevel, selectors: []string{"delete"}, headers: []string{"x-amz-bypass-governance-retention"}, handle: (*call).deleteObjects},

		{operation: "UploadPart", method: "PUT", level: objectLevel, selectors: []string{"partNumber", "uploadId"}, headers: customers, handle: (*call).uploadPart},
		{operation: "CreateMultipartUpload", method: "POST", level: objectLevel, selectors: []string{"uploads"}, headers: objectHeaders(), handle: (*call).createMultipartUpload},
		{operation: "CompleteMultipartUpload", method: "POST", level: objectLevel, selectors: []string{"uploadId"}, headers: append([]string{"x-amz-checksum-type", "x-amz-mp-object-size"}, customers...), handle: (*call).completeMultipartUpload},
		{operation: "AbortMultipartUpload", method: "DELETE", level: objectLevel, selectors: []string{"uploadId"}, handle: (*call).abortMultipartUpload},
		{operation: "ListParts", method: "GET", level: objectLevel, selectors: []string{"uploadId"}, query: []string{"max-parts", "part-number-marker", "encoding-type"}, headers: customers, handle: (*call).listParts},
	}
	routes = append(routes, configRoutes()...)
	return append(routes, []route{
		{operation: "ListObjectsV2", method: "GET", level: bucketLevel, selectors: []string{"list-type"}, query: []string{"prefix", "delimiter", "max-keys", "continuation-token", "start-after", "fetch-owner", "encoding-type"}, handle: (*call).listObjectsV2},
		{operation: "ListObjects", method: "GET", level: bucketLevel, query: []string{"prefix", "delimiter", "max-keys", "marker", "encoding-type"}, handle: (*call).listObjects},
		{operation: "CreateBucket", method: "PUT", level: bucketLevel, headers: []string{"x-amz-object-ownership", "x-amz-acl", "x-amz-bucket-object-lock-enabled"}, handle: (*call).createBucket},
		{operation: "HeadBucket", method: "HEAD", level: bucketLevel, handle: (*call).headBucket},
		{operation: "DeleteBucket", method: "DELETE", level: bucketLevel, handle: (*call).deleteBucket},
		{operation: "CopyObject", method: "PUT", level: objectLevel, header: copySource, headers: []string{encryptionHeader + "*"}, handle: (*call).copyObject},
		{operation: "PutObject", method: "PUT", level: objectLevel, headers: objectHeaders(), handle: (*call).putObject},
		{operation: "GetObject", method: "GET", level: objectLevel, query: reading, headers: customers, handle: (*call).getObject},
		{operation: "HeadObject", method: "HEAD", level: objectLevel, query: reading, headers: customers, handle: (*call).getObject},
		{operation: "DeleteObject", method: "DELETE", level: objectLevel, query: []string{"versionId"}, headers: []string{"x-amz-bypass-governance-retention"}, handle: (*call).deleteObject},
	}...)
}

// Service declares the S3 API.
func (s *S3) Service() api.Service {
	routes, operations := table(), map[string]api.Operation{}
	for _, route := range routes {
		operations[route.operation] = func(r *api.Request) (any, error) {
			c := s.call(r, route)
			err := cmp.Or(c.checkHeader(), c.here(), c.known(), c.owner())
			if err == nil {
				err = route.handle(c)
			}
			if err != nil {
				return nil, c.explain(err)
			}
			return api.Written, nil
		}
	}
	find := func(r *api.Request) (string, error) {
		c := s.call(r, route{})
		if c.key == "soap" && hostBucket(c.Host) != "" { // the address of another API; the answer is believed
			return "", c.explain(methodNotAllowed())
		}
		at := slices.IndexFunc(routes, c.matches)
		if at < 0 && c.Method == http.MethodPost && c.key == "" {
			return "PostObject", nil // an upload by a browser's form
		}
		if at < 0 {
			return "", c.explain(methodNotAllowed())
		}
		return routes[at].operation, nil
	}
	return api.Service{Protocol: api.XML{Find: find}, Operations: operations}
}

func methodNotAllowed() *api.Error {
	return api.Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

func (s *S3) call(r *api.Request, route route) *call {
	c := &call{Request: r, s: s, w: r.Writer, route: route, query: r.URL.Query()}
	c.bucket, c.key = names(r.Request)
	return c
}

// matches reports whether the call is for an operation.
func (c *call) matches(r route) bool {
	at := objectLevel
	switch {
	case c.bucket == "":
		at = serviceLevel
	case c.key == "":
		at = bucketLevel
	}
	return r.method == c.Method && r.level == at && c.selects(r) && (r.header == "" || c.Header.Get(r.header) != "")
}

func (c *call) selects(r route) bool {
	return !slices.ContainsFunc(r.selectors, func(q string) bool { return !c.query.Has(q) })
}

// known refuses query parameters and x-amz- headers that the operation does
// not know: they would mean something else than what is done.
func (c *call) known() error {
	for _, q := range slices.Sorted(maps.Keys(c.query)) {
		if !strings.HasPrefix(q, "X-Amz-") && !slices.Contains(c.route.selectors, q) && !slices.Contains(c.route.query, q) && !slices.Contains(globalQuery(), q) {
			return notImplemented("Parameter", q)
		}
	}
	// Only what may be large is streamed: versity/versitygw, pull request 1679.
	streamed := strings.HasPrefix(c.Header.Get("x-amz-content-sha256"), "STREAMING-")
	if streamed && c.route.operation != "PutObject" && c.route.operation != "UploadPart" {
		return invalidRequest("The value of x-amz-content-sha256 header is invalid.")
	}
	allowed := append(append(globalHeaders(), c.route.headers...), c.route.header)
	for _, h := range slices.Sorted(maps.Keys(c.Header)) {
		h = strings.ToLower(h)
		if strings.HasPrefix(h, "x-amz-") && !slices.ContainsFunc(allowed, func(a string) bool {
			prefix, wild := strings.CutSuffix(a, "*")
			return h == a || wild && strings.HasPrefix(h, prefix)
		}) {
			return notImplemented("Header", h)
		}
	}
	return nil
}

// notImplemented refuses a header or parameter with S3's own code, by its name.
func notImplemented(what, name string) error {
	e := api.Unmodelled(strings.ToLower(what), name)
	e.Members = map[string]string{what: name}
	return e
}

// owner checks x-amz-expected-bucket-owner.
func (c *call) owner() error {
	if v := c.Header.Get("x-amz-expected-bucket-owner"); v != "" && v != c.Account {
		return api.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	return nil
}

// names reads the bucket and key out of the host and path.
func names(r *http.Request) (bucketName, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if b := hostBucket(r.Host); b != "" {
		return b, path
	}
	bucketName, key, _ = strings.Cut(path, "/")
	return bucketName, key
}

// hostBucket is the bucket of a virtual-hosted request: bucket.localhost,
// bucket.s3.amazonaws.com, bucket.s3.us-east-1.amazonaws.com.
func hostBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name, ok := strings.CutSuffix(host, ".localhost"); ok {
		name = strings.TrimSuffix(name, ".s3")
		if name == "s3" {
			return ""
		}
		return name
	}
	name, ok := strings.CutSuffix(host, ".amazonaws.com")
	if !ok {
		return ""
	}
	labels := strings.Split(name, ".")
	at := slices.Index(labels, "s3")
	if at <= 0 {
		return ""
	}
	return strings.Join(labels[:at], ".")
}

// explain adds to an error what S3 says about the resource.
func (c *call) explain(err error) error {
	e := api.AsError(err)
	members := map[string]string{"Resource": c.URL.Path}
	switch e.Code {
	case "NoSuchKey":
		members = map[string]string{"Key": c.key}
	case "NoSuchUpload":
		members = map[string]string{"UploadId": c.query.Get("uploadId")}
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "AccessDenied", "NotModified", "PreconditionFailed", "BadDigest", "InvalidRange":
		members = map[string]string{}
	}
	if strings.Contains(e.Code, "Bucket") {
		members = map[string]string{"BucketName": c.bucket}
	}
	maps.Copy(members, e.Members)
	e.Members = members
	return e
}
