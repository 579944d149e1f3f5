// Package s3 models Amazon S3: buckets with the configuration that AWS::S3::Bucket
// needs, objects with metadata, ranges, conditions, checksums in every form that
// clients send them, multipart uploads, versions and bucket policies. Every byte
// that arrives is checked against every digest that came with it.
//
// Of lifecycle rules those that abort incomplete uploads have effect; other rules,
// tags and ownership controls of buckets are kept and given back, and do nothing. Not
// modelled: CORS, server access logging, copies of
// parts and of versions, uploads by browsers' forms, Signature
// Version 2, ACLs (buckets enforce the owner, as new ones do), object tags, retention
// and legal holds of single objects, replication, inventory, notifications, website
// hosting, storage classes other than STANDARD, requester pays, access points and S3
// Select. Parameters and headers for them are refused by name. Writing and reading
// with a key of KMS needs the right to use it, also where the key is the bucket's
// default; objects under a key of the customer's are read with it alone. Nothing is
// really encrypted, and the account's own key aws/s3 is a label.
package s3

import (
	"encoding/base64"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// Quotas; see "Amazon S3 multipart upload limits", "Naming objects" and "Bucket
// quotas, limitations, and restrictions".
const (
	maxPutSize     = 5 << 30
	minPartSize    = 5 << 20
	maxParts       = 10_000
	maxKeyLength   = 1024
	maxListKeys    = 1000
	maxDeleteKeys  = 1000
	maxPolicySize  = 20 << 10
	maxRequestXML  = 2 << 20
	nullVersion    = "null"
	timestampXML   = "2006-01-02T15:04:05.000Z"
	namespaceXML   = "http://s3.amazonaws.com/doc/2006-03-01/"
	standardClass  = "STANDARD"
	defaultEncrypt = "AES256"
)

// Options are what S3 needs to know of its cloud.
type Options struct {
	api.Options
	Store *blob.Store
	// PrincipalExists reports whether an ARN that a bucket policy names exists; nil
	// accepts every one.
	PrincipalExists func(arn string) bool
	// UseKey has KMS decide whether a caller may use a key; nil knows no keys.
	UseKey func(r *api.Request, action, key, service string, context map[string]string) (arn string, err error)
	// Delay is how long a change of a bucket's policy takes to have effect.
	Delay time.Duration
	// MinPart is the smallest part but the last, in bytes; zero is what S3 allows.
	MinPart int64
}

// S3 is the service. Make it with New.
type S3 struct {
	Options

	mu      sync.RWMutex
	buckets map[string]*bucket
	uploads map[string]*upload // by upload id
}

// New returns an S3 without buckets.
func New(o Options) *S3 {
	o.Options = o.WithDefaults()
	if o.MinPart == 0 {
		o.MinPart = minPartSize
	}
	return &S3{Options: o, buckets: map[string]*bucket{}, uploads: map[string]*upload{}}
}

func (s *S3) now() time.Time { return s.Now().UTC().Truncate(time.Second) }

// token makes a random id that is safe in URLs.
func (s *S3) token() string { return base64.RawURLEncoding.EncodeToString(s.Bytes(24)) }

// Object is an object as tests and proofs look at it.
type Object struct {
	Key               string
	Size              int64
	ETag              string // without quotes
	ChecksumAlgorithm string // crc32c
	Checksum          string // base64, of multipart uploads perhaps with -N
	ChecksumType      string // FULL_OBJECT or COMPOSITE
	Metadata          map[string]string
	DeleteMarker      bool // of Versions alone, and then there is only a key
}

// look is an object as tests look at it.
func (o *object) look() Object {
	if o.deleteMarker {
		return Object{Key: o.key, DeleteMarker: true}
	}
	return Object{
		Key: o.key, Size: o.blob.Size, ETag: o.etag,
		ChecksumAlgorithm: string(o.checksum.algorithm), Checksum: o.checksum.value, ChecksumType: o.checksum.kind,
		Metadata: o.metadata(),
	}
}

// Versions returns the versions of a key in the order in which they were written, without
// asking for anybody's permission.
func (s *S3) Versions(bucketName, key string) (out []Object) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b, ok := s.buckets[bucketName]; ok {
		for _, o := range b.versions[key] {
			out = append(out, o.look())
		}
	}
	return out
}

// Objects returns the current objects of a bucket in the order of their keys,
// without asking for anybody's permission.
func (s *S3) Objects(bucketName string) []Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.buckets[bucketName]
	if !ok {
		return nil
	}
	var out []Object
	for _, key := range b.keys {
		if o := b.current(key); o != nil && !o.deleteMarker {
			out = append(out, o.look())
		}
	}
	return out
}

// Uploads returns the ids of the multipart uploads of a bucket that are neither
// complete nor aborted.
func (s *S3) Uploads(bucketName string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []string
	for id, u := range s.uploads {
		if u.bucket == bucketName && s.lives(u) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Read opens an object's contents, without asking for anybody's permission.
func (s *S3) Read(bucketName, key string) (io.ReadCloser, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.buckets[bucketName]
	if !ok {
		return nil, false
	}
	o := b.current(key)
	if o == nil || o.deleteMarker {
		return nil, false
	}
	shared := o.blob.Share()
	return releasing{shared.Reader(0, shared.Size), shared}, true
}

// releasing gives a blob up when its reader is closed.
type releasing struct {
	io.ReadCloser
	blob *blob.Blob
}

func (r releasing) Close() error {
	err := r.ReadCloser.Close()
	r.blob.Release()
	return err
}
