package google

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// authenticate finds the principal of the bearer token, and whether the token was
// made for the service. Without a token the caller is anonymous, which only storage
// lets in this far.
func (c *Cloud) authenticate(r *api.Request) error {
	header := r.Header.Get("Authorization")
	if header == "" {
		if r.Service == "storage" {
			return nil
		}
		return api.NoCredentials()
	}
	scheme, value, _ := strings.Cut(header, " ")
	p, ok := c.tokens.Lookup(strings.TrimSpace(value))
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		return api.Unauthenticated()
	}
	if p.UniqueID != "" { // a service account's token ends with the account
		account, lives := c.iam.Account(p.UniqueID)
		if !lives || account.Disabled {
			return api.Unauthenticated()
		}
	}
	r.Principal = p
	if r.Service != "storage" && !scoped(r) { // storage answers that itself
		return api.InsufficientScopes()
	}
	return nil
}

// scoped reports whether a token's scopes cover a service's method: OAuth 2.0 Scopes
// for Google APIs.
func scoped(r *api.Request) bool {
	if len(r.Principal.Scopes) == 0 {
		return true
	}
	enough := []string{"cloud-platform"}
	if strings.HasPrefix(r.Service, "iam") {
		enough = append(enough, "iam")
	}
	if r.Service == "pubsub" { // whose methods take no scope to read
		enough = append(enough, "pubsub")
	} else if r.Method == http.MethodGet {
		enough = append(enough, "cloud-platform.read-only")
	}
	return slices.ContainsFunc(enough, func(scope string) bool {
		return slices.Contains(r.Principal.Scopes, "https://www.googleapis.com/auth/"+scope)
	})
}

// decide asks the resource's own policies, then the project's, which every
// resource of this cloud inherits.
func (c *Cloud) decide(who api.Principal, permission, resource string, own []api.Granter, now time.Time) journal.Decision {
	d := journal.Decision{Action: permission, Resource: resource}
	policies := slices.Clone(own)
	// The project's own requests bring its policy, under its lock.
	if resource != c.projects.Resource() || len(own) == 0 {
		project := c.projects.Policy()
		who.Sets = append(slices.Clone(who.Sets), project.Conveniences(who, c.opts.ProjectID)...)
		policies = append(policies, project)
	}
	var misses []string
	for _, p := range policies {
		reason, ok := p.Grants(who, permission, attributes(resource, now))
		if ok {
			d.Allowed, d.Reason = true, reason
			return d
		}
		if reason != "" {
			misses = append(misses, reason)
		}
	}
	d.Reason = "no binding grants it"
	if len(misses) > 0 {
		d.Reason += "; there is " + strings.Join(misses, "; ")
	}
	return d
}

// attributes describe a resource to the conditions of bindings.
func attributes(resource string, now time.Time) api.Attributes {
	host, name, _ := strings.Cut(strings.TrimPrefix(resource, "//"), "/")
	a := api.Attributes{Time: now, Name: name, Service: host}
	switch {
	case host == "storage.googleapis.com" && strings.Contains(name, "/objects/"):
		a.Type = "storage.googleapis.com/Object"
	case host == "storage.googleapis.com":
		a.Type = "storage.googleapis.com/Bucket"
	case host == "pubsub.googleapis.com" && strings.Contains(name, "/topics/"):
		a.Type = "pubsub.googleapis.com/Topic"
	case host == "pubsub.googleapis.com":
		a.Type = "pubsub.googleapis.com/Subscription"
	case strings.Contains(name, "/serviceAccounts/"):
		a.Type = "iam.googleapis.com/ServiceAccount"
	default:
		a.Type = "cloudresourcemanager.googleapis.com/Project"
	}
	return a
}
