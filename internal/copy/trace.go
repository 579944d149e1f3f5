package copy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// trace copies one object with fresh credentials and clients, whose requests it
// records; other invocations pay nothing for that.
func (h *Handler) trace(ctx context.Context, event invocation.Event, log *logger) (invocation.TraceResult, error) {
	start := h.now()
	ctx, cancel, tidying := within(ctx, start)
	defer cancel()
	t := h.plan(event, single(event), start)
	t.tidying = tidying
	if err := t.check(); err != nil {
		return invocation.TraceResult{}, t.fail(err)
	}
	r := &recorder{now: h.now}
	// Whoever traces a copy waits for the answer: that a service is busy is one.
	brief := &patience{now: h.patience.now, sleep: h.patience.sleep, stall: h.patience.stall, brief: true}
	arn := h.session(ctx, r, brief)
	audience, email := h.federation()
	subject := "principalSet://" + audience + "/*" // no principal in particular
	if arn != "" {
		subject = "principal://" + audience + "/subject/" + arn
	}
	account := ""
	if email != "" {
		account = h.settings.credentials.ServiceAccountImpersonationURL
	}
	var err error
	if t.from, err = h.source.afresh(h.settings, brief, func(next http.RoundTripper) http.RoundTripper {
		return r.watch(next, func(u *url.URL) *invocation.Hop {
			if u.String() == account {
				return r.hop(invocation.HopAccount, email)
			}
			return r.hop(invocation.HopPrincipal, subject)
		})
	}); err != nil {
		return invocation.TraceResult{}, t.fail(&OperationError{"planning", err})
	}
	t.from.transport = r.watch(t.from.transport, func(*url.URL) *invocation.Hop { return r.hop(invocation.HopRead, t.source()) })
	target := *h.target
	target.patience, target.pace = brief, brief.pace(s3Service)
	target.transport = r.watch(target.transport, func(*url.URL) *invocation.Hop { return r.hop(invocation.HopWritten, t.destination()) })
	t.to = &target

	done, elapsed, err := h.transfer(ctx, t, log)
	result := invocation.TraceResult{StatusCode: http.StatusOK, Body: invocation.Transferred, Source: t.source(), Destination: t.destination(),
		Outcome: done.outcome, Bytes: done.size, Generation: done.generation, DurationMS: elapsed.Milliseconds()}
	if err != nil {
		r.blame(err)
		result.StatusCode, result.Body, result.Outcome = http.StatusBadGateway, "File not transferred", invocation.OutcomeFailed
	} else {
		r.settle()
		result.CRC32C = done.crc32c.String()
	}
	result.Trace = r.hops()
	return result, nil
}

// afresh returns a reader of the same bucket without a token yet. Its token
// exchanges go through watch.
func (g *gcs) afresh(s settings, p *patience, watch func(http.RoundTripper) http.RoundTripper) (*gcs, error) {
	fresh, err := newGCS(s, p)
	if err != nil {
		return nil, err
	}
	fresh.transport = g.transport // its connections are open
	fresh.tokens.Transport = watch(tokenService{g.transport, g.hide})
	fresh.creds, err = fresh.login()
	return fresh, err
}

// federation returns what the credential configuration leads to: the pool, as
// principals name it, and the service account's address, empty if there is none.
func (h *Handler) federation() (pool, account string) {
	c := h.settings.credentials
	pool, _, _ = strings.Cut(strings.TrimPrefix(c.Audience, "//"), "/providers/")
	if u, err := url.Parse(c.ServiceAccountImpersonationURL); err == nil && u.Path != "" {
		account, _, _ = strings.Cut(path.Base(u.Path), ":")
	}
	return pool, account
}

// recorder records what happens at every hop. An invocation uses it
// from several goroutines.
type recorder struct {
	now func() time.Time

	mu   sync.Mutex
	seen []*invocation.Hop
}

// hop returns the record of a hop, a new one if it is reached for the first time.
func (r *recorder) hop(name, identity string) *invocation.Hop {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.seen {
		if h.Hop == name {
			return h
		}
	}
	h := &invocation.Hop{Hop: name, Identity: identity}
	r.seen = append(r.seen, h)
	return h
}

// done records one attempt at a hop.
func (r *recorder) done(h *invocation.Hop, start time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.Attempts++
	h.DurationMS += r.now().Sub(start).Milliseconds()
	note(h, err)
}

// note records why a hop failed, or with nil that it did not.
func note(h *invocation.Hop, err error) {
	h.Error, h.Status, h.Code = "", 0, ""
	if err == nil {
		return
	}
	h.Error = err.Error()
	var answer *AnswerError
	if errors.As(err, &answer) {
		h.Status, h.Code = answer.Status, answer.Code
	}
}

// blame attributes a copy's failure to the hop where it happened. A failed token
// exchange is the cause of every failure after it, and has already recorded its error.
func (r *recorder) blame(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := invocation.HopWritten
	var of *OperationError
	if errors.As(err, &of) {
		name = invocation.HopRead
	}
	culprit := r.seen[len(r.seen)-1]
	for _, h := range r.seen {
		if h.Error != "" && (h.Hop == invocation.HopPrincipal || h.Hop == invocation.HopAccount) {
			return
		}
		if h.Hop == name {
			culprit = h
		}
	}
	var whole *TransferError
	if errors.As(err, &whole) {
		err = whole.Err
	}
	note(culprit, err)
}

// settle clears the errors of attempts that succeeded on retry. A failure to look
// up the function's own identity stays: no copy depends on it.
func (r *recorder) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.seen {
		if h.Hop != invocation.HopSession {
			note(h, nil)
		}
	}
}

func (r *recorder) hops() []invocation.Hop {
	r.mu.Lock()
	defer r.mu.Unlock()
	order := []string{invocation.HopSession, invocation.HopPrincipal, invocation.HopAccount, invocation.HopRead, invocation.HopWritten}
	out := make([]invocation.Hop, 0, len(order))
	for _, name := range order {
		if i := slices.IndexFunc(r.seen, func(h *invocation.Hop) bool { return h.Hop == name }); i >= 0 {
			out = append(out, *r.seen[i])
		}
	}
	return out
}

// watch passes requests on and records them at the hop that their URL belongs to.
func (r *recorder) watch(next http.RoundTripper, of func(*url.URL) *invocation.Hop) http.RoundTripper {
	return &watching{r, next, of}
}

type watching struct {
	*recorder
	next http.RoundTripper
	of   func(*url.URL) *invocation.Hop
}

// RoundTrip measures the time until a response begins. The body of an error
// response is read by the caller, whose error blame records.
func (w *watching) RoundTrip(req *http.Request) (*http.Response, error) {
	h, start := w.of(req.URL), w.now()
	resp, err := w.next.RoundTrip(req)
	w.done(h, start, err)
	return resp, err
}

// CloseIdleConnections implements the interface that http.Client looks for.
func (w *watching) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// sessionLimit limits how long the function looks up its own identity: without a
// route to AWS STS there is no answer, and the copy does not need one.
const sessionLimit = 10 * time.Second

// session asks AWS STS for the function's identity and returns the ARN of its session.
func (h *Handler) session(ctx context.Context, r *recorder, p *patience) (arn string) {
	ctx, cancel := context.WithTimeout(ctx, sessionLimit)
	defer cancel()
	hop, start := r.hop(invocation.HopSession, ""), r.now()
	for attempts := 1; ; attempts++ {
		var err error
		arn, err = h.target.callerIdentity(ctx, h.settings.aws.identity)
		if err != nil {
			if again := p.again(ctx, attempts, err); again == nil {
				continue
			} else {
				err = again
			}
		}
		r.done(hop, start, err)
		hop.Identity, hop.Attempts = arn, attempts
		return arn
	}
}

// getCallerIdentity is the request whose signature Google exchanges for a token:
// AWS STS API Reference, "GetCallerIdentity".
const getCallerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"

// callerIdentity asks STS for its caller's ARN.
func (c *s3api) callerIdentity(ctx context.Context, endpoint *url.URL) (string, error) {
	u := url.URL{Scheme: "https", Host: "sts." + c.region + ".amazonaws.com", Path: "/"}
	if endpoint != nil {
		u = *endpoint
		u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	}
	body := []byte(getCallerIdentity)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("asking who the function is: %w", err)
	}
	req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": userAgent}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, c.creds, req, hex.EncodeToString(sum[:]), "sts", c.region, c.now()); err != nil {
		return "", fmt.Errorf("signing a request of STS: %w", err)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return "", &brokenError{err}
	}
	data, err := readAnswer(resp)
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return "", answerError("AWS STS", resp, inner(data), c.hide)
	}
	var answer struct {
		Arn string `xml:"GetCallerIdentityResult>Arn"`
	}
	if err := xml.Unmarshal(data, &answer); err != nil || answer.Arn == "" {
		return "", &brokenError{errors.New("reading STS's answer: there is no ARN in it")}
	}
	return answer.Arn, nil
}

// inner returns the error inside a response of AWS's query protocol; S3's
// have no such wrapper.
func inner(data []byte) []byte {
	var wrapped struct {
		Error struct {
			Inner []byte `xml:",innerxml"`
		}
	}
	if xml.Unmarshal(data, &wrapped) != nil || len(wrapped.Error.Inner) == 0 {
		return data
	}
	return slices.Concat([]byte("<Error>"), wrapped.Error.Inner, []byte("</Error>"))
}
