package s3

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// xml answers with a document.
func (c *call) xml(v any) error {
	body, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	c.raw(append([]byte(xml.Header), body...))
	return nil
}

func (c *call) raw(body []byte) {
	c.w.Header().Set("Content-Type", "application/xml")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // a caller that is gone needs no answer
}

func (c *call) empty(status int) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.w.Header().Set("Content-Length", "0")
	}
	c.w.WriteHeader(status)
}

func malformedXML() error {
	return api.Errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func invalidArgument(name, value, message string) error {
	e := api.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
	e.Members = map[string]string{"ArgumentName": name, "ArgumentValue": value}
	return e
}

func invalidRequest(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "InvalidRequest", format, args...)
}

// readBody reads a small document and checks its digests.
func (c *call) readBody() ([]byte, error) {
	e, err := c.expected()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, io.LimitReader(c.Body, maxRequestXML+1)); err != nil {
		return nil, c.bodyError(err)
	}
	if body.Len() > maxRequestXML {
		return nil, api.Errorf(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
	}
	sums := blob.Sums{}
	for _, a := range e.algorithms() {
		h := a.New()
		h.Write(body.Bytes())
		sums[a] = h.Sum(nil)
	}
	return body.Bytes(), e.verify(sums, c.Trailer)
}

// number reads a limit of a listing.
func (c *call) number(name string, most int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalidArgument(name, text, "Provided "+name+" not an integer or within integer range")
	}
	if n < 0 {
		return 0, invalidArgument(name, text, "Argument "+name+" must be an integer between 0 and 2147483647")
	}
	return min(n, most), nil
}
