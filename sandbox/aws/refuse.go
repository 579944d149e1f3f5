package aws

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// Service names the service that a request is for.
func (c *Cloud) Service(r *http.Request) string { return "aws/" + sigv4.Service(r) }

type problem struct{ code, message string }

// unavailable are the errors of a service that cannot now, by HTTP status; those
// of no service stand for the others. Amazon S3 API Reference, "Error responses";
// AWS Lambda API Reference, "Invoke"; "Common errors" of the query services.
var unavailable = map[string]map[int]problem{
	"s3": {
		http.StatusOK:                  {"InternalError", s3Words["InternalError"]},
		http.StatusMovedPermanently:    {"PermanentRedirect", s3Words["PermanentRedirect"]},
		http.StatusBadRequest:          {"RequestTimeout", s3Words["RequestTimeout"]},
		http.StatusForbidden:           {"AccessDenied", s3Words["AccessDenied"]},
		http.StatusNotFound:            {"NoSuchBucket", s3Words["NoSuchBucket"]},
		http.StatusConflict:            {"ConditionalRequestConflict", s3Words["ConditionalRequestConflict"]},
		http.StatusPreconditionFailed:  {"PreconditionFailed", s3Words["PreconditionFailed"]},
		http.StatusInternalServerError: {"InternalError", s3Words["InternalError"]},
		http.StatusServiceUnavailable:  {"SlowDown", s3Words["SlowDown"]},
	},
	"lambda": {
		http.StatusTooManyRequests:     {"TooManyRequestsException", "Rate Exceeded."},
		http.StatusInternalServerError: {"ServiceException", "An error occurred and the request cannot be processed."},
	},
	"states": {
		http.StatusBadRequest:          {"ThrottlingException", "Rate exceeded"},
		http.StatusInternalServerError: {"InternalServerError", "The request processing has failed because of an unknown error, exception or failure."},
	},
	"": {
		http.StatusBadRequest:          {"Throttling", "Rate exceeded"},
		http.StatusTooManyRequests:     {"Throttling", "Rate exceeded"},
		http.StatusInternalServerError: {"InternalFailure", "The request processing has failed because of an unknown error, exception or failure."},
		http.StatusServiceUnavailable:  {"ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
	},
}

// s3Words are what Amazon S3 says of its errors, by their codes.
var s3Words = map[string]string{
	"AccessDenied":               "Access Denied",
	"ConditionalRequestConflict": "The conditional request cannot succeed due to a conflicting operation against this resource.",
	"ExpiredToken":               "The provided token has expired.",
	"InternalError":              "We encountered an internal error. Please try again.",
	"InvalidToken":               "The provided token is malformed or otherwise invalid.",
	"NoSuchBucket":               "The specified bucket does not exist",
	"NoSuchKey":                  "The specified key does not exist.",
	"NoSuchUpload": "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted " +
		"or completed.",
	"OperationAborted": "A conflicting conditional operation is currently in progress against this resource. Please try again.",
	"PermanentRedirect": "The bucket you are attempting to access must be addressed using the specified endpoint. " +
		"Please send all future requests to this endpoint.",
	"PreconditionFailed":   "At least one of the pre-conditions you specified did not hold",
	"RequestTimeTooSkewed": "The difference between the request time and the current time is too large.",
	"RequestTimeout": "Your socket connection to the server was not read from or written to within the timeout period. " +
		"Idle connections will be closed.",
	"ServiceUnavailable": "Service is unable to handle request.",
	"SlowDown":           "Please reduce your request rate.",
}

// Refuse answers a refusal that was asked for, in the form of the service.
func (c *Cloud) Refuse(w http.ResponseWriter, hr *http.Request, f faults.Refusal) {
	entry := journal.Entry{
		Time: c.site.Now(), Cloud: "aws", Service: sigv4.Service(hr), Operation: hr.Method + " " + hr.URL.Path, Injected: true,
	}
	r := c.request(hr, &entry)
	r.Service = entry.Service
	c.services[r.Service].Name(r)
	p, known := unavailable[r.Service][f.Status]
	if !known {
		if p, known = unavailable[""][f.Status]; !known {
			p = unavailable[""][http.StatusServiceUnavailable]
		}
	}
	if words, ok := s3Words[f.Code]; ok && r.Service == "s3" {
		p.message = words
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	answer := c.options.Journal.Answer(w, &entry)
	defer answer.End()
	api.WriteError(answer, r, api.Errorf(f.Status, cmp.Or(f.Code, p.code), "%s", cmp.Or(f.Message, p.message)))
}
