package states

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// sessionLength is how long one session of a role lasts; believed.
const sessionLength = time.Hour

// session is a state machine's role, as the calls of one execution and its children
// are made.
type session struct {
	server  *Server
	machine string // ARN of the state machine that the role is assumed for
	role    string

	mu    sync.Mutex
	creds api.Credentials
}

// credentials are those of the session, which is renewed in time.
func (x *session) credentials() (api.Credentials, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.server.Now().Add(time.Minute).Before(x.creds.Expiration) {
		return x.creds, nil
	}
	name := x.server.Text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab", 32)
	creds, err := x.server.ServiceRoleFor(x.machine, x.role, principal, name, sessionLength)
	if err == nil {
		x.creds = creds
	}
	return creds, err
}

// signer signs the service's own calls by the cloud's clock, which may differ from the
// machine's.
type signer struct{ now func() time.Time }

// SignHTTP implements the interface that the SDK's clients sign with.
func (s signer) SignHTTP(ctx context.Context, creds aws.Credentials, r *http.Request, hash, service, region string, _ time.Time,
	options ...func(*v4.SignerOptions)) error {
	return v4.NewSigner().SignHTTP(ctx, creds, r, hash, service, region, s.now(), options...)
}

// ask asks whether the role may do something that no request asks for.
func (x *session) ask(action, resource string) error {
	creds, err := x.credentials()
	if err != nil {
		return err
	}
	return x.server.Ask(creds.AccessKeyID, action, resource, nil)
}
