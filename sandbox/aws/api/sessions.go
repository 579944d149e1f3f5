package api

import "time"

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

	// Forward makes a session with the caller's own identity and rights, as a
	// service does that goes on with its caller's credentials.
	Forward(caller Principal, d time.Duration) (Credentials, error)
}
