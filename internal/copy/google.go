package copy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// queueScope is needed to pull and to publish: Pub/Sub documentation, "OAuth 2.0 scopes".
const queueScope = "https://www.googleapis.com/auth/pubsub"

// API makes requests of one of Google's JSON APIs with the function's identity, its token
// and its connections, with the retries of a copy. The generated client of four methods of
// Pub/Sub would make the bundle larger by 2.4 MB, which is 72 %: it brings gRPC and
// OpenTelemetry.
type API struct{ gcs }

// API returns an API by the service's name in errors. A request may wait for an answer as
// long as stall without a byte moving.
func (h *Handler) API(service string, endpoint *url.URL, stall time.Duration) *API {
	p := &patience{now: h.patience.now, sleep: h.patience.sleep, stall: stall}
	return &API{gcs{
		identity: h.source.identity, service: service, endpoint: endpoint, transport: h.source.transport, hide: h.source.hide,
		patience: p, pace: p.pace(service),
	}}
}

// Call posts a document to a path and reads the answer into another, unless that is nil. Its
// error is an *AnswerError if the service answered, an *ExhaustedError after retries.
func (a *API) Call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	u := *a.endpoint
	u.Path += path
	return a.patience.attempt(ctx, func() error {
		resp, err := a.send(ctx, http.MethodPost, &u, http.Header{"User-Agent": userAgent, "Content-Type": {"application/json"}}, body, http.StatusOK)
		if err != nil {
			return err
		}
		answer, err := readUpTo(resp, maxFile)
		if err != nil || out == nil {
			return err
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return &brokenError{fmt.Errorf("reading the answer: %w", err)}
		}
		return nil
	}, func() {})
}
