package oidc

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	issuer, err := NewIssuer("https://issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIssuer("https://issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	down := *issuer
	down.Down = true
	sign := func(i *Issuer) string {
		t.Helper()
		text, err := i.Sign(Claims{"sub": "s", "aud": []string{"a", "b"}, "exp": 12})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := sign(issuer)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example","sub":"root"}`)) + "." + parts[2]
	for name, tt := range map[string]struct {
		text string
		web  *Issuer
		jwks string
		want error
	}{
		"good":                 {good, issuer, "", nil},
		"with uploaded keys":   {good, &down, issuer.KeySet(), nil},
		"another's keys":       {good, issuer, other.KeySet(), ErrSignature},
		"signed by another":    {sign(other), issuer, "", ErrSignature},
		"other claims":         {forged, issuer, "", ErrSignature},
		"without an algorithm": {none, issuer, "", ErrMalformed},
		"no token":             {"ya29.x", issuer, "", ErrMalformed},
		"unreachable":          {good, &down, "", ErrUnreachable},
		"no key set":           {good, issuer, "{", ErrUnreachable},
	} {
		token, err := Parse(tt.text)
		if err == nil {
			err = token.Verify(tt.web, issuer.URL, tt.jwks)
		}
		if !errors.Is(err, tt.want) || err != nil && tt.want == nil {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if err == nil && (token.Claims.Text("sub") != "s" || token.Claims.Seconds("exp") != 12 || !slices.Equal(token.Claims.Audiences(), []string{"a", "b"})) {
			t.Errorf("%s: the claims are %v", name, token.Claims)
		}
	}
	if _, err := NewIssuer("http://issuer.example"); err == nil {
		t.Error("an issuer without TLS is made")
	}
}
