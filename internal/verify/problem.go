package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
)

// problem is what stopped a hop.
type problem struct {
	hop     string
	status  int // of HTTP; 0 when there was no answer
	code    string
	message string

	cause, why string // where the answer itself is clear about it
}

func (p problem) Error() string { return p.message }

// short is the answer without its explanation.
func (p problem) short() string {
	if p.status == 0 && p.code == "" {
		return p.message
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", p.status, p.code))
}

// Codes of errors that have none of their own.
const (
	codeCredentials = clouds.NoCredentials // the caller's cannot be obtained or renewed
	codeMismatch    = "Mismatch"           // the copy is not what it should be
)

// problemOf reads the error of one of the caller's own requests.
func (v *verification) problemOf(ctx context.Context, hop string, err error) problem {
	p := problem{hop: hop}
	if err == nil {
		return p
	}
	var differs *mismatch
	if errors.As(err, &differs) {
		p.code, p.message = codeMismatch, err.Error()
		return p
	}
	reply := clouds.ReplyOf(err)
	p.status, p.code, p.message = reply.Status, reply.Code, reply.Message
	if hop == HopSource || hop == HopRemoved {
		unseen := v.Google.Unseen(ctx, v.report.Source, err)
		if p.cause = diagnosis.CauseOf(unseen); p.cause != "" {
			p.why = unseen.Why()
		}
	}
	return p
}
