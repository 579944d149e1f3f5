package sts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

// maxAge is how long an ID token may live, from iat to exp: IAM documentation, "Configure
// Workload Identity Federation with other identity providers", prepare your identity
// provider.
const maxAge = 24 * time.Hour

// assertOIDC are the claims of an ID token. The texts of its refusals are those that
// people report (google-github-actions/auth#211; "Troubleshoot Workload Identity
// Federation"); those of a token without a claim, or of another issuer, are believed.
func (s *STS) assertOIDC(r *api.Request, in exchange, p iam.Provider) (assertion map[string]any, name string, problem *Error) {
	invalid := func(format string, args ...any) (map[string]any, string, *Error) {
		return nil, name, &Error{Code: "invalid_grant", Description: fmt.Sprintf(format, args...)}
	}
	token, err := oidc.Parse(in.SubjectToken)
	if err != nil {
		return invalid("Invalid JWT.")
	}
	claims := token.Claims
	name = claims.Text("iss") + " " + claims.Text("sub")
	issued, expires := claims.Seconds("iat"), claims.Seconds("exp")
	switch now := r.Time.Unix(); {
	case claims.Text("iss") != p.Issuer:
		return invalid("The issuer in ID Token %s does not match the expected ones: %s.", claims.Text("iss"), p.Issuer)
	case !slices.ContainsFunc(claims.Audiences(), func(a string) bool { return slices.Contains(p.Audiences, a) }):
		return invalid("The audience in ID Token [%s] does not match the expected audience %s.",
			strings.Join(claims.Audiences(), ", "), strings.Join(p.Audiences, ", "))
	case issued == 0 || expires == 0 || claims.Text("sub") == "":
		return invalid("The ID Token must have the claims sub, iat and exp.")
	case now >= expires:
		return invalid("ID Token issued at %d is stale to sign-in.", issued)
	case issued > now:
		return invalid("ID Token issued at %d is in the future.", issued)
	case expires-issued > int64(maxAge/time.Second):
		return invalid("The lifetime of the ID Token must be at most 24 hours.")
	}
	switch err := token.Verify(s.opts.Web, p.Issuer, p.KeySet); {
	case errors.Is(err, oidc.ErrUnreachable):
		return nil, name, &Error{
			Code: "invalid_grant", Description: "Error connecting to the given credential's issuer.", cause: "(" + err.Error() + ".)",
		}
	case err != nil:
		return invalid("Invalid signature of the ID Token.")
	}
	return claims, name, nil
}
