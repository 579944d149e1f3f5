package sigv4

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// TestS3 holds what S3 refuses, its members, and which of two faults it names, to
// brekkylab/backlot, backlot/auth.py, measured on the service on 2026-09-29.
func TestS3(t *testing.T) {
	t.Parallel()
	type change = func(*http.Request)
	const day = "20250601"
	header := func(old, with string) change {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	query := func(old, with string) change {
		return func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, old, with, 1) }
	}
	set := func(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
	key, otherKey := header(fuzzID, "AKIAOTHER"), query(fuzzID, "AKIAOTHER")
	const malformed, parameters, parsing = "AuthorizationHeaderMalformed: The authorization header is malformed; ", "AuthorizationQueryParametersError: ", "Error parsing the X-Amz-Credential parameter; "
	const six = parameters + "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	type members map[string]string
	for _, tt := range []struct {
		name      string
		presigned bool
		later     time.Duration
		changes   []change
		want      string
		members   members
	}{
		{name: "a garbled date in the scope", changes: []change{header("/"+day+"/", "/2025-06-01/"), key}, want: malformed + `incorrect date format "2025-06-01". This date in the credential must be in the format "yyyyMMdd".`},
		{name: "no region", changes: []change{header("/us-east-1/", "//")}, want: malformed + "a non-empty region must be provided in the credential."},
		{name: "another region and key", changes: []change{header("/us-east-1/", "/eu-west-1/"), key}, want: malformed + "the region 'eu-west-1' is wrong; expecting 'us-east-1'", members: members{"Region": "us-east-1"}},
		{name: "another service", changes: []change{header("/s3/", "/ec2/")}, want: malformed + `incorrect service "ec2". This endpoint belongs to "s3".`},
		{name: "another end", changes: []change{header("aws4_request", "aws4")}, want: malformed + `incorrect terminal "aws4". This endpoint uses "aws4_request".`},
		{name: "a part too few", changes: []change{header("/us-east-1/", "/")}, want: malformed + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`},
		{name: "no signature", changes: []change{header("Signature=", "Other=")}, want: malformed + "the authorization header requires three components: Credential, SignedHeaders, and Signature."},
		{name: "another day and key", changes: []change{header("/"+day+"/", "/20250531/"), key}, want: malformed + "Invalid credential date. Date is not the same as X-Amz-Date."},
		{name: "late, of another region and key", later: 16 * time.Minute, changes: []change{header("/us-east-1/", "/eu-west-1/"), key}, want: "RequestTimeTooSkewed: The difference between the request time and the current time is too large.",
			members: members{"RequestTime": "20250601T120000Z", "ServerTime": "2025-06-01T12:16:00Z", "MaxAllowedSkewMilliseconds": "900000"}},
		{name: "a garbled hash, late", later: 16 * time.Minute, changes: []change{set(contentHash, "x")}, want: "InvalidArgument: x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
			members: members{"ArgumentName": "x-amz-content-sha256", "ArgumentValue": "x"}},
		{name: "a garbled date", changes: []change{set("X-Amz-Date", "2025-06-01"), key}, want: "AccessDenied: AWS authentication requires a valid Date or x-amz-date header"},
		{name: "headers that are not signed, and another key", changes: []change{set("X-Amz-Acl", "private"), set("Content-Md5", "x"), key}, want: "AccessDenied: There were headers present in the request which were not signed",
			members: members{"HeadersNotSigned": "content-md5, x-amz-acl"}},
		{name: "another key and signature", changes: []change{key}, want: "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.", members: members{"AWSAccessKeyId": "AKIAOTHER"}},
		{name: "another scheme", changes: []change{set("Authorization", "Bearer x")}, want: "InvalidArgument: Unsupported Authorization Type", members: members{"ArgumentName": "Authorization", "ArgumentValue": "Bearer x"}},
		{name: "a blank before the key", changes: []change{header("Credential=", "Credential= ")}, want: "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.", members: members{"AWSAccessKeyId": " " + fuzzID}}, // believed

		{name: "presigned, another algorithm", presigned: true, changes: []change{query("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), query("X-Amz-Date", "Y")}, want: parameters + `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`},
		{name: "presigned, no credential", presigned: true, changes: []change{query("X-Amz-Credential", "Y")}, want: six},
		{name: "presigned, no signature", presigned: true, changes: []change{query("X-Amz-Signature=", "Y=")}, want: six},
		{name: "presigned, no date", presigned: true, changes: []change{query("X-Amz-Date", "Y")}, want: six},
		{name: "presigned, no headers", presigned: true, changes: []change{query("X-Amz-SignedHeaders", "Y")}, want: six},
		{name: "presigned, no lifetime", presigned: true, changes: []change{query("X-Amz-Expires", "Y")}, want: six},
		{name: "presigned, a date of another form", presigned: true, changes: []change{query("X-Amz-Date="+day+"T", "X-Amz-Date="+day+"-")}, want: parameters + `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`},
		{name: "presigned, a lifetime that is none", presigned: true, changes: []change{query("X-Amz-Expires=60", "X-Amz-Expires=1h")}, want: parameters + "X-Amz-Expires should be a number"},
		{name: "presigned, of another region", presigned: true, changes: []change{query("us-east-1", "eu-west-1"), otherKey}, want: parameters + parsing + "the region 'eu-west-1' is wrong; expecting 'us-east-1'", members: members{"Region": "us-east-1"}},
		{name: "presigned, of another service", presigned: true, changes: []change{query("%2Fs3%2F", "%2Fec2%2F")}, want: parameters + parsing + `incorrect service "ec2". This endpoint belongs to "s3".`},
		{name: "presigned, of another day", presigned: true, changes: []change{query(day+"%2F", "20250531%2F"), otherKey}, want: parameters + `Invalid credential date "20250531". This date is not the same as X-Amz-Date: "20250601".`},
		{name: "presigned, over, of another region and key", presigned: true, later: 61 * time.Second, changes: []change{query("us-east-1", "eu-west-1"), otherKey}, want: "AccessDenied: Request has expired",
			members: members{"X-Amz-Expires": "60", "Expires": "2025-06-01T12:01:00Z", "ServerTime": "2025-06-01T12:01:01Z"}},
		{name: "presigned, to come", presigned: true, later: -16 * time.Minute, changes: []change{otherKey}, want: "AccessDenied: Request is not yet valid",
			members: members{"X-Amz-Date": "1748779200000", "Expires": "2025-06-01T12:01:00Z", "ServerTime": "2025-06-01T11:44:00Z"}},
		{name: "presigned, and a header", presigned: true, changes: []change{set("Authorization", "x")}, want: "InvalidArgument: Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
			members: members{"ArgumentName": "Authorization", "ArgumentValue": "x"}},
		{name: "presigned", presigned: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(http.MethodGet, "http://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Expires=60", nil)
			if err != nil {
				t.Fatal(err)
			}
			credentials := sdk.Credentials{AccessKeyID: fuzzID, SecretAccessKey: fuzzSecret}
			signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
			if tt.presigned {
				address, _, err := signer.PresignHTTP(context.Background(), credentials, r, unsignedPayload, "s3", "us-east-1", signedAt)
				if err != nil {
					t.Fatal(err)
				}
				if r, err = http.NewRequest(http.MethodGet, address, nil); err != nil {
					t.Fatal(err)
				}
			} else {
				r.URL.RawQuery = ""
				r.Header.Set(contentHash, emptyHash)
				if err := signer.SignHTTP(context.Background(), credentials, r, emptyHash, "s3", "us-east-1", signedAt); err != nil {
					t.Fatal(err)
				}
			}
			for _, change := range tt.changes {
				change(r)
			}
			v := fuzzVerifier()
			v.Now = func() time.Time { return signedAt.Add(tt.later) }
			v.Region = func(_, region string) (string, bool) { return "us-east-1", region == "us-east-1" }
			_, err = v.Verify(&api.Request{Request: r, Entry: &journal.Entry{}})
			var refused *api.Error
			switch {
			case tt.want == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &refused):
				t.Errorf("got %v, want %s", err, tt.want)
			default:
				if got := refused.Code + ": " + refused.Message; got != tt.want {
					t.Errorf("got\n%s\nwant\n%s", got, tt.want)
				}
				if diff := cmp.Diff(map[string]string(tt.members), refused.Members); diff != "" {
					t.Errorf("members (-want +got):\n%s", diff)
				}
			}
		})
	}
}
