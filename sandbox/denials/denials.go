// Package denials is the table of what the clouds refuse, and how: each row makes a call
// through the service's own SDK, and says with which status, code and message it is
// refused. It knows nothing of how a cloud is made: rows are asked in local clouds of
// their own, or one after the other, by a Run, in clouds that last, which may be the
// real ones. docs/denials.md is the table for people.
package denials

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/googleapi"
)

// denial is one row of the table.
type denial struct {
	section string // the part of the table
	name    string // the case
	// do makes the call that must be refused, through the service's own SDK.
	do     func(t *testing.T, c *Clouds) error
	status int    // of HTTP
	code   string // AWS: the error's code; Google: its status, or the reason of Cloud Storage, or the OAuth error
	// message is the whole message; each … in it stands for some text.
	message string
	// source is the title of the documentation page or public report that shows
	// this answer, or "believed".
	source string
}

// believed is the source of an answer that no document and no report shows.
const believed = "believed"

// denials is the table.
func denials() []denial { return append(awsDenials(), googleDenials()...) }

// shape makes a message with … into the pattern of the whole message.
func shape(message string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".+") + `$`)
}

// page is docs/denials.md.
func page(rows []denial) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# What the sandbox refuses\n\nThe %d cases of the table in `sandbox/denials`, where each is a test: the call is made through the service's own SDK, and status, code and the whole message are held to these. … stands for what differs from call to call. A source is a page or report that shows the answer; where there is none, the answer is believed, and where sources disagree, it is contested.\n", len(rows))
	var sections []string
	bySection := map[string][]denial{}
	for _, row := range rows {
		if bySection[row.section] == nil {
			sections = append(sections, row.section)
		}
		bySection[row.section] = append(bySection[row.section], row)
	}
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, section := range sections {
		fmt.Fprintf(&out, "\n## %s\n\n| case | status | code | message | source |\n| --- | --- | --- | --- | --- |\n", section)
		for _, row := range bySection[section] {
			code := ""
			if row.code != "" {
				code = "`" + row.code + "`"
			}
			fmt.Fprintf(&out, "| %s | %d | %s | %s | %s |\n", row.name, row.status, code, cell.Replace(row.message), row.source)
		}
	}
	return out.String()
}

// holds reports whether a refusal is the row's.
func (d denial) holds(r refusal) bool {
	return r.status == d.status && r.code == d.code && shape(d.message).MatchString(r.message)
}

// refusal is what a cloud answered instead.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message) }

// refusalOf reads a refusal out of what an SDK returns.
func refusalOf(err error) (refusal, bool) {
	if err == nil {
		return refusal{}, false
	}
	var own *refusal
	if errors.As(err, &own) {
		return *own, true
	}
	var aws smithy.APIError
	if errors.As(err, &aws) {
		var response *smithyhttp.ResponseError
		if !errors.As(err, &response) {
			return refusal{}, false
		}
		return refusal{response.HTTPStatusCode(), aws.ErrorCode(), aws.ErrorMessage()}, true
	}
	var google *googleapi.Error
	if errors.As(err, &google) {
		return readGoogle(google.Code, []byte(google.Body))
	}
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		status, err := strconv.Atoi(m[1])
		if err != nil {
			return refusal{}, false
		}
		return readGoogle(status, []byte(m[2]))
	}
	return refusal{}, false
}

// answered is how Google's auth library tells of an answer.
var answered = regexp.MustCompile(`(?s)credentials: status code ([0-9]{3}): (\{.*\})`)

// readGoogle reads Google's two kinds of errors: OAuth's and those of its APIs.
func readGoogle(status int, body []byte) (refusal, bool) {
	var oauth struct {
		Error       string
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &oauth) == nil && oauth.Error != "" {
		return refusal{status, oauth.Error, oauth.Description}, true
	}
	var answer struct {
		Error struct {
			Code            int
			Status, Message string
			Errors          []struct{ Reason string }
		}
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error.Code != status {
		return refusal{status, http.StatusText(status), string(body)}, false
	}
	code := answer.Error.Status
	if len(answer.Error.Errors) > 0 {
		code = answer.Error.Errors[0].Reason
	}
	return refusal{status, code, answer.Error.Message}, true
}
