package denials

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
)

// Where AWS's answers were seen.
const (
	commonErrors  = "Common errors (AWS STS API Reference)"
	signingErrors = "Troubleshoot Signature Version 4 signing for AWS API requests (IAM User Guide)"
	s3Errors      = "Error responses (Amazon S3 API Reference)"
	measuredS3    = "brekkylab/backlot, backlot/auth.py, measured on the service on 2026-09-29"
	reported      = "public reports of this message"
)

// What AWS answers in more than one row.
const (
	noMatch      = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	noMatchS3    = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	invalidToken = "The security token included in the request is invalid."
	expiredToken = "The security token included in the request is expired"
	unknownKeyS3 = "The AWS Access Key Id you provided does not exist in our records."
)

// awsDenials are the rows of the AWS cloud.
func awsDenials() []denial {
	var rows []denial
	for _, part := range [][]denial{signatures(), presigned(), streams(), s3Denials(), iamDenials(), lambdaDenials(), operationDenials(), statesDenials()} {
		rows = append(rows, part...)
	}
	return rows
}

// protocolCalls are one call of each of AWS's wire protocols.
func protocolCalls() map[string]func(context.Context, aws.Config) error {
	return map[string]func(context.Context, aws.Config) error{
		"STS": func(ctx context.Context, c aws.Config) error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
			return err
		},
		"SSM": func(ctx context.Context, c aws.Config) error {
			_, err := ssm.NewFromConfig(c).DescribeParameters(ctx, nil)
			return err
		},
		"Lambda": func(ctx context.Context, c aws.Config) error {
			_, err := lambda.NewFromConfig(c).ListFunctions(ctx, nil)
			return err
		},
		"S3": func(ctx context.Context, c aws.Config) error {
			_, err := s3.NewFromConfig(c).ListBuckets(ctx, nil)
			return err
		},
	}
}

// signer says how a call's request is signed, and what becomes of it then.
type signer struct {
	creds           api.Credentials // empty are the administrator's
	service, region string          // of the scope, if not its own
	host            string          // if not the cloud's own
	at              time.Time       // if not now
	tamper          func(*http.Request)
}

// Do signs the SDK's request again where that is asked for, and sends it.
func (s signer) Do(r *http.Request) (*http.Response, error) {
	body, err := readAll(r)
	if err != nil {
		return nil, err
	}
	if s.service != "" || s.region != "" || !s.at.IsZero() {
		scope := strings.Split(r.Header.Get("Authorization"), "/")
		if s.host != "" {
			r.Host = s.host
		}
		if s.service == "" {
			s.service = scope[3]
		}
		if s.region == "" {
			s.region = scope[2]
		}
		if s.at.IsZero() {
			s.at = time.Now()
		}
		sum := sha256.Sum256(body)
		creds := aws.Credentials{AccessKeyID: s.creds.AccessKeyID, SecretAccessKey: s.creds.SecretAccessKey, SessionToken: s.creds.SessionToken}
		own := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }
		if err := v4.NewSigner(own).SignHTTP(r.Context(), creds, r, hex.EncodeToString(sum[:]), s.service, s.region, s.at); err != nil {
			return nil, err
		}
	}
	if s.tamper != nil {
		s.tamper(r)
	}
	return awshttp.Client().Do(r)
}

func readAll(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// config makes the SDK's clients sign so.
func (s signer) config(c *Clouds) aws.Config {
	if s.creds.AccessKeyID == "" {
		s.creds = c.Owner
	}
	cfg := c.Configure(s.creds)
	cfg.HTTPClient = s
	return cfg
}

// answer is what one service answers.
type answer struct {
	status              int
	code, message, from string
}

// everywhere are the rows of one case for the services of each protocol.
func everywhere(name string, set func(t *testing.T, c *Clouds) signer, answers map[string]answer) []denial {
	var rows []denial
	for _, service := range []string{"STS", "SSM", "Lambda", "S3"} {
		a, ok := answers[service]
		if !ok {
			continue
		}
		rows = append(rows, denial{"Signatures: " + service, name, func(t *testing.T, c *Clouds) error {
			return protocolCalls()[service](t.Context(), set(t, c).config(c))
		}, a.status, a.code, a.message, a.from})
	}
	return rows
}

// accessKeyID is a long-lived one.
var accessKeyID = regexp.MustCompile(`AKIA[A-Z0-9]{16}`)

// signatures are what is wrong with a signature in the header, whoever is called.
func signatures() []denial {
	tampered := func(change func(*http.Request)) func(*testing.T, *Clouds) signer {
		return func(*testing.T, *Clouds) signer { return signer{tamper: change} }
	}
	session := func(change func(*api.Credentials)) func(*testing.T, *Clouds) signer {
		return func(t *testing.T, c *Clouds) signer {
			creds := c.Session(t, c.Names.Role)
			change(&creds)
			return signer{creds: creds}
		}
	}
	later := func(d time.Duration) func(*testing.T, *Clouds) signer {
		return func(_ *testing.T, c *Clouds) signer { return signer{at: c.Now().Add(-d)} }
	}
	refused := map[string]answer{
		"STS": {403, "SignatureDoesNotMatch", noMatch, signingErrors}, "SSM": {400, "InvalidSignatureException", noMatch, signingErrors},
		"Lambda": {403, "InvalidSignatureException", noMatch, signingErrors}, "S3": {403, "SignatureDoesNotMatch", noMatchS3, s3Errors},
	}
	unknown := map[string]answer{
		"STS": {403, "InvalidClientTokenId", invalidToken, commonErrors}, "SSM": {400, "UnrecognizedClientException", invalidToken, commonErrors},
		"Lambda": {403, "UnrecognizedClientException", invalidToken, commonErrors}, "S3": {403, "InvalidAccessKeyId", unknownKeyS3, s3Errors},
	}
	otherToken := map[string]answer{
		"STS": unknown["STS"], "SSM": unknown["SSM"], "Lambda": unknown["Lambda"],
		"S3": {400, "InvalidToken", "The provided token is malformed or otherwise invalid.", s3Errors},
	}
	const past, ahead = "Signature expired: … is now earlier than … (… - 15 min.)", "Signature not yet current: … is still later than … (… + 15 min.)"
	skew := func(message string) map[string]answer {
		return map[string]answer{
			"STS": {403, "SignatureDoesNotMatch", message, signingErrors}, "SSM": {400, "InvalidSignatureException", message, signingErrors},
			"Lambda": {403, "InvalidSignatureException", message, signingErrors},
			"S3":     {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", s3Errors},
		}
	}
	const region = "Credential should be scoped to a valid region. "
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	blank := func(before, after string) func(*http.Request) { // as a key that was copied with one is sent
		return func(r *http.Request) {
			key := accessKeyID.FindString(r.Header.Get("Authorization"))
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), key, before+key+after, 1))
		}
	}
	var rows []denial
	for _, part := range [][]denial{
		everywhere("a tampered signature", tampered(func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-64]+strings.Repeat("0", 64))
		}), refused),
		everywhere("another secret", func(_ *testing.T, c *Clouds) signer {
			creds := c.Owner
			creds.SecretAccessKey = strings.ToLower(creds.SecretAccessKey)
			return signer{creds: creds}
		}, refused),
		everywhere("another query", tampered(func(r *http.Request) { r.URL.RawQuery = "max-buckets=1" }), refused),
		everywhere("a signed header twice", tampered(func(r *http.Request) { r.Header.Add("X-Amz-Date", r.Header.Get("X-Amz-Date")) }), refused),
		everywhere("a signed header changed", tampered(set("Amz-Sdk-Invocation-Id", "other")), refused),
		everywhere("another body", tampered(func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("Action=GetCallerIdentity&Version=2011-06-14")), 43
		}), map[string]answer{"STS": refused["STS"], "SSM": refused["SSM"]}),
		everywhere("a signed header that is absent", tampered(func(r *http.Request) { r.Header.Del("Amz-Sdk-Invocation-Id") }), refused),
		everywhere("two Authorization headers", tampered(func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }), map[string]answer{
			"STS": {400, "IncompleteSignature", "The request has 2 Authorization headers.", believed},
			"S3":  {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; The request has 2 Authorization headers.", believed},
		}),
		everywhere("no signature", tampered(func(r *http.Request) { r.Header.Del("Authorization") }), map[string]answer{
			"STS": {403, "MissingAuthenticationToken", "Request is missing Authentication Token", commonErrors}, "SSM": {400, "MissingAuthenticationTokenException", "Missing Authentication Token", commonErrors},
			"Lambda": {403, "MissingAuthenticationTokenException", "Missing Authentication Token", commonErrors}, "S3": {403, "AccessDenied", "Access Denied", s3Errors},
		}),
		everywhere("an unknown key", func(_ *testing.T, c *Clouds) signer {
			creds := c.Owner
			creds.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
			return signer{creds: creds}
		}, unknown),
		everywhere("no session token", session(func(c *api.Credentials) { c.SessionToken = "" }), unknown),
		everywhere("another session token", session(func(c *api.Credentials) { c.SessionToken = strings.ToLower(c.SessionToken) }), otherToken),
		everywhere("an expired session", func(t *testing.T, c *Clouds) signer {
			s := signer{creds: c.Session(t, c.Names.Role)}
			c.Advance(time.Hour + time.Minute)
			s.at = c.Now()
			return s
		}, map[string]answer{
			"STS": {403, "ExpiredToken", expiredToken, commonErrors}, "SSM": {400, "ExpiredTokenException", expiredToken, commonErrors},
			"Lambda": {403, "ExpiredTokenException", expiredToken, commonErrors}, "S3": {400, "ExpiredToken", "The provided token has expired.", s3Errors},
		}),
		everywhere("signed 16 minutes ago", later(16*time.Minute), skew(past)),
		everywhere("signed 16 minutes ahead", later(-16*time.Minute), skew(ahead)),
		everywhere("a scope of another region", func(*testing.T, *Clouds) signer { return signer{region: "eu-nowhere-1"} }, map[string]answer{
			"STS": {403, "SignatureDoesNotMatch", region, reported}, "SSM": {400, "InvalidSignatureException", region, reported},
			"Lambda": {403, "InvalidSignatureException", region, reported},
			"S3":     {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'eu-nowhere-1' is wrong; expecting 'ap-northeast-1'", measuredS3},
		}),
		everywhere("a scope of a region that the account has not enabled",
			func(*testing.T, *Clouds) signer { return signer{region: "eu-south-1"} }, map[string]answer{
				"STS": {403, "InvalidClientTokenId", invalidToken, reported}, "SSM": {400, "UnrecognizedClientException", invalidToken, reported},
				"Lambda": {403, "UnrecognizedClientException", invalidToken, reported},
			}),
		everywhere("a scope of another service, for AWS's own host", func(_ *testing.T, c *Clouds) signer {
			return signer{service: "iam", host: "sts." + c.Names.Region + ".amazonaws.com"}
		}, map[string]answer{"STS": {403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. ", signingErrors}}),
		everywhere("a scope of another day", tampered(func(r *http.Request) {
			h := r.Header.Get("Authorization")
			day := "/" + r.Header.Get("X-Amz-Date")[:8] + "/"
			r.Header.Set("Authorization", strings.Replace(h, day, "/20130524/", 1))
		}), map[string]answer{
			"STS":    {403, "SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20130524' != '…', from '…'.", signingErrors},
			"Lambda": {403, "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20130524' != '…', from '…'.", signingErrors},
			"S3":     {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.", measuredS3},
		}),
		everywhere("a scope of another service, for S3's own host", func(_ *testing.T, c *Clouds) signer {
			return signer{service: "ec2", host: "s3." + c.Names.Region + ".amazonaws.com"}
		}, map[string]answer{"S3": {400, "AuthorizationHeaderMalformed", `The authorization header is malformed; incorrect service "ec2". This endpoint belongs to "s3".`, measuredS3}}),
		everywhere("a blank before the access key id", tampered(blank(" ", "")), map[string]answer{
			"STS": {400, "IncompleteSignature", "'AKIA…/sts/aws4_request' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential= AKIA…'.", "boto/boto3, issue 2280"},
			"SSM": {400, "IncompleteSignatureException", "'AKIA…/ssm/aws4_request' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential= AKIA…'.", "iann0036/cloud9-sync, issue 10"},
			"S3":  {403, "InvalidAccessKeyId", unknownKeyS3, believed},
		}),
		everywhere("a blank after the access key id", tampered(blank("", " ")), map[string]answer{
			"STS": {400, "IncompleteSignature", "'/…/sts/aws4_request' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential=AKIA… /…'.", "aws/aws-sdk-go, issue 289"},
			"S3":  {403, "InvalidAccessKeyId", unknownKeyS3, believed},
		}),
		everywhere("an x-amz- header that is not signed", tampered(set("X-Amz-Meta-Late", "1")), map[string]answer{
			"S3": {403, "AccessDenied", "There were headers present in the request which were not signed", reported},
		}),
	} {
		rows = append(rows, part...)
	}
	return rows
}
