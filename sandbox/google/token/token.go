// Package token keeps the access tokens that the local Google Cloud has issued. A
// token is an opaque random string; only this package knows its principal.
package token

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Store holds issued tokens. The zero value works with the machine's clock.
type Store struct {
	Now func() time.Time

	mu     sync.Mutex
	tokens map[string]issued
}

type issued struct {
	principal api.Principal
	expires   time.Time
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Issue makes a token for the principal.
func (s *Store) Issue(p api.Principal, lifetime time.Duration) (string, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[string]issued{}
	}
	token := "ya29." + rand.Text() + rand.Text()
	expires := s.now().Add(lifetime)
	s.tokens[token] = issued{p, expires}
	return token, expires
}

// Lookup returns the principal of a token that is known and has not expired.
func (s *Store) Lookup(token string) (api.Principal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[token]
	if !ok || !s.now().Before(t.expires) {
		return api.Principal{}, false
	}
	return t.principal, true
}
