package iam

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Limits of OpenID Connect providers; see "CreateOpenIDConnectProvider" and "IAM and AWS
// STS quotas".
const (
	maxProviderURL = 255
	maxClientIDs   = 100
	maxThumbprints = 5
	thumbprint     = 40 // hexadecimal characters
)

// oidcProvider is an identity provider of the account. Thumbprints are kept and have no
// effect: AWS looks at them only where no trusted authority signed the certificate of the
// issuer's keys, and the local cloud has no certificates.
type oidcProvider struct {
	arn         string
	url         string // without https://
	clientIDs   []string
	thumbprints []string
	tags        []api.Tag
	created     time.Time
}

type createProviderInput struct {
	URL            string `param:"Url"`
	ClientIDList   []string
	ThumbprintList []string
	Tags           []api.Tag
}

func (i *IAM) createOIDCProvider(r *api.Request, in *createProviderInput) (any, error) {
	u, err := url.Parse(in.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || len(in.URL) > maxProviderURL {
		return nil, api.Errorf(http.StatusBadRequest, "ValidationError", "Invalid Open ID Connect Provider URL")
	}
	if len(in.ClientIDList) > maxClientIDs || len(in.ThumbprintList) > maxThumbprints {
		return nil, api.Errorf(http.StatusConflict, "LimitExceeded",
			"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClientIDs)
	}
	for _, t := range in.ThumbprintList {
		if len(t) != thumbprint {
			return nil, api.Invalid(t, "thumbprintList", "Member must have length equal to 40")
		}
	}
	p := &oidcProvider{
		url: u.Host + strings.TrimSuffix(u.Path, "/"), clientIDs: in.ClientIDList, thumbprints: in.ThumbprintList, created: i.Now(),
	}
	p.arn = i.arn("oidc-provider/" + p.url)
	if err := r.Authorize("iam:CreateOpenIDConnectProvider", p.arn, api.TagKeys(api.TagMap(in.Tags))); err != nil {
		return nil, err
	}
	if p.tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.oidc[p.arn] != nil {
		return nil, api.Errorf(http.StatusConflict, "EntityAlreadyExists", "Provider with url %s already exists.", in.URL)
	}
	i.oidc[p.arn] = p
	return struct {
		ARN string `xml:"OpenIDConnectProviderArn" json:"OpenIDConnectProviderArn"`
	}{p.arn}, nil
}

type providerInput struct {
	ARN string `param:"OpenIDConnectProviderArn"`
}

func (i *IAM) getOIDCProvider(r *api.Request, in *providerInput) (any, error) {
	if err := r.Authorize("iam:GetOpenIDConnectProvider", in.ARN, nil); err != nil {
		return nil, err
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	p := i.oidc[in.ARN]
	if p == nil {
		return nil, noProvider(in.ARN)
	}
	return struct {
		URL            string `xml:"Url"`
		ClientIDList   api.Members[string]
		ThumbprintList api.Members[string]
		CreateDate     api.Timestamp
		Tags           api.Members[api.Tag]
	}{p.url, api.MembersOf(p.clientIDs...), api.MembersOf(p.thumbprints...), api.Timestamp(p.created), api.MembersOf(p.tags...)}, nil
}

func (i *IAM) deleteOIDCProvider(r *api.Request, in *providerInput) (any, error) {
	if err := r.Authorize("iam:DeleteOpenIDConnectProvider", in.ARN, nil); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.oidc[in.ARN] == nil {
		return nil, noProvider(in.ARN)
	}
	delete(i.oidc, in.ARN)
	return nil, nil
}

func noProvider(arn string) error {
	return api.Errorf(http.StatusNotFound, "NoSuchEntity", "OpenIDConnect Provider not found for arn %s", arn)
}

// WebIdentity is what STS needs to know of an identity provider.
type WebIdentity struct {
	ARN       string
	Host      string // how condition keys begin: token.actions.githubusercontent.com
	Audiences []string
}

// WebIdentity finds the account's provider for an issuer.
func (i *IAM) WebIdentity(issuer string) (WebIdentity, bool) {
	name, secure := strings.CutPrefix(strings.TrimSuffix(issuer, "/"), "https://")
	i.mu.RLock()
	defer i.mu.RUnlock()
	p := i.oidc[i.arn("oidc-provider/"+name)]
	if p == nil || !secure {
		return WebIdentity{}, false
	}
	return WebIdentity{p.arn, p.url, slices.Clone(p.clientIDs)}, true
}
