// Package oidc is OpenID Connect as far as both local clouds need it: they verify the ID
// tokens of an issuer, and Issuer is one that signs them, in place of GitHub's for
// example. Which audience or subject is let in is the clouds' business.
//
// Tokens are JSON Web Tokens with RS256 signatures; other algorithms, encrypted tokens and
// access tokens are refused. The keys are those of the issuer's discovery document
// (OpenID Connect Discovery 1.0), which is fetched anew for every token, or given as a
// JSON Web Key Set (RFC 7517).
package oidc

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
)

// The reasons for which a token is refused, for errors.Is.
var (
	ErrMalformed   = errors.New("it is no signed JSON Web Token")
	ErrUnreachable = errors.New("the issuer's keys cannot be had")
	ErrSignature   = errors.New("the issuer has not signed it")
)

// Claims are what a token says.
type Claims map[string]any

// Text is a claim that is a string, or empty.
func (c Claims) Text(name string) string {
	text, _ := c[name].(string)
	return text
}

// Seconds is a claim that is a time, in seconds since 1970, or 0.
func (c Claims) Seconds(name string) int64 {
	n, _ := c[name].(float64)
	return int64(n)
}

// Audiences are the values of aud, which is one or a list: RFC 7519, section 4.1.3.
func (c Claims) Audiences() []string {
	switch aud := c["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var out []string
		for _, a := range aud {
			if text, ok := a.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// Token is a token as it was sent.
type Token struct {
	Claims Claims

	key       string // id of the key that signed it
	signed    string
	signature []byte
}

// Parse reads a token without verifying it.
func Parse(text string) (Token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Token{}, ErrMalformed
	}
	var header struct {
		Alg  string   `json:"alg"`
		Kid  string   `json:"kid"`
		Crit []string `json:"crit"`
	}
	t := Token{signed: parts[0] + "." + parts[1]}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return Token{}, ErrMalformed
	}
	if decode(parts[0], &header) != nil || decode(parts[1], &t.Claims) != nil || header.Alg != "RS256" || len(header.Crit) > 0 {
		return Token{}, ErrMalformed
	}
	t.key = header.Kid
	return t, nil
}

func decode(part string, v any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// keySet is a JSON Web Key Set.
type keySet struct {
	Keys []struct {
		Kty string `json:"kty"`
		Kid string `json:"kid"`
		N   string `json:"n"`
		E   string `json:"e"`
	} `json:"keys"`
}

// Verify checks a token's signature with the keys of an issuer: those of jwks, or, if
// that is empty, those that the issuer publishes.
func (t Token) Verify(web http.RoundTripper, issuer, jwks string) error {
	var keys keySet
	if jwks != "" {
		if err := json.Unmarshal([]byte(jwks), &keys); err != nil {
			return fmt.Errorf("%w: the uploaded key set: %v", ErrUnreachable, err)
		}
	} else if err := published(web, issuer, &keys); err != nil {
		return fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	sum := sha256.Sum256([]byte(t.signed))
	for _, k := range keys.Keys {
		if k.Kty != "RSA" || k.Kid != t.key {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		if err != nil {
			continue
		}
		e, err := base64.RawURLEncoding.DecodeString(k.E)
		if err != nil {
			continue
		}
		key := rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		if rsa.VerifyPKCS1v15(&key, crypto.SHA256, sum[:], t.signature) == nil {
			return nil
		}
	}
	return ErrSignature
}

// published fetches the keys of an issuer by its discovery document.
func published(web http.RoundTripper, issuer string, keys *keySet) error {
	var document struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := fetch(web, strings.TrimSuffix(issuer, "/")+discoveryPath, &document); err != nil {
		return err
	}
	if document.Issuer != issuer {
		return fmt.Errorf("the discovery document is of the issuer %q", document.Issuer)
	}
	return fetch(web, document.JWKS, keys)
}

// discoveryPath is that of OpenID Connect Discovery 1.0, section 4.
const discoveryPath = "/.well-known/openid-configuration"

const maxDocument = 1 << 20 // bytes

func fetch(web http.RoundTripper, url string, v any) error {
	if web == nil {
		return errors.New("no issuer can be reached")
	}
	if !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%q is no https address", url)
	}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := web.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(v)
}
