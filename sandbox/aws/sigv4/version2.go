package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// version2 says whether r is an S3 request that was presigned with Signature
// Version 2. The AWS CLI and boto3 still do so by default in the older regions;
// see "Signing and authenticating REST requests (AWS signature version 2)".
func version2(r *http.Request) bool {
	q := r.URL.Query()
	return r.Header.Get("Authorization") == "" && (q.Has("AWSAccessKeyId") || q.Has("Signature"))
}

// verifyVersion2 checks such a request. It is for any region and says nothing
// about the body.
func (v *Verifier) verifyVersion2(r *api.Request, now time.Time) (accessKeyID string, err error) {
	r.Service = "s3"
	if v.Region != nil {
		r.Region, _ = v.Region(r.Service, r.Region)
	}
	q := r.URL.Query()
	id, signature, expires := q.Get("AWSAccessKeyId"), q.Get("Signature"), q.Get("Expires")
	if id == "" || signature == "" || expires == "" {
		return "", api.Errorf(http.StatusForbidden, "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return "", api.Errorf(http.StatusForbidden, "AccessDenied", "Invalid date (should be seconds since epoch): %s", expires)
	}
	if end := time.Unix(seconds, 0); now.After(end) {
		return "", expired(end, now)
	}
	key, ok := v.Lookup(id)
	if !ok {
		return "", unknownKey(r, id)
	}
	toSign := toSignVersion2(r.Request, q)
	mac := hmac.New(sha1.New, []byte(key.Secret))
	mac.Write([]byte(toSign))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		e := badSignature(r, noMatchS3)
		e.Members = map[string]string{"AWSAccessKeyId": id, "StringToSign": toSign, "SignatureProvided": signature}
		return "", e
	}
	if err := key.session(r, q.Get("x-amz-security-token"), now); err != nil {
		return "", err
	}
	return id, nil
}

// subresources are the query parameters that Version 2 signs.
func subresources() []string {
	return []string{
		"acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy",
		"requestPayment", "restore", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires",
	}
}

// toSignVersion2 is the text that Version 2 signs. Headers that the signer knew
// stand in the query.
func toSignVersion2(r *http.Request, q url.Values) string {
	header := func(name string) string {
		if v := r.Header.Get(name); v != "" {
			return v
		}
		return q.Get(name)
	}
	var amz, resource []string
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			amz = append(amz, name+":"+strings.Join(values, ",")+"\n")
		}
	}
	for name, values := range q {
		switch {
		case strings.HasPrefix(name, "x-amz-"):
			amz = append(amz, name+":"+strings.Join(values, ",")+"\n")
		case slices.Contains(subresources(), name) && values[0] != "":
			resource = append(resource, name+"="+values[0])
		case slices.Contains(subresources(), name):
			resource = append(resource, name)
		}
	}
	slices.Sort(amz)
	slices.Sort(resource)
	path := r.URL.EscapedPath()
	if len(resource) > 0 {
		path += "?" + strings.Join(resource, "&")
	}
	return strings.Join([]string{r.Method, header("content-md5"), header("content-type"), q.Get("Expires"), strings.Join(amz, "") + path}, "\n")
}
