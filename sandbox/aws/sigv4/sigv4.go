// Package sigv4 verifies AWS Signature Version 4: the Authorization header,
// presigned queries, and S3's signed, unsigned and trailing payloads. What it
// refuses it answers with the error code that the called service has for it.
//
// It does not model Signature Version 2, SigV4a and the events of streams.
package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Algorithm is the only signing algorithm that is accepted.
const Algorithm = "AWS4-HMAC-SHA256"

// MaxSkew is how far a request's date may be from the clock; see "Troubleshoot
// Signature Version 4 signing for AWS API requests".
const MaxSkew = 15 * time.Minute

const (
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
)

// Key is what a signature is verified with.
type Key struct {
	Secret       string
	SessionToken string    // empty for a long-lived key
	Expiration   time.Time // of a session
}

// Verifier verifies requests. Only Lookup must be set.
type Verifier struct {
	// Lookup finds the key of an access key id.
	Lookup func(accessKeyID string) (Key, bool)
	Now    func() time.Time // nil is time.Now
	// Region reports whether a service of that name answers in a region, and which
	// region it expects otherwise. Nil accepts every region.
	Region func(service, region string) (expected string, ok bool)
	// Enabled reports whether the account has enabled a region: others know none of
	// its keys. Nil is all. S3 does not ask.
	Enabled func(region string) bool

	// What AWS's own test vectors need: their host is not a service's, and some
	// are of a service that does not normalize paths.
	anyHost, plainPath bool
}

// signature is what a request says about how it was signed.
type signature struct {
	accessKeyID   string
	date          string // of the scope
	region        string
	service       string
	signedHeaders []string
	hex           string
	time          time.Time
	token         string
	presigned     bool
	lifetime      time.Duration // of a presigned request
	plainPath     bool          // the path is not normalized
}

func (s *signature) scope() string {
	return s.date + "/" + s.region + "/" + s.service + "/aws4_request"
}

// Signed reports whether a request claims to be signed at all.
func Signed(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Algorithm")
}

// Verify checks the signature of r and sets its Service and Region from the
// credential scope, and returns the access key id. For S3 the body is replaced
// by one that verifies itself while it is read; for the other services it is
// read here.
//
// Service and Region are set as soon as they are known, also when Verify fails,
// so that the error can be answered in the protocol of the service.
func (v *Verifier) Verify(r *api.Request) (accessKeyID string, err error) {
	now := r.Time
	if now.IsZero() {
		if now = time.Now(); v.Now != nil {
			now = v.Now()
		}
	}
	host, _ := hostScope(r.Host) // who answers does not depend on the signature
	if host != "" {
		r.Service = host
	} else {
		r.Service = claimed(r.Request)
	}
	if r.Protocol() == api.ProtocolS3 {
		r.Service = "s3"
		return v.verifyS3(r, now)
	}
	sig, err := parse(r)
	if sig != nil {
		r.Service, r.Region = cmp.Or(host, sig.service), sig.region
	}
	if err != nil {
		return "", err
	}
	key, ok := v.Lookup(sig.accessKeyID)
	if !ok {
		return "", unknownKey(r, sig.accessKeyID)
	}
	if err := v.scope(r, sig); err != nil {
		return "", err
	}
	if err := fresh(r, sig, now); err != nil {
		return "", err
	}
	if !slices.Contains(sig.signedHeaders, "host") {
		return "", badSignature(r, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if _, _, err := v.sign(r, sig, key, now); err != nil {
		return "", err
	}
	return sig.accessKeyID, nil
}

// verifyS3 is Verify for S3.
func (v *Verifier) verifyS3(r *api.Request, now time.Time) (accessKeyID string, err error) {
	sig, err := v.readS3(r, now)
	if sig != nil {
		r.Region = sig.region
	}
	if err != nil {
		return "", err
	}
	key, ok := v.Lookup(sig.accessKeyID)
	if !ok {
		return "", unknownKey(r, sig.accessKeyID)
	}
	payload, signingKey, err := v.sign(r, sig, key, now)
	if err != nil {
		return "", err
	}
	if err := wrapBody(r, sig, payload, signingKey); err != nil {
		return "", err
	}
	return sig.accessKeyID, nil
}

// sign signs the request as its caller must have, and checks the signature and then
// the session. It returns what stood for the body, and the key of the scope.
func (v *Verifier) sign(r *api.Request, sig *signature, key Key, now time.Time) (payload string, signingKey []byte, err error) {
	if payload, err = payloadHash(r, sig); err != nil {
		return "", nil, err
	}
	sig.plainPath = v.plainPath
	canonical := canonicalRequest(r.Request, sig, payload)
	toSign := strings.Join([]string{Algorithm, sig.time.Format(timeFormat), sig.scope(), hexSHA256([]byte(canonical))}, "\n")
	signingKey = derive(key.Secret, sig)
	want := hex.EncodeToString(hmacSHA256(signingKey, toSign))
	if subtle.ConstantTimeCompare([]byte(want), []byte(sig.hex)) != 1 || !sig.sent(r.Request) {
		return "", nil, mismatch(r, sig, canonical, toSign)
	}
	return payload, signingKey, key.session(r, sig, now)
}

// session checks the token that came with a signature by the key. It is looked
// at after the signature, so that an answer about it reveals nothing to a caller
// without the secret.
func (k Key) session(r *api.Request, sig *signature, now time.Time) error {
	if subtle.ConstantTimeCompare([]byte(k.SessionToken), []byte(sig.token)) != 1 {
		return invalidToken(r, sig.accessKeyID, sig.token)
	}
	if !k.Expiration.IsZero() && !now.Before(k.Expiration) {
		return expiredToken(r)
	}
	return nil
}

// scope checks the region and service that the request was signed for.
func (v *Verifier) scope(r *api.Request, sig *signature) error {
	var service, region string
	if !v.anyHost {
		service, region = hostScope(r.Host)
	}
	if service != "" && service != sig.service {
		return wrongService(r, service)
	}
	if region != "" && region != sig.region {
		return wrongRegion(r)
	}
	if v.Enabled != nil && !v.Enabled(sig.region) {
		return unknownKey(r, sig.accessKeyID)
	}
	if v.Region == nil || region != "" {
		return nil
	}
	if _, ok := v.Region(sig.service, sig.region); !ok {
		return wrongRegion(r)
	}
	return nil
}

// hostScope reads the service and region out of an AWS host name; both are
// empty for any other host, which the sandbox's own address is.
func hostScope(host string) (service, region string) {
	name, ok := strings.CutSuffix(host, ".amazonaws.com")
	if !ok {
		return "", ""
	}
	labels := strings.Split(name, ".")
	n := len(labels)
	switch {
	case n >= 2 && strings.Count(labels[n-1], "-") >= 2:
		service, region = labels[n-2], labels[n-1]
	default:
		service, region = labels[n-1], "us-east-1"
	}
	if service == "s3" && region == "us-east-1" {
		region = "" // the global endpoint of S3 answers for buckets of any region
	}
	return service, region
}

// fresh checks the request's date against the clock.
func fresh(r *api.Request, sig *signature, now time.Time) error {
	if sig.time.Format(dateFormat) != sig.date {
		return wrongDate(r, sig)
	}
	limit := MaxSkew
	if sig.presigned && sig.lifetime > limit {
		limit = sig.lifetime
	}
	if d := now.Sub(sig.time); d > limit || d < -MaxSkew {
		return skewed(r, sig, now)
	}
	return nil
}

// sent reports whether the request has every header that it says is signed. Three
// of them net/http keeps elsewhere.
func (s *signature) sent(r *http.Request) bool {
	for _, h := range s.signedHeaders {
		if h != "host" && h != "content-length" && h != "transfer-encoding" && len(r.Header.Values(h)) == 0 {
			return false
		}
	}
	return true
}

func derive(secret string, sig *signature) []byte {
	key := hmacSHA256([]byte("AWS4"+secret), sig.date)
	key = hmacSHA256(key, sig.region)
	key = hmacSHA256(key, sig.service)
	return hmacSHA256(key, "aws4_request")
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
