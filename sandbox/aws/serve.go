package aws

import (
	"maps"
	"net"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sts"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// ServeHTTP answers one request of any service.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	entry := journal.Entry{Time: c.site.Now(), Cloud: "aws", Operation: hr.Method + " " + hr.URL.Path} // until a service says it better
	// net/http looks at its own body to know whether the client waits for 100 Continue.
	hr = hr.WithContext(hr.Context())
	if hr.Body != http.NoBody {
		hr.Body = idleBody{hr.Body, http.NewResponseController(w), c.options.BodyIdle}
	}
	r := c.request(hr, &entry)
	answer := c.options.Journal.Answer(w, &entry)
	defer answer.End()
	if lambda.IsDownload(hr) {
		c.lambda.Download(answer, r)
		return
	}
	service, err := c.authenticate(r)
	entry.Service = r.Service
	if err != nil {
		service.Name(r)
		api.WriteError(answer, r, err)
		return
	}
	if r.Caller.Type != api.Anonymous {
		entry.Principal = r.Caller.ARN
	}
	service.Serve(answer, r)
}

// Identify verifies the signature of a request that may have been made for
// someone else to send, and returns who signed it.
func (c *Cloud) Identify(hr *http.Request) (api.Principal, error) {
	var entry journal.Entry
	r := c.request(hr, &entry)
	if _, err := c.authenticate(r); err != nil {
		return api.Principal{}, err
	}
	return r.Caller, nil
}

func (c *Cloud) request(hr *http.Request, entry *journal.Entry) *api.Request {
	r := &api.Request{
		Request: hr, ID: c.site.UUID(), Account: c.site.Account, Region: c.site.Region,
		Time: entry.Time, Entry: entry, Caller: api.Principal{Type: api.Anonymous},
	}
	if r.Time.IsZero() {
		r.Time = c.site.Now()
	}
	entry.RequestID = r.ID
	r.Evaluate = func(action, resource string, keys map[string][]string, set policy.Set) policy.Decision {
		return c.iam.Evaluate(r.Caller, action, resource, requestKeys(r, keys), set)
	}
	return r
}

// authenticate finds out the service and the caller. The service is known as far as
// the request claims it, even if that is not true.
func (c *Cloud) authenticate(r *api.Request) (api.Service, error) {
	if !sigv4.Signed(r.Request) && r.Protocol() == api.ProtocolS3 {
		// Only S3 answers unsigned requests, as far as bucket policies allow it.
		r.Service = "s3"
		return c.services[r.Service], nil
	}
	if !sigv4.Signed(r.Request) && sts.Unsigned(r) {
		r.Service = "sts"
		return c.services[r.Service], nil
	}
	accessKeyID, err := c.verifier.Verify(r)
	service, ok := c.services[r.Service]
	if err != nil {
		return service, err
	}
	if r.Caller, err = c.principal(accessKeyID); err != nil {
		return service, err
	}
	if !ok {
		return service, api.Unmodelled("service", r.Service)
	}
	return service, nil
}

func (c *Cloud) principal(accessKeyID string) (api.Principal, error) {
	caller, ok := c.iam.Principal(accessKeyID)
	if !ok { // it was deleted since its key was looked up
		return caller, api.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return caller, nil
}

// requestKeys adds the condition keys that the HTTP request gives.
func requestKeys(r *api.Request, keys map[string][]string) map[string][]string {
	all := globalKeys(r.Region)
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		all["aws:SourceIp"] = []string{host}
	}
	if v := r.UserAgent(); v != "" {
		all["aws:UserAgent"] = []string{v}
	}
	if v := r.Referer(); v != "" {
		all["aws:Referer"] = []string{v}
	}
	maps.Copy(all, keys)
	return all
}

// globalKeys are the condition keys that every request has.
func globalKeys(region string) map[string][]string {
	return map[string][]string{"aws:SecureTransport": {"true"}, "aws:RequestedRegion": {region}, "aws:ViaAWSService": {"false"}}
}
