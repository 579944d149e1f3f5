package oidc

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
)

// keyBits is the size of an issuer's key.
const keyBits = 2048

// Issuer signs tokens. As a transport it answers for its own address, so that a cloud
// reaches it under a name that only the internet has.
type Issuer struct {
	URL string // https, without a slash at the end
	// Down lets no one reach it.
	Down bool

	key *rsa.PrivateKey
	id  string
}

// NewIssuer makes an issuer with a key of its own.
func NewIssuer(url string) (*Issuer, error) {
	if !strings.HasPrefix(url, "https://") || strings.HasSuffix(url, "/") {
		return nil, fmt.Errorf("making an issuer: %q must be an https address without a slash at the end", url)
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	return &Issuer{URL: url, key: key, id: rand.Text()}, nil
}

// Sign makes a token with these claims, and with iss if they have none.
func (i *Issuer) Sign(claims Claims) (string, error) {
	all := Claims{"iss": i.URL}
	for name, value := range claims {
		all[name] = value
	}
	header, err := json.Marshal(map[string]string{"typ": "JWT", "alg": "RS256", "kid": i.id})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// KeySet is the issuer's JSON Web Key Set.
func (i *Issuer) KeySet() string {
	data, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": i.id,
		"n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
	if err != nil {
		panic(err) // strings alone: cannot happen
	}
	return string(data)
}

// jwksPath is where GitHub's issuer has its keys; every issuer chooses its own.
const jwksPath = "/.well-known/jwks"

// RoundTrip answers requests for the discovery document and the keys.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	path, own := strings.CutPrefix(r.URL.String(), i.URL)
	if !own || i.Down {
		return nil, fmt.Errorf("dialing %s: no such host", r.URL.Host)
	}
	body, status := "", http.StatusOK
	switch path {
	case discoveryPath:
		body = fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"response_types_supported":["id_token"],"subject_types_supported":["public"],`+
			`"id_token_signing_alg_values_supported":["RS256"]}`,
			i.URL, i.URL+jwksPath)
	case jwksPath:
		body = i.KeySet()
	default:
		status = http.StatusNotFound
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)), Request: r,
	}, nil
}
