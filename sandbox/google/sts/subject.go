package sts

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// subject is the subject token of AWS: a request as its client would send it
// (Google Cloud documentation, "Configure Workload Identity Federation with AWS
// or Azure VMs", REST).
type subject struct {
	URL     string `json:"url"`
	Method  string `json:"method"`
	Body    string `json:"body"` // there is none to sign
	Headers []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"headers"`
}

// hostPattern admits AWS's STS and nothing else: a client chooses this URL.
var hostPattern = regexp.MustCompile(`^sts(\.[a-z]{2}(-[a-z]+)+-[0-9])?\.amazonaws\.com$`)

const targetHeader = "x-goog-cloud-target-resource"

// badFormat is what is answered to every request of another shape; the journal
// alone says what is wrong with it.
func badFormat(format string, args ...any) *Error {
	return &Error{Code: "invalid_grant", Description: "AWS request has invalid format.", cause: "(" + fmt.Sprintf(format, args...) + ".)"}
}

// badCredentials is what is answered to a subject token that is no JSON object, with the
// one description that was seen: googleapis/google-api-python-client, issue 1136.
func badCredentials(cause error) *Error {
	return &Error{
		Code: "invalid_grant", Description: "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'\n",
		cause: "(" + cause.Error() + ".)",
	}
}

// parse makes the request of a subject token, after holding it to the one shape
// that proves an identity to this audience and does nothing else.
func parse(token, audience string) (*http.Request, *Error) {
	text, err := url.QueryUnescape(token)
	if err != nil {
		return nil, badCredentials(err)
	}
	var in subject
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&in); err != nil {
		return nil, badCredentials(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, badFormat("something follows the request")
	}
	u, err := url.Parse(in.URL)
	if err != nil || u.Scheme != "https" || !hostPattern.MatchString(u.Host) || (u.Path != "" && u.Path != "/") || u.User != nil || u.Fragment != "" {
		return nil, badFormat("the URL %q is not that of AWS's STS, https://sts.REGION.amazonaws.com", in.URL)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query) != 2 || !only(query["Action"], "GetCallerIdentity") || !only(query["Version"], "2011-06-15") {
		return nil, badFormat("the query %q is not Action=GetCallerIdentity&Version=2011-06-15", u.RawQuery)
	}
	if in.Method != http.MethodPost || in.Body != "" {
		return nil, badFormat("the request is %s with a body of %d bytes, not POST without one", in.Method, len(in.Body))
	}
	header := http.Header{}
	for _, h := range in.Headers {
		if _, twice := header[http.CanonicalHeaderKey(h.Key)]; twice {
			return nil, badFormat("the header %s is there twice", h.Key) // which of the two was signed?
		}
		header.Set(h.Key, h.Value)
	}
	for _, required := range []string{"Authorization", "X-Amz-Date", "Host"} {
		if header.Get(required) == "" {
			return nil, badFormat("there is no header %s", required)
		}
	}
	if header.Get("Host") != u.Host {
		return nil, badFormat("the header Host is %q, not the URL's %q", header.Get("Host"), u.Host)
	}
	if header.Get(targetHeader) != audience {
		return nil, &Error{Code: "invalid_grant", Description: "The value of the header " + targetHeader + " must be the audience of the token exchange.", cause: fmt.Sprintf("(It is %q.)", header.Get(targetHeader))}
	}
	header.Del("Host")
	if u.Path == "" {
		u.Path = "/"
	}
	return &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: header, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

func only(values []string, want string) bool { return len(values) == 1 && values[0] == want }

// identity is AWS's answer to GetCallerIdentity.
type identity struct {
	account, arn, userID string
}

const maxAnswer = 64 << 10 // bytes

func readIdentity(resp *http.Response) (identity, *Error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return identity{}, &Error{Code: "invalid_grant", Description: "Error reading the answer of AWS: " + err.Error()}
	}
	if resp.StatusCode != http.StatusOK {
		var failure struct {
			Error struct{ Code, Message string }
		}
		if err := xml.Unmarshal(data, &failure); err != nil || failure.Error.Code == "" {
			return identity{}, &Error{Code: "invalid_grant", Description: "Received invalid AWS response."}
		}
		return identity{}, &Error{Code: "invalid_grant", Description: "Received invalid AWS response of type " + failure.Error.Code + " with error message: " + failure.Error.Message}
	}
	var answer struct {
		Result struct {
			Account, Arn string
			UserID       string `xml:"UserId"`
		} `xml:"GetCallerIdentityResult"`
	}
	if err := xml.Unmarshal(data, &answer); err != nil || answer.Result.Arn == "" {
		return identity{}, &Error{Code: "invalid_grant", Description: "Received invalid AWS response."}
	}
	return identity{answer.Result.Account, answer.Result.Arn, answer.Result.UserID}, nil
}
