// Package policy reads and evaluates IAM policy documents: identity policies,
// the trust policies of roles, session policies and S3 bucket policies. It is
// pure: it holds no state and knows no service.
//
// An explicit deny in any policy wins. Else the call is allowed when the
// identity policies allow it, or a resource policy names the caller; a resource
// policy that names only the caller's account leaves the decision to the
// identity policies. Session policies limit what the identity policies give.
//
// It models Effect, Principal, NotPrincipal, Action, NotAction, Resource,
// NotResource, policy variables with defaults, and the string, ARN, numeric,
// date, boolean, null and IP condition operators with IfExists and the set
// qualifiers. It does not model permissions boundaries, organization policies,
// BinaryEquals, canonical users, federated callers but those of identity providers
// and calls between accounts beyond matching the principal; what is not
// modelled is refused by name when a document is read.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind is the use of a document, which decides what it may contain.
type Kind int

const (
	Identity Kind = iota // attached to a user or role, or given with a session
	Trust                // who may assume a role
	Bucket               // attached to an S3 bucket
	Resource             // attached to a resource of another service: a function, a repository
)

// Malformed says what is wrong with a document, in AWS's words where they are
// known.
type Malformed struct{ Message string }

func (m *Malformed) Error() string { return m.Message }

func malformed(format string, args ...any) error {
	return &Malformed{Message: fmt.Sprintf(format, args...)}
}

// currentVersion is the policy language with variables; see "IAM JSON policy
// elements: Version".
const currentVersion = "2012-10-17"

// Document is a policy as read.
type Document struct {
	Version    string
	Statements []Statement
}

// Statement is one statement of a document.
type Statement struct {
	Sid        string
	Index      int // from 0
	Deny       bool
	Principals []Principal // of a Trust or Bucket document
	// NotPrincipal, NotAction and NotResource turn the meaning of the list around.
	NotPrincipal bool
	Actions      []string
	NotAction    bool
	Resources    []string
	NotResource  bool
	Conditions   []condition
	variables    bool // the document's version has policy variables
}

// Name is what a decision calls the statement: its Sid, or its place.
func (s *Statement) Name() string {
	if s.Sid != "" {
		return s.Sid
	}
	return fmt.Sprintf("number %d", s.Index+1)
}

// Parse reads a document of the given kind. Its error is a *Malformed.
func Parse(text string, kind Kind) (*Document, error) {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	syntax := func(ofResources string) error {
		if kind == Identity {
			return malformed("Syntax errors in policy.")
		}
		return malformed("%s", ofResources)
	}
	if !json.Valid([]byte(text)) {
		if kind == Identity {
			return nil, malformed("The policy is not in the valid JSON format.")
		}
		return nil, malformed("This policy contains invalid Json")
	}
	if err := unique(text); err != nil {
		return nil, malformed("Syntax errors in policy.")
	}
	if err := strict(text, &raw); err != nil {
		return nil, syntax(unknownField(err))
	}
	switch raw.Version {
	case "", "2008-10-17", currentVersion:
	default:
		return nil, syntax("The policy must contain a valid version string")
	}
	if raw.Version != currentVersion && kind == Identity {
		return nil, malformed("Policy document must be version 2012-10-17 or greater.")
	}
	if len(raw.Statement) == 0 {
		return nil, syntax("Missing required field Statement")
	}
	statements, err := oneOrMany[rawStatement](raw.Statement)
	if err != nil {
		return nil, syntax(unknownField(err))
	}
	if len(statements) == 0 {
		return nil, syntax("Could not parse the policy: Statement is empty!")
	}
	doc := &Document{Version: raw.Version}
	sids := map[string]bool{}
	for i, rs := range statements {
		s, err := rs.statement(kind)
		if err != nil {
			return nil, err
		}
		if s.Sid != "" && sids[s.Sid] {
			if kind == Identity {
				return nil, malformed("Statement IDs (SID) in a single policy must be unique.")
			}
			return nil, malformed("The Statement Ids in the policy are not unique")
		}
		sids[s.Sid] = true
		s.Index, s.variables = i, raw.Version == currentVersion
		doc.Statements = append(doc.Statements, *s)
	}
	return doc, nil
}

// Keys are the condition keys that the document asks for.
func (d *Document) Keys() []string {
	var out []string
	for i := range d.Statements {
		for _, c := range d.Statements[i].Conditions {
			out = append(out, c.key)
		}
	}
	return out
}

// strict decodes text and refuses members that v does not have and anything
// after the document.
func strict(text string, v any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading policy: data after the document")
	}
	return nil
}

// unknownField is what services with policies of their own say about a member
// that a policy does not have.
func unknownField(err error) string {
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "Unknown field " + strings.Trim(name, `"`)
	}
	return "Syntax errors in policy."
}

// unique refuses an object with the same member twice, of which JSON decoders
// take one; see "Grammar of the IAM JSON policy language".
func unique(text string) error {
	type level struct {
		members map[string]bool // nil in an array
		value   bool            // the next token is a member's value
	}
	var levels []level
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		if err != nil {
			return nil // its end: the text is valid
		}
		top := len(levels) - 1
		delim, nested := token.(json.Delim)
		if top >= 0 && levels[top].members != nil && !(nested && (delim == '}' || delim == ']')) {
			if name, ok := token.(string); ok && !levels[top].value {
				if levels[top].members[name] {
					return fmt.Errorf("reading policy: two members %q", name)
				}
				levels[top].members[name] = true
			}
			levels[top].value = !levels[top].value
		}
		switch {
		case nested && delim == '{':
			levels = append(levels, level{members: map[string]bool{}})
		case nested && delim == '[':
			levels = append(levels, level{})
		case nested:
			levels = levels[:top]
		}
	}
}

// oneOrMany reads a JSON value that may stand alone or in an array.
func oneOrMany[T any](raw json.RawMessage) ([]T, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] == '[' {
		var many []T
		err := strict(string(raw), &many)
		return many, err
	}
	var one T
	if err := strict(string(raw), &one); err != nil {
		return nil, err
	}
	return []T{one}, nil
}
