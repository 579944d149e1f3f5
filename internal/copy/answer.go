package copy

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxAnswer is the most that is read of a response other than an object, in bytes.
const maxAnswer = 1 << 20

// AnswerError is an error response from a cloud: Cloud Storage documentation,
// "HTTP status and error codes for XML"; Amazon S3 API Reference, "Error
// responses"; and the JSON of Google's token services.
type AnswerError struct {
	Service    string
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration
	Region     string // of S3: where the bucket is, if that is another region than the request's
}

func (e *AnswerError) Error() string {
	text := strings.TrimSuffix(fmt.Sprintf("%s answered %d %s: %s", e.Service, e.Status, e.Code, e.Message), ": ")
	if e.Region != "" {
		text += fmt.Sprintf(
			"; the bucket is in %s, and the function cannot write to another region; hint: use a bucket in the function's region, or deploy the environment in %[1]s",
			e.Region,
		)
	}
	return text
}

// answerError parses an error response. It keeps hide, which the server may have
// echoed, out of the error's text.
func answerError(service string, resp *http.Response, body []byte, hide secrets) *AnswerError {
	e := &AnswerError{Service: service, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	var document struct {
		Code, Message, Details string
	}
	var status struct {
		Error       json.RawMessage
		Description string `json:"error_description"`
	}
	var details struct{ Status, Message string }
	switch {
	case parseXML(body, &document) == nil && document.Code != "":
		e.Code, e.Message = document.Code, strings.TrimSpace(document.Message+" "+document.Details)
	case json.Unmarshal(body, &status) == nil && json.Unmarshal(status.Error, &details) == nil && details.Message != "":
		e.Code, e.Message = details.Status, details.Message
	case json.Unmarshal(status.Error, &e.Code) == nil:
		e.Message = status.Description
	default:
		e.Code, e.Message = http.StatusText(resp.StatusCode), strings.TrimSpace(string(body[:min(len(body), 1000)]))
	}
	for _, header := range []string{"Authorization", "X-Amz-Security-Token"} {
		if value := resp.Request.Header.Get(header); value != "" {
			hide = append(slices.Clip(hide), value, value[strings.LastIndex(value, " ")+1:])
		}
	}
	e.Code, e.Message = hide.from(e.Code), hide.from(e.Message)
	return e
}

// readAnswer reads the body of a response other than an object.
func readAnswer(resp *http.Response) ([]byte, error) { return readUpTo(resp, maxAnswer) }

func readUpTo(resp *http.Response, most int64) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength == 0 {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, &brokenError{fmt.Errorf("reading the answer: %w", err)}
	}
	return body, nil
}

// Permanent reports whether the same request is answered so again.
func (e *AnswerError) Permanent() bool { return !e.transient() }

// is reports whether err is a response with this status and, if the response has a
// document, this code.
func is(err error, status int, code string) bool {
	var answer *AnswerError
	return errors.As(err, &answer) && answer.Status == status && answer.Code == code
}

// secrets are texts that no log and no error may contain.
type secrets []string

// newSecrets takes values as they are and as they appear in forms and URLs, where
// they may be escaped twice: a subject token is a form inside a form.
func newSecrets(values ...string) secrets {
	var s secrets
	for _, v := range values {
		for range 3 {
			if v != "" {
				s = append(s, v)
			}
			v = url.QueryEscape(v)
		}
	}
	return s
}

func (s secrets) from(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "[hidden]")
	}
	return text
}

// parseXML parses a document of S3's. Keys may have characters that XML does not allow;
// S3 writes them as references, which no parser takes (Amazon S3 User Guide, "Naming
// Amazon S3 objects"). They become U+FFFD: a key that must be exact is asked for in
// another encoding.
func parseXML(document []byte, into any) error {
	if xml.Unmarshal(document, into) == nil {
		return nil
	}
	document = bytes.Map(func(r rune) rune {
		if !isXML(r) {
			return utf8.RuneError
		}
		return r
	}, document)
	return xml.Unmarshal(reference.ReplaceAllFunc(document, func(text []byte) []byte {
		digits, base := text[2:len(text)-1], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		if n, err := strconv.ParseUint(string(digits), base, 32); err != nil || !isXML(rune(n)) {
			return []byte("\uFFFD")
		}
		return text
	}), into)
}

var reference = regexp.MustCompile(`&#(x[0-9A-Fa-f]+|[0-9]+);`)

// isXML reports whether a character may be in a document: XML 1.0, section 2.2.
func isXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}
