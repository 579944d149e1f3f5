package aws_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/iam"
)

// refusal reads an error answer of any protocol.
func refusal(t *testing.T, status int, body string) awstest.Refusal {
	t.Helper()
	if strings.HasPrefix(body, "{") {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		return awstest.Refusal{Status: status, Code: e.Type, Message: e.Message}
	}
	var e struct {
		Code    string
		Message string
		Error   struct {
			Code    string
			Message string
		}
	}
	if err := xml.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("reading %q: %v", body, err)
	}
	return awstest.Refusal{Status: status, Code: e.Code + e.Error.Code, Message: e.Message + e.Error.Message}
}

// protocols are one request of each wire protocol, since each has its own names for
// what is wrong with a signature.
func protocols(c api.Credentials) map[string]awstest.Call {
	return map[string]awstest.Call{
		"sts": {
			Credentials: c, Service: "sts", Method: "POST", Path: "/",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: "Action=GetCallerIdentity&Version=2011-06-15",
		},
		"ssm": {
			Credentials: c, Service: "ssm", Method: "POST", Path: "/", Body: `{}`,
			Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM.DescribeParameters"}},
		},
		"s3": {Credentials: c, Service: "s3", Method: "GET", Path: "/"},
	}
}

func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	const (
		tokenInvalid = "The security token included in the request is invalid."
		noMatch      = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
		noMatchS3    = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
		twice        = "The request has 2 Authorization headers."
		noKeyS3      = "The AWS Access Key Id you provided does not exist in our records."
	)
	type want map[string]awstest.Refusal
	for name, c := range map[string]struct {
		change func(*awstest.Call, *awstest.Server)
		want   want
		prefix bool // the message begins so
	}{
		"tampered signature": {
			change: func(c *awstest.Call, _ *awstest.Server) {
				c.Tamper = func(r *http.Request) {
					h := r.Header.Get("Authorization")
					last := "0"
					if strings.HasSuffix(h, last) {
						last = "1"
					}
					r.Header.Set("Authorization", h[:len(h)-1]+last)
				}
			},
			want: want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", noMatch), "ssm": awstest.Refused(400, "InvalidSignatureException", noMatch), "s3": awstest.Refused(403, "SignatureDoesNotMatch", noMatchS3)},
		},
		"tampered query": {
			change: func(c *awstest.Call, _ *awstest.Server) {
				c.Tamper = func(r *http.Request) { r.URL.RawQuery = "prefix=x" }
			},
			want: want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", noMatch), "ssm": awstest.Refused(400, "InvalidSignatureException", noMatch), "s3": awstest.Refused(403, "SignatureDoesNotMatch", noMatchS3)},
		},
		"wrong secret": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.Credentials.SecretAccessKey += "x" },
			want:   want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", noMatch), "ssm": awstest.Refused(400, "InvalidSignatureException", noMatch), "s3": awstest.Refused(403, "SignatureDoesNotMatch", noMatchS3)},
		},
		"unknown key": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.Credentials.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" },
			want:   want{"sts": awstest.Refused(403, "InvalidClientTokenId", tokenInvalid), "ssm": awstest.Refused(400, "UnrecognizedClientException", tokenInvalid), "s3": awstest.Refused(403, "InvalidAccessKeyId", noKeyS3)},
		},
		"token that is not asked for": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.Credentials.SessionToken = "made up" },
			want: want{"sts": awstest.Refused(403, "InvalidClientTokenId", tokenInvalid), "ssm": awstest.Refused(400, "UnrecognizedClientException", tokenInvalid),
				"s3": awstest.Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")},
		},
		"stale date": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.At = time.Now().Add(-16 * time.Minute) },
			want: want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", "Signature expired: "), "ssm": awstest.Refused(400, "InvalidSignatureException", "Signature expired: "),
				"s3": awstest.Refused(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")},
			prefix: true,
		},
		"date to come": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.At = time.Now().Add(16 * time.Minute) },
			want: want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", "Signature not yet current: "), "ssm": awstest.Refused(400, "InvalidSignatureException", "Signature not yet current: "),
				"s3": awstest.Refused(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")},
			prefix: true,
		},
		"other region": {
			change: func(c *awstest.Call, _ *awstest.Server) { c.Region = "eu-nowhere-1" },
			want: want{"sts": awstest.Refused(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. "), "ssm": awstest.Refused(400, "InvalidSignatureException", "Credential should be scoped to a valid region. "),
				"s3": awstest.Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'eu-nowhere-1' is wrong; expecting 'us-east-1'")},
		},
		"region that the account has not enabled": { // aws/aws-sdk-ruby#2850; of the other services as believed
			change: func(c *awstest.Call, _ *awstest.Server) {
				if c.Service != "s3" {
					c.Region = "eu-south-1"
				}
			},
			want: want{"sts": awstest.Refused(403, "InvalidClientTokenId", tokenInvalid), "ssm": awstest.Refused(400, "UnrecognizedClientException", tokenInvalid),
				"s3": awstest.Refusal{Status: 200}},
		},
		"two authorizations": {
			change: func(c *awstest.Call, _ *awstest.Server) {
				c.Tamper = func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }
			},
			want: want{"sts": awstest.Refused(400, "IncompleteSignature", twice), "ssm": awstest.Refused(400, "IncompleteSignatureException", twice),
				"s3": awstest.Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; "+twice)},
		},
		"no signature": {
			change: func(c *awstest.Call, _ *awstest.Server) {
				c.Tamper = func(r *http.Request) { r.Header.Del("Authorization") }
			},
			want: want{"sts": awstest.Refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token"), "ssm": awstest.Refused(400, "MissingAuthenticationTokenException", "Missing Authentication Token"),
				"s3": awstest.Refused(403, "AccessDenied", "Access Denied")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := awstest.Start(t)
			for service, call := range protocols(s.Admin()) {
				c.change(&call, s)
				status, body := s.Do(t, call)
				got, want := refusal(t, status, body), c.want[service]
				if c.prefix && strings.HasPrefix(got.Message, want.Message) {
					got.Message = want.Message
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", service, diff)
				}
			}
		})
	}
}

// session opens a session of a fresh role that may do everything.
func session(t *testing.T, s *awstest.Server, d time.Duration) api.Credentials {
	t.Helper()
	return awstest.Session(t, s, "worker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, d)
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := session(t, s, 15*time.Minute)
	for service, call := range protocols(c) {
		if status, body := s.Do(t, call); status != http.StatusOK {
			t.Errorf("%s before: got %d %s", service, status, body)
		}
	}
	s.Advance(15*time.Minute + time.Second)
	for service, want := range map[string]awstest.Refusal{
		"sts": {Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"},
		"ssm": {Status: 400, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"},
		"s3":  {Status: 400, Code: "ExpiredToken", Message: "The provided token has expired."},
	} {
		call := protocols(c)[service]
		call.At = s.Now()
		status, body := s.Do(t, call)
		if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
			t.Errorf("%s after (-want +got):\n%s", service, diff)
		}
	}
}

func TestSessionNeedsItsToken(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := session(t, s, time.Hour)
	c.SessionToken = ""
	want := awstest.Refusal{Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."}
	status, body := s.Do(t, protocols(c)["sts"])
	if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The form in which Google's clients sign GetCallerIdentity for Google to send:
// for the real host, with the action in the query and an empty body.
func TestForwardedGetCallerIdentity(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	call := awstest.Call{
		Credentials: session(t, s, time.Hour), Service: "sts", Region: "eu-west-1", Host: "sts.eu-west-1.amazonaws.com",
		Method: "POST", Path: "/?Action=GetCallerIdentity&Version=2011-06-15",
		Header: http.Header{"X-Goog-Cloud-Target-Resource": {"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"}},
	}
	arn := iam.SessionARN(awstest.Account, "worker", "session")
	status, body := s.Do(t, call)
	if status != http.StatusOK || !strings.Contains(body, "<Arn>"+arn+"</Arn>") {
		t.Errorf("got %d %s, want %s", status, body, arn)
	}
	call.Header.Set("Accept", "application/json")
	var answer struct {
		GetCallerIdentityResponse struct {
			GetCallerIdentityResult struct{ Arn, Account, UserID string }
		}
	}
	if _, body := s.Do(t, call); json.Unmarshal([]byte(body), &answer) != nil || answer.GetCallerIdentityResponse.GetCallerIdentityResult.Arn != arn {
		t.Errorf("json: got %s", body)
	}
	who, err := s.Identify(s.Request(t, call))
	if err != nil || who.ARN != arn {
		t.Errorf("identify: got %v (%v), want %s", who, err, arn)
	}
	call.Tamper = func(r *http.Request) { r.Header.Set("X-Goog-Cloud-Target-Resource", "//other") }
	if _, err := s.Identify(s.Request(t, call)); err == nil {
		t.Error("a changed signed header was accepted")
	}
	call.Header.Del("Accept")
	call.Tamper, call.Region = nil, "us-east-1"
	status, body = s.Do(t, call)
	want := awstest.Refusal{Status: 403, Code: "SignatureDoesNotMatch", Message: "Credential should be scoped to a valid region. "}
	if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
		t.Errorf("other region's host (-want +got):\n%s", diff)
	}
	call.Region, call.Service = "eu-west-1", "iam"
	status, body = s.Do(t, call)
	want.Message = "Credential should be scoped to correct service: 'sts'. "
	if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
		t.Errorf("other service's scope (-want +got):\n%s", diff)
	}
}

func TestUnknownOperations(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	for service, c := range map[string]struct {
		change func(*awstest.Call)
		want   awstest.Refusal
	}{
		"sts": {func(c *awstest.Call) { c.Body = "Action=DecodeAuthorizationMessage&Version=2011-06-15" },
			awstest.Refusal{Status: 400, Code: "InvalidAction", Message: "The local AWS does not model the operation DecodeAuthorizationMessage."}},
		"ssm": {func(c *awstest.Call) { c.Header.Set("X-Amz-Target", "AmazonSSM.SendCommand") },
			awstest.Refusal{Status: 400, Code: "UnknownOperationException", Message: "The local AWS does not model the operation AmazonSSM.SendCommand."}},
		"s3": {func(c *awstest.Call) { c.Path = "/bucket?website" },
			awstest.Refusal{Status: 501, Code: "NotImplemented", Message: "The local AWS does not model the parameter website."}},
	} {
		call := protocols(s.Admin())[service]
		c.change(&call)
		status, body := s.Do(t, call)
		if diff := cmp.Diff(c.want, refusal(t, status, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
	call := protocols(s.Admin())["sts"]
	call.Service = "dynamodb"
	status, body := s.Do(t, call)
	want := awstest.Refusal{Status: 501, Code: "NotImplemented", Message: "The local AWS does not model the service dynamodb."}
	if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
	call = protocols(s.Admin())["sts"]
	call.Body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=s1&SourceIdentity=me"
	status, body = s.Do(t, call)
	want.Message = "The local AWS does not model the parameter SourceIdentity."
	if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" {
		t.Errorf("parameter (-want +got):\n%s", diff)
	}
}

func TestJournalTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := awstest.Session(t, s, "reader", `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"ssm:GetParameter","Resource":"*"}]}`, time.Hour)
	before := s.Journal.Position()
	call := protocols(c)["ssm"]
	if status, _ := s.Do(t, call); status != http.StatusBadRequest {
		t.Errorf("got %d, want 400", status)
	}
	entries := s.Journal.Since(before)
	if len(entries) != 1 {
		t.Fatalf("got %d entries, want 1", len(entries))
	}
	e := entries[0]
	got := fmt.Sprint(e.Cloud, " ", e.Service, " ", e.Operation, " ", e.Principal, " ", e.Status, " ", e.Code, " ", e.Decisions)
	want := "aws ssm DescribeParameters arn:aws:sts::111122223333:assumed-role/reader/session 400 AccessDeniedException " +
		"[{ssm:DescribeParameters arn:aws:ssm:us-east-1:111122223333:* false because no identity-based policy allows the ssm:DescribeParameters action}]"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.RequestID == "" || e.Time.IsZero() {
		t.Errorf("got request id %q at %v", e.RequestID, e.Time)
	}
}
