package sts

import (
	"encoding/json"
	"net/url"
	"testing"
)

// FuzzSubjectToken holds whatever parse lets through to the one shape that asks
// AWS's STS who its caller is, and nothing else of anybody else.
func FuzzSubjectToken(f *testing.F) {
	const audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
	const host = "sts.us-east-1.amazonaws.com"
	type header struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	token := func(method, address string, headers ...header) string {
		data, err := json.Marshal(map[string]any{"method": method, "url": address, "headers": headers})
		if err != nil {
			f.Fatal(err)
		}
		return url.QueryEscape(string(data))
	}
	good := []header{{"Authorization", "AWS4-HMAC-SHA256 x"}, {"host", host}, {"x-amz-date", "20261123T000000Z"}, {"x-goog-cloud-target-resource", audience}}
	const query = "?Action=GetCallerIdentity&Version=2011-06-15"
	for _, seed := range []string{
		token("POST", "https://"+host+query, good...),
		token("POST", "https://"+host+"/"+query, good...),
		token("POST", "https://"+host+"/%2e%2e/"+query, good...),
		token("POST", "https://"+host+"@evil.example"+query, good...),
		token("POST", "https://"+host+".evil.example"+query, good...),
		token("POST", "https://"+host+query+"&Action=AssumeRole", good...),
		token("POST", "https://"+host+query+"#x", good...),
		token("GET", "http://"+host+query, good...),
		token("POST", "https://"+host+query, append(good, header{"HOST", "sts.amazonaws.com"})...),
		token("POST", "https://"+host+query, append(good, header{"x-goog-cloud-target-resource\n", audience})...),
		"%7B%7D", "{}", "[]", "null", "%", "",
	} {
		f.Add(seed, audience)
	}
	f.Fuzz(func(t *testing.T, token, audience string) {
		r, problem := parse(token, audience)
		if problem != nil {
			if r != nil || problem.Code != "invalid_grant" || problem.Description == "" {
				t.Fatalf("refused with %+v and the request %v", problem, r)
			}
			return
		}
		query := r.URL.Query()
		switch {
		case r.Method != "POST", r.URL.Scheme != "https", !hostPattern.MatchString(r.URL.Host), r.Host != r.URL.Host, r.URL.Path != "/", r.URL.User != nil:
			t.Errorf("let through: %s %s to %s", r.Method, r.URL, r.Host)
		case len(query) != 2 || len(query["Action"]) != 1 || query.Get("Action") != "GetCallerIdentity" || query.Get("Version") != "2011-06-15":
			t.Errorf("let through: the query %s", r.URL.RawQuery)
		case r.Header.Get(targetHeader) != audience:
			t.Errorf("let through for %q: the target %q", audience, r.Header.Get(targetHeader))
		case r.ContentLength != 0:
			t.Errorf("let through: a body of %d bytes", r.ContentLength)
		}
		for name, values := range r.Header {
			if len(values) != 1 {
				t.Errorf("let through: the header %s with %d values", name, len(values))
			}
		}
	})
}
