package s3

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

const metadataPrefix = "x-amz-meta-"

// The limits of a request's header section and of the user-defined metadata in it, in
// bytes; see "Working with object metadata". The page says the former of PUT requests;
// it holds for all: versity/versitygw, pull request 1931.
const (
	maxHeader   = 8 << 10
	maxMetadata = 2 << 10
)

// checkHeader refuses a header section that is too large, the request's line with it.
func (c *call) checkHeader() error {
	size := len(c.Method) + len(" ") + len(c.RequestURI) + len(" HTTP/1.1\r\n") + len("Host: \r\n") + len(c.Host)
	for name, values := range c.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	if size <= maxHeader {
		return nil
	}
	e := api.Errorf(http.StatusBadRequest, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
	e.Members = map[string]string{"MaxSizeAllowed": strconv.Itoa(maxHeader)}
	return e
}

// userMetadata reads the user-defined metadata, decoded as S3 stores it: values may
// be in the encoded words of RFC 2047. What counts is the UTF-8 of names and values;
// see "Working with object metadata".
func (c *call) userMetadata(into map[string]string) error {
	size, words := 0, mime.WordDecoder{}
	for name, values := range c.Header {
		if name = strings.ToLower(name); !strings.HasPrefix(name, metadataPrefix) {
			continue
		}
		value := strings.Join(values, ",")
		if decoded, err := words.DecodeHeader(value); err == nil {
			value = decoded
		}
		into[name] = value
		size += len(name) - len(metadataPrefix) + len(value)
	}
	if size <= maxMetadata {
		return nil
	}
	e := api.Errorf(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	e.Members = map[string]string{"Size": strconv.Itoa(size), "MaxSizeAllowed": strconv.Itoa(maxMetadata)}
	return e
}

func (o *object) metadata() map[string]string {
	out := map[string]string{}
	for k, v := range o.headers {
		if name, ok := strings.CutPrefix(k, metadataPrefix); ok {
			out[name] = v
		}
	}
	return out
}

// shown is a header of an object in answers: metadata that is not ASCII is encoded.
// Which of the two encodings S3 takes is not documented.
func shown(name, value string) string {
	if strings.HasPrefix(name, metadataPrefix) {
		return mime.BEncoding.Encode("UTF-8", value)
	}
	return value
}

// withoutChunked leaves in a Content-Encoding what the object itself has: S3 stores it
// without the word of its own protocol; see "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks".
func withoutChunked(values []string) string {
	var rest []string
	for word := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if word = strings.TrimSpace(word); word != "" && !strings.EqualFold(word, "aws-chunked") {
			rest = append(rest, word)
		}
	}
	return strings.Join(rest, ",")
}
