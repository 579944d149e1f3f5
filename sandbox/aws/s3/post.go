package s3

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// maxForm bounds the fields before the file; see "POST Object".
const maxForm = 20 << 10

// form is an upload by a browser: its fields, and the file that ends it.
type form struct {
	fields map[string]string // by lower-case name
	names  []string          // as they were sent
	file   *multipart.Part
}

func (f *form) field(name string) string { return f.fields[name] }

// readForm reads the fields up to the file.
func (c *call) readForm() (*form, error) {
	reader, err := c.MultipartReader()
	if err != nil {
		return nil, api.Errorf(http.StatusPreconditionFailed, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	f := &form{fields: map[string]string{}}
	left := int64(maxForm)
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidArgument", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, api.Errorf(http.StatusBadRequest, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
		}
		name := part.FormName()
		if strings.EqualFold(name, "file") {
			f.file = part
			f.fields["key"] = strings.ReplaceAll(f.fields["key"], "${filename}", part.FileName())
			return f, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, left+1))
		if left -= int64(len(value)); err != nil || left < 0 {
			return nil, api.Errorf(http.StatusBadRequest, "MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.")
		}
		f.names, f.fields[strings.ToLower(name)] = append(f.names, name), string(value)
	}
}

// limits are the size that a policy allows a file.
type limits struct{ least, most int64 }

// check holds the form to its policy, in which every field must stand.
func (f *form) check(bucketName string, now time.Time) (limits, error) {
	size := limits{0, maxPutSize}
	text, err := base64.StdEncoding.DecodeString(f.field("policy"))
	var policy struct {
		Expiration time.Time
		Conditions []json.RawMessage
	}
	if err != nil || json.Unmarshal(text, &policy) != nil {
		return size, api.Errorf(http.StatusBadRequest, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
	}
	refuse := func(format string, args ...any) error {
		return api.Errorf(http.StatusForbidden, "AccessDenied", "Invalid according to Policy: "+format, args...)
	}
	if !now.Before(policy.Expiration) {
		return size, refuse("Policy expired.")
	}
	named := []string{"policy", "x-amz-signature"}
	for _, raw := range policy.Conditions {
		operator, name, value, ok := postCondition(raw)
		if !ok {
			return size, api.Errorf(http.StatusBadRequest, "InvalidPolicyDocument", "Invalid Policy: Invalid Condition: %s", raw)
		}
		if operator == "content-length-range" {
			least, err1 := strconv.ParseInt(name, 10, 64)
			most, err2 := strconv.ParseInt(value, 10, 64)
			if err1 != nil || err2 != nil {
				return size, api.Errorf(http.StatusBadRequest, "InvalidPolicyDocument", "Invalid Policy: Invalid Condition: %s", raw)
			}
			size = limits{least, most}
			continue
		}
		got := f.fields[name]
		if name == "bucket" {
			got = bucketName
		}
		if operator == "eq" && got != value || operator == "starts-with" && !strings.HasPrefix(got, value) {
			return size, refuse("Policy Condition failed: [\"%s\", \"$%s\", \"%s\"]", operator, name, value)
		}
		named = append(named, name)
	}
	for _, n := range f.names {
		if n := strings.ToLower(n); !slices.Contains(named, n) && !strings.HasPrefix(n, "x-ignore-") {
			return size, refuse("Extra input fields: %s", n)
		}
	}
	return size, nil
}

// postCondition reads one condition: {"name": "value"}, [operator, "$name",
// "value"] or ["content-length-range", least, most].
func postCondition(raw json.RawMessage) (operator, name, value string, ok bool) {
	var exact map[string]string
	if json.Unmarshal(raw, &exact) == nil {
		for name, value = range exact {
		}
		return "eq", strings.ToLower(name), value, len(exact) == 1
	}
	var list []any
	if json.Unmarshal(raw, &list) != nil || len(list) != 3 {
		return "", "", "", false
	}
	operator = strings.ToLower(fmt.Sprint(list[0]))
	name, value = fmt.Sprint(list[1]), fmt.Sprint(list[2])
	if operator == "content-length-range" {
		least, ok1 := list[1].(float64)
		most, ok2 := list[2].(float64)
		if ok1 {
			name = strconv.FormatInt(int64(least), 10)
		}
		if ok2 {
			value = strconv.FormatInt(int64(most), 10)
		}
		return operator, name, value, true
	}
	name, dollar := strings.CutPrefix(strings.ToLower(name), "$")
	return operator, name, value, dollar && (operator == "eq" || operator == "starts-with")
}

// postObject is an upload by a browser. Who signed its policy uploads.
func (c *call) postObject() error {
	f, err := c.readForm()
	if err != nil {
		return err
	}
	if c.key = f.field("key"); c.key == "" {
		return api.Errorf(http.StatusBadRequest, "InvalidArgument", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	}
	size := limits{0, maxPutSize}
	if f.field("policy") != "" {
		if c.s.options.Form == nil {
			return notImplemented("Parameter", "policy")
		}
		if c.Request.Caller, err = c.s.options.Form(c.Request, f.field); err != nil {
			return err
		}
		c.Entry.Principal = c.Caller.ARN
		if size, err = f.check(c.bucket, c.s.options.Now()); err != nil {
			return err
		}
	}
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	if err := c.formHeaders(f); err != nil {
		return err
	}
	headers, err := c.objectHeaders()
	if err != nil {
		return err
	}
	c.Body = io.NopCloser(io.LimitReader(f.file, size.most+1))
	content, err := c.receive(expected{}, blob.CRC64NVME)
	if err != nil {
		return err
	}
	switch {
	case content.Size > size.most:
		content.Release()
		return api.Errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	case content.Size < size.least:
		content.Release()
		return api.Errorf(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
	}
	o := &object{key: c.key, etag: hex.EncodeToString(content.Sums[blob.MD5]), headers: headers, blob: content, checksum: checksumOf(blob.CRC64NVME, content.Sums)}
	if err := c.commit(o, condition{}, nil); err != nil {
		return err
	}
	c.posted(f, o)
	return nil
}

// formHeaders makes the fields that say something of the object its headers.
func (c *call) formHeaders(f *form) error {
	c.Header.Del("Content-Type")
	for name, value := range f.fields {
		switch {
		case slices.Contains([]string{"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token"}, name):
		case name == "acl":
			c.Header.Set("x-amz-acl", value)
		case strings.HasPrefix(name, metadataPrefix), strings.HasPrefix(name, encryptionHeader), name == "x-amz-storage-class",
			slices.Contains([]string{"content-type", "cache-control", "content-disposition", "content-encoding", "expires"}, name):
			c.Header.Set(name, value)
		case name == "tagging", strings.HasPrefix(name, "x-amz-"):
			return notImplemented("Parameter", name)
		}
	}
	return nil
}

// posted answers as the form asks: with nothing, with where the object is, or
// with where the browser shall go.
func (c *call) posted(f *form, o *object) {
	h := c.w.Header()
	location := "http://" + c.Host + "/" + c.bucket + "/" + (&url.URL{Path: o.key}).EscapedPath()
	h.Set("ETag", quote(o.etag))
	h.Set("Location", location)
	if to := f.field("success_action_redirect"); to != "" {
		h.Set("Location", to)
		c.empty(http.StatusSeeOther)
		return
	}
	switch f.field("success_action_status") {
	case "200":
		c.empty(http.StatusOK)
	case "201":
		body, err := xml.Marshal(struct {
			XMLName                     xml.Name `xml:"PostResponse"`
			Location, Bucket, Key, ETag string
		}{Location: location, Bucket: c.bucket, Key: o.key, ETag: quote(o.etag)})
		if err != nil {
			body = nil // only strings are marshalled, so this does not happen
		}
		h.Set("Content-Type", "application/xml")
		c.w.WriteHeader(http.StatusCreated)
		_, _ = c.w.Write(body) // a caller that is gone needs no answer
	default:
		c.empty(http.StatusNoContent)
	}
}
