// Package diagnosis finds why a hop of the copy is denied, and what to do about it. It
// looks in both clouds whether what the function needs on its way is granted: the
// exchange of its signature for a token, the service account, the object, and the write
// to S3; and it holds the causes of denials with their remedies. It reads policies as
// they are written; whether a change has reached every edge yet cannot be read, which is
// why a denial of what is granted can be temporary. It uses the caller's permissions and
// changes nothing. Which causes a failure can have is the table of package verify.
package diagnosis

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Rights are those of one environment's function.
type Rights struct {
	Environment environment.Environment
	AWS         aws.Config
	Google      *clouds.Google
	// Number is the project's as the function's credential configuration has it; empty
	// asks the project.
	Number string
}

// State is what the clouds say about what a hop needs.
type State int

const (
	Unknown State = iota // it cannot be seen
	Granted              // it is granted
	Missing              // it is not granted, or does not exist
)

// Verdict is the answer of the clouds.
type Verdict struct {
	State  State
	Reason string
	Cause  string // of something missing, or of what cannot be seen where that is known: its id
	AWS    bool   // it is AWS's policy that grants it
	Err    error  // why they do not say
}

func missing(cause, format string, args ...any) Verdict {
	return Verdict{State: Missing, Reason: fmt.Sprintf(format, args...), Cause: cause}
}

func granted(format string, args ...any) Verdict {
	return Verdict{State: Granted, Reason: fmt.Sprintf(format, args...)}
}

// unseen is that something cannot be seen.
func unseen(err error) Verdict { return Verdict{Reason: err.Error(), Cause: CauseOf(err), Err: err} }
