package google

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/storage"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/sts"
)

// Service names the service that a request is for.
func (c *Cloud) Service(r *http.Request) string { return "google/" + c.service(r).Name }

// unavailable are the errors of google.rpc for what a service cannot now:
// google.rpc.Code, and AIP-193, "Errors".
var unavailable = map[int]api.Error{
	http.StatusTooManyRequests:     {Status: "RESOURCE_EXHAUSTED", Message: "Resource has been exhausted (e.g. check quota)."},
	http.StatusInternalServerError: {Status: "INTERNAL", Message: "Internal error encountered."},
	http.StatusServiceUnavailable:  {Status: "UNAVAILABLE", Message: "The service is currently unavailable."},
	http.StatusGatewayTimeout:      {Status: "DEADLINE_EXCEEDED", Message: "Deadline expired before operation could complete."},
}

// Refuse answers a refusal that was asked for, in the form of the service.
func (c *Cloud) Refuse(w http.ResponseWriter, r *http.Request, f faults.Refusal) {
	entry := c.entry(r, c.service(r))
	entry.Injected = true
	req := &api.Request{Request: r, ID: entry.RequestID, Service: entry.Service, Time: entry.Time, Entry: &entry}
	out := c.opts.Journal.Answer(w, &entry)
	defer out.End()
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	e, known := unavailable[f.Status]
	if !known {
		e = unavailable[http.StatusServiceUnavailable]
	}
	e.HTTP, e.Status, e.Message = f.Status, cmp.Or(f.Code, e.Status), cmp.Or(f.Message, e.Message)
	switch {
	case entry.Service == "storage":
		storage.Refuse(out, req, f.Status, f.Code, f.Message)
	case entry.Service == "sts" && f.Status < http.StatusInternalServerError:
		sts.Refuse(out, req, f.Status, f.Code, f.Message)
	default:
		api.WriteError(out, req, &e)
	}
}
