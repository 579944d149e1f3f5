// Package sandbox is two local clouds, one of AWS and one of Google, on loopback
// addresses of this process. They know each other as the real ones do: Google's
// token exchange sends the signed AWS request to the AWS cloud and believes its
// answer.
//
// Nothing in it can reach a real cloud: account, project and keys are made up,
// every URL is this process's own, and Environ points the proxies of child processes
// at a closed port.
//
// Start serves both clouds to a program. Tests of code that reads Cloud Storage
// from AWS start with package sandboxtest, which also makes role, service account,
// pool, provider and buckets. Everything in the clouds is made, read and changed
// through their own APIs, with the AWS SDK by AWSConfig or any other client.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// The made-up account and project of every sandbox.
const (
	Account       = "123456789012"
	Region        = "ap-northeast-1"
	Project       = "demo-project"
	ProjectNumber = "987654321098"
)

// Options configure a sandbox; the zero value works.
type Options struct {
	Dir    string           // parent of the folder for contents; default: the system's
	Now    func() time.Time // the clouds' clock
	Faults faults.Chooser   // what is to go wrong; default: nothing
	// Services are the Google APIs that are enabled from the start; nil is all of them.
	Services []string
	// IAMDelay is how long a change of a policy takes to have effect, on both sides.
	IAMDelay time.Duration
	// EnableDelay is how long a Google API that was enabled does not answer yet.
	EnableDelay time.Duration
	// Web reaches the issuers of OpenID Connect tokens whose providers the clouds have,
	// such as an oidc.Issuer; nil reaches none.
	Web http.RoundTripper
	// Accounts are further AWS accounts, by their ids, each with a cloud of its own:
	// Google asks whichever has signed.
	Accounts []string
	// MinPart is the smallest part of an S3 upload but the last, in bytes, so that
	// tests need no large objects; zero is what S3 allows.
	MinPart int64
}

// Sandbox is both clouds, served.
type Sandbox struct {
	AWS     *aws.Cloud
	Google  *google.Cloud
	Journal *journal.Journal

	Others map[string]*aws.Cloud // the clouds of Options.Accounts

	AWSURL    string // http://127.0.0.1:PORT
	GoogleURL string

	dir     string
	servers []*http.Server
	unused  unused
}

// Start makes both clouds and serves them on free ports of 127.0.0.1.
func Start(opts Options) (*Sandbox, error) {
	dir, err := os.MkdirTemp(opts.Dir, "clouds-")
	if err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	s := &Sandbox{Journal: &journal.Journal{}, dir: dir}
	if err := s.start(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the sandbox: %w", err), s.Close())
	}
	return s, nil
}

func (s *Sandbox) start(opts Options) error {
	awsListener, awsURL, err := listen()
	if err != nil {
		return err
	}
	googleListener, googleURL, err := listen()
	if err != nil {
		return errors.Join(err, awsListener.Close())
	}
	s.AWSURL, s.GoogleURL = awsURL.String(), googleURL.String()
	s.AWS, err = aws.New(aws.Options{
		Account: Account,
		Region:  Region,
		Now:     opts.Now,
		Journal: s.Journal,
		Dir:     s.dir,
		URL:     s.AWSURL,
		MinPart: opts.MinPart,
		Web:     opts.Web,

		IAMDelay: opts.IAMDelay,
	})
	if err == nil {
		s.Google, err = google.New(google.Options{
			ProjectID:     Project,
			ProjectNumber: ProjectNumber,
			Now:           opts.Now,
			Journal:       s.Journal,
			Dir:           s.dir,
			URL:           s.GoogleURL,
			AWS:           s.localAWS(),
			Web:           opts.Web,
			IAMDelay:      opts.IAMDelay,
			EnableDelay:   opts.EnableDelay,
			Services:      opts.Services,
		})
	}
	for _, account := range opts.Accounts {
		err = errors.Join(err, s.add(account, opts))
	}
	if err != nil {
		return errors.Join(err, awsListener.Close(), googleListener.Close())
	}
	s.serve(awsListener, faults.Handler(s.AWS, opts.Faults))
	s.serve(googleListener, google.Lines(faults.Handler(s.Google, opts.Faults)))
	return nil
}

// add makes and serves the cloud of a further account.
func (s *Sandbox) add(account string, opts Options) error {
	listener, url, err := listen()
	if err != nil {
		return err
	}
	cloud, err := aws.New(aws.Options{Account: account, Region: Region, Now: opts.Now, Journal: s.Journal, Dir: s.dir, URL: url.String(), MinPart: opts.MinPart, IAMDelay: opts.IAMDelay, Web: opts.Web})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if s.Others == nil {
		s.Others = map[string]*aws.Cloud{}
	}
	s.Others[account] = cloud
	s.serve(listener, faults.Handler(cloud, opts.Faults))
	return nil
}

func listen() (net.Listener, *url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return l, &url.URL{Scheme: "http", Host: l.Addr().String()}, nil
}

func (s *Sandbox) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ConnState: s.unused.note}
	s.servers = append(s.servers, server)
	go server.Serve(l) //nolint:errcheck // it ends with Close, which reports
}

// AWSConfig is the configuration of an AWS SDK client with the given credentials.
// It tries nothing twice: here a refusal is an answer.
func (s *Sandbox) AWSConfig(c api.Credentials) sdk.Config {
	return sdk.Config{
		Region:       Region,
		BaseEndpoint: sdk.String(s.AWSURL),
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		Retryer:      func() sdk.Retryer { return sdk.NopRetryer{} },
		HTTPClient:   awshttp.Client(),
	}
}

// unused are the connections on which nothing was asked yet. Clients open more than
// they need in the end, and a server that shuts down waits 5 seconds for each.
type unused struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (u *unused) note(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		u.open = map[net.Conn]bool{}
	}
	if state == http.StateNew {
		u.open[c] = true
	} else {
		delete(u.open, c)
	}
}

// close closes them, as far as they are open still.
func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.open {
		_ = c.Close() // nobody waits for it
	}
}

// closing bounds the wait for requests that are under way.
const closing = 5 * time.Second

// Close ends both clouds and removes what they stored.
func (s *Sandbox) Close() error {
	var errs []error
	if s.AWS != nil { // first: functions that run here use the servers
		errs = append(errs, s.AWS.Close())
	}
	for _, cloud := range s.Others {
		errs = append(errs, cloud.Close())
	}
	if s.Google != nil { // a pull that waits would hold its server up
		s.Google.PubSub().Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	s.unused.close()
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			errs = append(errs, server.Close())
		}
	}
	if s.Google != nil {
		errs = append(errs, s.Google.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// localAWS sends what is meant for AWS's hosts to a local cloud, which reads the
// Host header as AWS does: to that of the account whose key signed the request, and
// what no account signed to the sandbox's own, which refuses it.
func (s *Sandbox) localAWS() http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		address := s.AWSURL
		_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		id, _, _ := strings.Cut(credential, "/")
		for _, cloud := range s.Others {
			if _, ok := cloud.IAM().Key(id); ok {
				address = cloud.URL()
			}
		}
		target, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
		return http.DefaultTransport.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
