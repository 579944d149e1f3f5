package token

import (
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

func TestStore(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	s := &Store{Now: func() time.Time { return now }}
	first, expires := s.Issue(api.Principal{Member: "user:a@example.com"}, time.Minute)
	second, _ := s.Issue(api.Principal{Member: "user:a@example.com"}, time.Minute)
	if first == second || !strings.HasPrefix(first, "ya29.") || !expires.Equal(now.Add(time.Minute)) {
		t.Errorf("two tokens: %s and %s, the first until %v", first, second, expires)
	}
	if p, ok := s.Lookup(first); !ok || p.Member != "user:a@example.com" {
		t.Errorf("Lookup = %+v, %v", p, ok)
	}
	for _, token := range []string{"", "ya29.", first + "x"} {
		if _, ok := s.Lookup(token); ok {
			t.Errorf("the token %q is known", token)
		}
	}
	now = now.Add(time.Minute)
	if _, ok := s.Lookup(first); ok {
		t.Error("an expired token is known")
	}
}

func TestZeroStore(t *testing.T) {
	t.Parallel()
	var s Store
	token, _ := s.Issue(api.Principal{}, time.Hour)
	if _, ok := s.Lookup(token); !ok {
		t.Error("the zero store forgot its token")
	}
}
