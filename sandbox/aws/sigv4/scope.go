package sigv4

import (
	"net/http"
	"strings"
)

// Service reads the service that a request is for out of the scope that it claims
// to be signed for, or out of its host. Nothing of it is verified; an unsigned
// request is one of S3.
func Service(r *http.Request) string {
	if service, _ := hostScope(r.Host); service != "" {
		return service
	}
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	if parts := strings.Split(credential, "/"); len(parts) == 5 {
		return parts[3]
	}
	return "s3"
}
