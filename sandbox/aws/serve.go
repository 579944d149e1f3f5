package aws

import (
	"fmt"
	"maps"
	"net"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// ServeHTTP answers one request of any service.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	entry := journal.Entry{Time: c.options.Now(), Cloud: "aws", Operation: hr.Method + " " + hr.URL.Path} // until a service says it better
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
		api.WriteError(answer, r, err)
		return
	}
	entry.Principal = r.Caller.ARN
	service.ServeAWS(answer, r)
}

// Identify verifies the signature of a request that may have been made for
// someone else to send, and tells who signed it.
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
		Request: hr, ID: c.requestID(), Account: c.options.Account, Region: c.options.Region,
		Time: entry.Time, Entry: entry, Caller: api.Principal{Type: api.Anonymous},
	}
	if r.Time.IsZero() {
		r.Time = c.options.Now()
	}
	entry.RequestID = r.ID
	r.Evaluate = func(action, resource string, keys map[string][]string, set policy.Set) policy.Decision {
		return c.iam.Evaluate(r.Caller, action, resource, requestKeys(r, keys), set)
	}
	return r
}

// authenticate finds out the service and the caller.
func (c *Cloud) authenticate(r *api.Request) (api.Service, error) {
	if !sigv4.Signed(r.Request) && r.Protocol() == api.ProtocolS3 {
		// S3 alone answers who does not sign, as far as bucket policies let it.
		r.Service = "s3"
		if s, ok := c.service(r.Service); ok {
			return s, nil
		}
	}
	accessKeyID, err := c.verifier.Verify(r)
	if err != nil {
		return nil, err
	}
	if r.Caller, err = c.principal(accessKeyID); err != nil {
		return nil, err
	}
	s, ok := c.service(r.Service)
	if !ok {
		return nil, api.Errorf(http.StatusNotImplemented, "NotImplemented", "The service %s is not modelled by this sandbox.", r.Service)
	}
	return s, nil
}

func (c *Cloud) principal(accessKeyID string) (api.Principal, error) {
	caller, ok := c.iam.Principal(accessKeyID)
	if !ok { // it was deleted since its key was looked up
		return caller, api.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return caller, nil
}

func (c *Cloud) service(name string) (api.Service, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.services[name]
	return s, ok
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

// requestID makes a random UUID.
func (c *Cloud) requestID() string {
	var b [16]byte
	if _, err := c.options.Random.Read(b[:]); err != nil {
		return "00000000-0000-4000-8000-000000000000" // an id matters less than the answer
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
