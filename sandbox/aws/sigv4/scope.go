package sigv4

import (
	"cmp"
	"net/http"
	"strings"
)

// Service reads the service that a request is for out of the scope that it claims
// to be signed for, or out of its host. Nothing of it is verified; an unsigned
// request is one of S3.
func Service(r *http.Request) string {
	service, _ := hostScope(r.Host)
	return cmp.Or(service, claimed(r), "s3")
}

// claimed is the service of the scope, or empty if there is none.
func claimed(r *http.Request) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	if parts := strings.Split(credential, "/"); len(parts) == 5 {
		return parts[3]
	}
	return ""
}
