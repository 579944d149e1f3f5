package api

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// XML is REST with XML, as S3 speaks it: method, path and query name the operation,
// and operations write their own answers.
type XML struct {
	// Find names the operation of a request.
	Find func(*Request) (string, error)
}

func (p XML) operation(r *Request) (string, error) {
	h := r.Writer.Header()
	h.Set("x-amz-request-id", r.ID)
	h.Set("x-amz-id-2", r.ID)
	h.Set("Server", "AmazonS3")
	return p.Find(r)
}

func (p XML) unknown(_ *Request, operation string) *Error {
	return notModelled(http.StatusNotImplemented, "NotImplemented", "operation", operation)
}

func (p XML) decode(r *Request, in any) error { return xml.NewDecoder(r.Body).Decode(in) }

func (p XML) write(w http.ResponseWriter, r *Request, _ string, result any) {
	body, err := xml.Marshal(result)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	write(w, r, http.StatusOK, "application/xml", append([]byte(xml.Header), body...))
}

// writeError writes S3's <Error>, with the error's further members in it.
func (p XML) writeError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	if e.Code == "InternalFailure" {
		e.Code = "InternalError"
	}
	r.Entry.Code = e.Code
	if r.Method == http.MethodHead || e.Status == http.StatusNotModified {
		// S3 answers HEAD without a body, so a client sees only the status.
		write(w, r, e.Status, "application/xml", nil)
		return
	}
	document := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message Text
		Members []member
		Request string `xml:"RequestId"`
		Host    string `xml:"HostId"`
	}{Code: e.Code, Message: Text(e.Message), Request: r.ID, Host: r.ID}
	for _, k := range sortedKeys(e.Members) {
		document.Members = append(document.Members, member{k, Text(e.Members[k])})
	}
	body, err := xml.Marshal(document)
	if err != nil {
		body = nil // only strings are marshalled, so this does not happen
	}
	write(w, r, e.Status, "application/xml", append([]byte(xml.Header), body...))
}

// member is a further member of an error.
type member struct {
	name  string
	value Text
}

// MarshalXML writes the member under its name.
func (m member) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(m.value, xml.StartElement{Name: xml.Name{Local: m.name}})
}

// Text is text in a document of S3's, which writes characters that XML 1.0 does not
// have as references, &#x7; for example: boto/botocore, issue 3496.
type Text string

// MarshalXML writes the text as an element.
func (t Text) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct {
		Inner string `xml:",innerxml"`
	}{t.escaped()}, start)
}

func (t Text) escaped() string {
	var out bytes.Buffer
	rest := string(t)
	for {
		at := strings.IndexFunc(rest, unwritable)
		if at < 0 {
			break
		}
		_ = xml.EscapeText(&out, []byte(rest[:at])) // a bytes.Buffer does not fail
		fmt.Fprintf(&out, "&#x%x;", rest[at])
		rest = rest[at+1:]
	}
	_ = xml.EscapeText(&out, []byte(rest))
	return out.String()
}

// unwritable reports whether XML 1.0 does not have a control character.
func unwritable(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }
