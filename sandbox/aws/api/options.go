package api

import (
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// nowhere is a closed port. Without an endpoint the SDK would ask the real AWS.
const nowhere = "http://127.0.0.1:9"

// Options are what every service knows of its cloud.
type Options struct {
	Account  string
	Region   string
	URL      string           // the cloud's endpoint; empty is a closed port
	Sessions                  // how a service acts as a role or as its caller; nil where none does
	Now      func() time.Time // nil is time.Now
	Random   io.Reader        // nil is crypto/rand
}

// WithDefaults fills in what is left out.
func (o Options) WithDefaults() Options {
	if o.URL == "" {
		o.URL = nowhere
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

// ARN names a resource of the account in the region.
func (o Options) ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + o.Region + ":" + o.Account + ":" + resource
}

// Config is an SDK configuration that reaches the cloud with these credentials. A
// refusal is an answer here, so nothing is tried again.
func (o Options) Config(c Credentials) aws.Config {
	return aws.Config{
		Region:       o.Region,
		BaseEndpoint: &o.URL,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// Bytes are n random bytes. Without randomness nothing can go on.
func (o Options) Bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(o.Random, b); err != nil {
		panic("reading randomness: " + err.Error())
	}
	return b
}

// UUID is a random UUID.
func (o Options) UUID() string {
	b := o.Bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Text is n random characters of an alphabet whose length is a power of two, so
// that the remainder is not biased.
func (o Options) Text(alphabet string, n int) string {
	b := o.Bytes(n)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// Credentials are temporary security credentials of one session.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// Sessions makes the sessions that AWS services run with. IAM implements it.
type Sessions interface {
	// ServiceRole assumes roleARN as the service principal (lambda.amazonaws.com).
	// It is refused when the role's trust policy does not name the service, or the
	// role does not exist.
	ServiceRole(roleARN, service, session string, d time.Duration) (Credentials, error)

	// ServiceRoleFor is ServiceRole on behalf of a resource, whose ARN trust policies
	// know as aws:SourceArn.
	ServiceRoleFor(source, roleARN, service, session string, d time.Duration) (Credentials, error)

	// RoleID is the unique id of the role that has the ARN now; a role that was deleted
	// and made again has another.
	RoleID(roleARN string) (id string, ok bool)

	// Forward makes a session with the caller's own identity and rights, as a
	// service does that goes on with its caller's credentials.
	Forward(caller Principal, d time.Duration) (Credentials, error)
}
