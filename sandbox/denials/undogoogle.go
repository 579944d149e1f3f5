package denials

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// googleUndoing does for Google's APIs what undoing says. It also waits for the end of
// the operations that it starts.
type googleUndoing struct {
	*undoing
	next http.RoundTripper
}

// kept is an answer of Google's.
type kept struct {
	status int
	header http.Header
	body   []byte
}

func (k kept) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(k.status), StatusCode: k.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: k.header.Clone(), Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r,
	}
}

// RoundTrip lets a request pass, and keeps how to undo it. While the federation is made,
// nothing is to be refused: what was made a moment ago might not be known everywhere yet.
func (g googleUndoing) RoundTrip(r *http.Request) (*http.Response, error) {
	content, err := body(r)
	if err != nil {
		return nil, err
	}
	for {
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
		response, err := g.pass(r, content)
		if err != nil || response.StatusCode < http.StatusBadRequest || g.row != nil || !g.again(r.Context(), "google") {
			return response, err
		}
		if err := response.Body.Close(); err != nil {
			return nil, err
		}
	}
}

func (g googleUndoing) pass(r *http.Request, content []byte) (*http.Response, error) {
	if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, ":getIamPolicy") || strings.HasSuffix(r.URL.Path, ":pull") {
		return g.next.RoundTrip(r)
	}
	key := g.key(r.Method + " " + r.URL.String() + " " + string(content))
	if k, ok := g.answers[key].(kept); ok {
		return k.response(r), nil
	}
	undo, err := g.plan(r.Context(), r.Method, r.URL, content)
	if err != nil {
		return nil, err
	}
	k, err := g.send(r)
	if err != nil {
		return nil, err
	}
	if k.status < http.StatusMultipleChoices {
		if k, err = g.finished(r.Context(), r.URL, k); err != nil {
			return nil, err
		}
		g.answers[key] = k
		g.push("google", r.Method+" "+r.URL.Path, undo)
	}
	return k.response(r), nil
}

func (g googleUndoing) send(r *http.Request) (kept, error) {
	response, err := g.next.RoundTrip(r)
	if err != nil {
		return kept{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return kept{response.StatusCode, response.Header, data}, err
}

// finished is the answer once the operation that it names has ended.
func (g googleUndoing) finished(ctx context.Context, at *url.URL, k kept) (kept, error) {
	for {
		var operation struct {
			Name string
			Done bool
		}
		if json.Unmarshal(k.body, &operation) != nil || !strings.Contains(operation.Name, "/operations/") || operation.Done {
			return k, nil
		}
		if err := pause(ctx, min(g.between, time.Second)); err != nil {
			return k, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.Scheme+"://"+at.Host+"/v1/"+operation.Name, nil)
		if err != nil {
			return k, err
		}
		if k, err = g.send(r); err != nil {
			return k, err
		}
	}
}

// call makes a request of the owner's own, which must succeed unless what it is about
// is not there.
func (g googleUndoing) call(ctx context.Context, method, at string, in any) (map[string]any, error) {
	var content []byte
	if in != nil {
		var err error
		if content, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	k, err := g.send(r)
	if err == nil && k.status < http.StatusMultipleChoices {
		k, err = g.finished(ctx, r.URL, k)
	}
	if err != nil || k.status == http.StatusNotFound {
		return nil, err
	}
	if k.status >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %d %s", method, r.URL.Path, k.status, k.body)
	}
	out := map[string]any{}
	if len(k.body) > 0 {
		err = json.Unmarshal(k.body, &out)
	}
	return out, err
}

// plan is how to undo a request, which is not made yet.
func (g googleUndoing) plan(ctx context.Context, method string, at *url.URL, content []byte) (func(context.Context) error, error) {
	base, query := at.Scheme+"://"+at.Host+at.Path, at.Query()
	do := func(method, at string, in any) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := g.call(ctx, method, at, in)
			return err
		}
	}
	last := at.Path[strings.LastIndex(at.Path, "/")+1:]
	pools := strings.Contains(at.Path, "/workloadIdentityPools")
	buckets := strings.HasPrefix(at.Path, "/storage/v1/b")
	messages := strings.Contains(at.Path, "/topics/") || strings.Contains(at.Path, "/subscriptions/")
	switch {
	case method == http.MethodPost && last == "serviceAccounts":
		var in struct{ AccountID string }
		_ = json.Unmarshal(content, &in) // what cannot be read is refused
		project := strings.Split(at.Path, "/")[3]
		return do(http.MethodDelete, base+"/"+in.AccountID+"@"+project+".iam.gserviceaccount.com", nil), nil
	case method == http.MethodPost && last == "workloadIdentityPools":
		return do(http.MethodDelete, base+"/"+query.Get("workloadIdentityPoolId"), nil), nil
	case method == http.MethodPost && last == "providers":
		return do(http.MethodDelete, base+"/"+query.Get("workloadIdentityPoolProviderId"), nil), nil
	case method == http.MethodPost && pools && strings.HasSuffix(last, ":undelete"):
		return do(http.MethodDelete, strings.TrimSuffix(base, ":undelete"), nil), nil
	case method == http.MethodPatch && pools:
		before, err := g.call(ctx, http.MethodGet, base, nil)
		field := query.Get("updateMask")
		return do(method, at.String(), map[string]any{field: before[field]}), err
	case method == http.MethodDelete && pools:
		return do(http.MethodPost, base+":undelete", map[string]any{}), nil
	case method == http.MethodPut && messages:
		return do(http.MethodDelete, base, nil), nil
	case method == http.MethodPost && messages && strings.HasSuffix(last, ":setIamPolicy"):
		before, err := g.call(ctx, http.MethodGet, strings.TrimSuffix(base, ":setIamPolicy")+":getIamPolicy?options.requestedPolicyVersion=3", nil)
		delete(before, "etag")
		return do(method, base, map[string]any{"policy": before}), err
	case method == http.MethodPost && strings.HasSuffix(last, ":setIamPolicy"):
		get := strings.TrimSuffix(base, ":setIamPolicy") + ":getIamPolicy?options.requestedPolicyVersion=3"
		before, err := g.call(ctx, http.MethodPost, get, map[string]any{})
		delete(before, "etag")
		return do(method, base, map[string]any{"policy": before}), err
	case method == http.MethodPut && buckets && last == "iam":
		before, err := g.call(ctx, http.MethodGet, base+"?optionsRequestedPolicyVersion=3", nil)
		delete(before, "etag")
		return do(method, base, before), err
	case method == http.MethodPost && buckets && last == "b":
		var in struct{ Name string }
		_ = json.Unmarshal(content, &in) // what cannot be read is refused
		return do(http.MethodDelete, base+"/"+in.Name, nil), nil
	case method == http.MethodPatch && buckets:
		project := g.project
		return do(method, base+"?userProject="+project, map[string]any{"billing": map[string]bool{"requesterPays": false}}), nil
	case method == http.MethodPost && strings.HasPrefix(at.Path, "/upload/storage/"):
		return do(http.MethodDelete, strings.Replace(base, "/upload", "", 1)+"/"+url.PathEscape(query.Get("name")), nil), nil
	case method == http.MethodPost && strings.HasSuffix(last, ":disable") && strings.Contains(at.Path, "/serviceAccounts/"):
		return do(http.MethodPost, strings.TrimSuffix(base, ":disable")+":enable", map[string]any{}), nil
	case method == http.MethodDelete && strings.Contains(at.Path, "/serviceAccounts/"):
		return g.undelete(ctx, base)
	case strings.Contains(at.Path, "/services/"):
		return nil, g.refuse("an API that is disabled takes minutes to come back")
	case strings.HasSuffix(at.Path, "/billingInfo"):
		return nil, g.refuse("the project would lose its billing account")
	case strings.HasPrefix(at.Path, "/v2/"):
		return nil, g.refuse("it needs an organization and its policies")
	}
	return nil, g.refuse("the suite does not know how to undo " + method + " " + at.Path)
}

// undelete is how to bring a service account back, with its policy.
func (g googleUndoing) undelete(ctx context.Context, base string) (func(context.Context) error, error) {
	account, err := g.call(ctx, http.MethodGet, base, nil)
	if err != nil {
		return nil, err
	}
	policy, err := g.call(ctx, http.MethodPost, base+":getIamPolicy", map[string]any{})
	if err != nil {
		return nil, err
	}
	delete(policy, "etag")
	id, _ := account["uniqueId"].(string)
	return func(ctx context.Context) error {
		if _, err := g.call(ctx, http.MethodPost, base[:strings.LastIndex(base, "/")+1]+id+":undelete", map[string]any{}); err != nil {
			return err
		}
		_, err := g.call(ctx, http.MethodPost, base+":setIamPolicy", map[string]any{"policy": policy})
		return err
	}, nil
}
