package sigv4

import (
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// VerifyForm checks the signature that an upload by a browser carries in its
// form: it is of the policy field, as that was sent. See "Authenticating Requests
// in Browser-Based Uploads Using POST (AWS Signature Version 4)".
func (v *Verifier) VerifyForm(r *api.Request, field func(name string) string) (accessKeyID string, err error) {
	sig := signature{hex: field("x-amz-signature"), token: field("x-amz-security-token")}
	if field("x-amz-algorithm") != Algorithm {
		return "", api.Errorf(http.StatusBadRequest, "InvalidArgument", "Unsupported Authorization Type")
	}
	if err := sig.credential(r, field("x-amz-credential")); err != nil {
		return "", err
	}
	if sig.time, err = time.Parse(timeFormat, field("x-amz-date")); err != nil {
		return "", api.Errorf(http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	r.Region = sig.region
	key, ok := v.Lookup(sig.accessKeyID)
	if !ok {
		return "", unknownKey(r, sig.accessKeyID)
	}
	if err := v.scope(r, &sig); err != nil {
		return "", err
	}
	if sig.time.Format(dateFormat) != sig.date {
		return "", wrongDate(r, &sig)
	}
	want := hex.EncodeToString(hmacSHA256(derive(key.Secret, &sig), field("policy")))
	if subtle.ConstantTimeCompare([]byte(want), []byte(sig.hex)) != 1 {
		return "", mismatch(r, &sig, "", field("policy"))
	}
	return sig.accessKeyID, key.session(r, sig.token, r.Time)
}
