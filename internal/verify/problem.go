package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/googleapi"
)

// problem is what stopped a hop.
type problem struct {
	hop     string
	status  int // of HTTP; 0 when there was no answer
	code    string
	message string
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
	codeCredentials = "NoCredentials" // the person's cannot be had or renewed
	codeMismatch    = "Mismatch"      // the copy is not what it should be
)

// problemOf reads what a client of either cloud returns to the person's own calls.
func problemOf(hop string, err error) problem {
	p := problem{hop: hop}
	if err == nil {
		return p
	}
	p.message = err.Error()
	var (
		google   *googleapi.Error
		aws      smithy.APIError
		response *smithyhttp.ResponseError
		differs  *mismatch
	)
	switch {
	case errors.As(err, &google):
		p.status, p.code = google.Code, googleCode(google)
		if google.Message != "" {
			p.message = google.Message
		}
	case errors.As(err, &aws):
		p.code = aws.ErrorCode()
		if errors.As(err, &response) {
			p.status = response.HTTPStatusCode()
		}
		if text := aws.ErrorMessage(); text != "" {
			p.message = text
		}
	case errors.As(err, &differs):
		p.code = codeMismatch
	case hasAny(p.message, "cannot fetch token", "invalid_grant", "invalid_rapt", "failed to refresh cached credentials", "get identity: get credentials", "static credentials are empty", "no EC2 IMDS role found"):
		p.code = codeCredentials
	}
	return p
}

// googleCode is an error's status or, of Cloud Storage, its reason.
func googleCode(e *googleapi.Error) string {
	var body struct {
		Error struct{ Status string }
	}
	if json.Unmarshal([]byte(e.Body), &body) == nil && body.Error.Status != "" {
		return body.Error.Status
	}
	if len(e.Errors) > 0 {
		return e.Errors[0].Reason
	}
	return http.StatusText(e.Code)
}

func hasAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
