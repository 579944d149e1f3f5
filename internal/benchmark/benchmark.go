// Package benchmark measures the function as deployed, its binary under a minimal
// Lambda runtime, between a source and a destination that do as little as possible.
// It is compared with two others that run in the same way between the same two: the
// floor, which is one stream from a GET into a PUT with a CRC32C, and rclone if it
// is built.
//
//	go test -run '^$' -bench . -benchtime 1x ./internal/benchmark
//
// Source and destination are not the sandbox, which is strict and therefore slow:
// they check no signature, keep nothing, and serve bytes from memory over TLS.
// Only the processes that copy are measured, with Linux's own accounting.
package benchmark

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Range is the source and the destination of copies.
type Range struct {
	OriginURL, SinkURL string
	Certificates       string // the CA file for both URLs' certificates

	Sink *Sink

	shelf   *shelf
	origin  *origin
	servers []*http.Server
}

// Open starts an origin and a sink; dir is for the certificate.
func Open(dir string) (*Range, error) {
	certificate, file, err := authority(dir)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	r := &Range{Certificates: file, Sink: &Sink{}, origin: &origin{}}
	r.shelf = &shelf{sink: r.Sink}
	if r.OriginURL, err = r.serve(r.origin, certificate); err == nil {
		r.origin.url = r.OriginURL
		r.SinkURL, err = r.serve(r.shelf, certificate)
	}
	return r, err
}

func (r *Range) serve(h http.Handler, certificate tls.Certificate) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}, ReadHeaderTimeout: time.Minute}
	r.servers = append(r.servers, server)
	go server.ServeTLS(l, "", "") //nolint:errcheck // it returns after Close
	return "https://" + l.Addr().String(), nil
}

// Prepare computes the sum of objects of a size, which the origin otherwise does when it is
// first asked for one.
func (r *Range) Prepare(size int64) { r.origin.sum(size) }

// Close stops both.
func (r *Range) Close() {
	for _, s := range r.servers {
		s.Close()
	}
}

// authority creates a certificate for 127.0.0.1 that is its own CA.
func authority(dir string) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	file := filepath.Join(dir, "authority.pem")
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
