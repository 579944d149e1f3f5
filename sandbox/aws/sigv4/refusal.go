package sigv4

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// refusal picks the code that the request's protocol has for one reason. The
// Query services answer 403, the JSON services 400 with other names, and
// REST-JSON the JSON services' names with 403.
func refusal(r *api.Request, query, json, message string) *api.Error {
	switch r.Protocol() {
	case api.ProtocolJSON:
		return api.Errorf(http.StatusBadRequest, json, "%s", message)
	case api.ProtocolREST:
		return api.Errorf(http.StatusForbidden, json, "%s", message)
	default:
		return api.Errorf(http.StatusForbidden, query, "%s", message)
	}
}

func missing(r *api.Request) error {
	switch r.Protocol() {
	case api.ProtocolS3:
		return api.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	case api.ProtocolQuery:
		return api.Errorf(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	return refusal(r, "", "MissingAuthenticationTokenException", "Missing Authentication Token")
}

func incomplete(r *api.Request, message string) error {
	if r.Protocol() == api.ProtocolQuery {
		return api.Errorf(http.StatusBadRequest, "IncompleteSignature", "%s", message)
	}
	return refusal(r, "", "IncompleteSignatureException", message)
}

const tokenInvalid = "The security token included in the request is invalid"

func unknownKey(r *api.Request, id string) error {
	if r.Protocol() == api.ProtocolS3 {
		e := api.Errorf(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		e.Members = map[string]string{"AWSAccessKeyId": id}
		return e
	}
	return refusal(r, "InvalidClientTokenId", "UnrecognizedClientException", tokenInvalid+".")
}

func invalidToken(r *api.Request, id, token string) error {
	if r.Protocol() == api.ProtocolS3 {
		if token == "" {
			return unknownKey(r, id)
		}
		e := api.Errorf(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid.")
		e.Members = map[string]string{"Token-0": token}
		return e
	}
	return refusal(r, "InvalidClientTokenId", "UnrecognizedClientException", tokenInvalid+".")
}

func expiredToken(r *api.Request) error {
	if r.Protocol() == api.ProtocolS3 {
		return api.Errorf(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
	}
	return refusal(r, "ExpiredToken", "ExpiredTokenException", "The security token included in the request is expired")
}

const noMatchS3 = "The request signature we calculated does not match the signature you provided. Check your key and signing method."

// badSignature is a signature that is refused for the reason in message.
func badSignature(r *api.Request, message string) *api.Error {
	return refusal(r, "SignatureDoesNotMatch", "InvalidSignatureException", message)
}

func mismatch(r *api.Request, sig *signature, canonical, toSign string) error {
	if r.Protocol() == api.ProtocolS3 {
		e := badSignature(r, noMatchS3)
		e.Members = map[string]string{
			"AWSAccessKeyId": sig.accessKeyID, "StringToSign": toSign,
			"SignatureProvided": sig.hex, "CanonicalRequest": canonical,
			"StringToSignBytes": fmt.Sprintf("% x", toSign), "CanonicalRequestBytes": fmt.Sprintf("% x", canonical),
		}
		return e
	}
	return badSignature(r, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func skewed(r *api.Request, sig *signature, now time.Time) error {
	at, server := sig.time.UTC().Format(timeFormat), now.UTC().Format(timeFormat)
	if sig.time.Before(now) {
		return badSignature(r, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 15 min.)", at, now.Add(-MaxSkew).UTC().Format(timeFormat), server))
	}
	return badSignature(r, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)", at, now.Add(MaxSkew).UTC().Format(timeFormat), server))
}

func wrongDate(r *api.Request, sig *signature) error {
	at := sig.time.UTC()
	return badSignature(r, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", sig.date, at.Format(dateFormat), at.Format(timeFormat)))
}

func wrongRegion(r *api.Request) error {
	return badSignature(r, "Credential should be scoped to a valid region. ")
}

func wrongService(r *api.Request, expected string) error {
	return badSignature(r, fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", expected))
}
