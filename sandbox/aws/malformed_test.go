package aws_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// Well signed, and yet not a request of any service.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	const noVersion = "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED"
	for name, test := range map[string]struct {
		service string
		change  func(*awstest.Call)
		want    awstest.Refusal
	}{
		"no version": {"sts", func(c *awstest.Call) { c.Body = "Action=GetCallerIdentity" }, awstest.Refused(400, "InvalidAction", noVersion)},
		"parameter twice": {"sts", func(c *awstest.Call) { c.Body += "&Action=AssumeRole" },
			awstest.Refused(400, "MalformedQueryString", "The parameter Action is given more than once")},
		"parameter in query and form": {"sts", func(c *awstest.Call) { c.Path = "/?Version=2011-06-15" },
			awstest.Refused(400, "MalformedQueryString", "The parameter Version is given more than once")},
		"query method":  {"sts", func(c *awstest.Call) { c.Method = "PUT" }, awstest.Refused(404, "UnknownOperationException", "There is no operation PUT /.")},
		"query path":    {"sts", func(c *awstest.Call) { c.Path = "/foo" }, awstest.Refused(404, "UnknownOperationException", "There is no operation POST /foo.")},
		"query type":    {"sts", func(c *awstest.Call) { c.Header.Set("Content-Type", "text/plain") }, awstest.Refused(400, "MissingAction", "Request is missing the Action parameter")},
		"json method":   {"ssm", func(c *awstest.Call) { c.Method, c.Body = "GET", "" }, awstest.Refused(404, "UnknownOperationException", "There is no operation GET /.")},
		"json path":     {"ssm", func(c *awstest.Call) { c.Path = "/foo" }, awstest.Refused(404, "UnknownOperationException", "There is no operation POST /foo.")},
		"json type":     {"ssm", func(c *awstest.Call) { c.Header.Set("Content-Type", "application/json") }, awstest.Refused(404, "UnknownOperationException", "There is no operation POST /.")},
		"two documents": {"ssm", func(c *awstest.Call) { c.Body = "{}{}" }, awstest.Refused(400, "SerializationException", "something follows the document")},
		"a list":        {"ssm", func(c *awstest.Call) { c.Body = "[]" }, awstest.Refused(400, "SerializationException", "json: cannot unmarshal array into Go value of type ssm.describeInput")},
		"s3 method":     {"s3", func(c *awstest.Call) { c.Method = "PATCH" }, awstest.Refused(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")},
	} {
		call := protocols(s.Admin())[test.service]
		test.change(&call)
		status, body := s.Do(t, call)
		if diff := cmp.Diff(test.want, refusal(t, status, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Who does not sign is answered in the protocol of what the path looks like.
func TestUnsignedLambdaRequest(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	response, err := http.Get(s.URL + "/2015-03-31/functions")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if got, want := response.Header.Get("X-Amzn-Errortype"), "MissingAuthenticationTokenException"; response.StatusCode != http.StatusForbidden || got != want {
		t.Errorf("got %d %s, want 403 %s", response.StatusCode, got, want)
	}
}

// A client that stops within its body does not hold the server.
func TestBodyThatStops(t *testing.T) {
	t.Parallel()
	cloud, err := aws.New(aws.Options{Account: awstest.Account, Region: awstest.Region, Dir: t.TempDir(), BodyIdle: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cloud)
	t.Cleanup(func() {
		server.Close()
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &awstest.Server{Cloud: cloud, URL: server.URL}
	if status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/bucket"}); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	r := s.Request(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/bucket/key", Body: "ten bytes.", PayloadHash: "UNSIGNED-PAYLOAD"})
	stop, rest := io.Pipe()
	t.Cleanup(func() { _ = rest.Close() })
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r.Body, 3), stop), stop}
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	go func() { _ = r.Write(connection) }() // ends when the pipe does
	response, err := http.ReadResponse(bufio.NewReader(connection), r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := awstest.Refused(400, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
	if diff := cmp.Diff(want, refusal(t, response.StatusCode, string(body))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
