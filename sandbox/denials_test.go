package sandbox_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/googleapi"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// denial is one row of the table of what the clouds refuse, and how.
type denial struct {
	section string // the part of the table
	name    string // the case
	// do makes the call that must be refused, through the service's own SDK.
	do     func(t *testing.T, c *sandboxtest.Clouds) error
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

// enough rows, so that a part of the table is not lost unnoticed.
const enough = 60

var update = flag.Bool("update", false, "write docs/denials.md")

// denialsPage is the table for people, made of the rows.
const denialsPage = "../docs/denials.md"

// TestDenials makes every call of the table in clouds of its own.
func TestDenials(t *testing.T) {
	t.Parallel()
	rows := denials()
	if len(rows) < enough {
		t.Errorf("the table has %d rows, fewer than %d", len(rows), enough)
	}
	for _, row := range rows {
		t.Run(row.section+"/"+row.name, func(t *testing.T) {
			t.Parallel()
			err := row.do(t, sandboxtest.New(t, sandbox.Options{}))
			if err == nil {
				t.Fatal("the call was answered")
			}
			got, ok := refusalOf(err)
			if !ok {
				t.Fatalf("the client says %v (%T), which is no answer of a cloud", err, err)
			}
			if got.status != row.status || got.code != row.code || !shape(row.message).MatchString(got.message) {
				t.Errorf("answered\n  %d %s: %s\nwant\n  %d %s: %s", got.status, got.code, got.message, row.status, row.code, row.message)
			}
			if row.source == "" {
				t.Error("the row names no source")
			}
		})
	}
}

// shape makes a message with … into the pattern of the whole message.
func shape(message string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".+") + `$`)
}

// TestDenialsPage holds the page to the table.
func TestDenialsPage(t *testing.T) {
	t.Parallel()
	page := writeDenials(denials())
	if *update {
		if err := os.WriteFile(denialsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(denialsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Error("docs/denials.md is not what the table says; go test ./sandbox -run TestDenialsPage -update writes it")
	}
}

func writeDenials(rows []denial) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# What the sandbox refuses\n\nThe %d cases of the table in `sandbox`, where each is a test: the call is made through the service's own SDK, and status, code and the whole message are held to these. … stands for what differs from call to call. A source is a page or report that shows the answer; where there is none, the answer is believed, and where sources disagree, it is contested.\n", len(rows))
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
			fmt.Fprintf(&out, "| %s | %d | `%s` | %s | %s |\n", row.name, row.status, row.code, cell.Replace(row.message), row.source)
		}
	}
	return out.String()
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
