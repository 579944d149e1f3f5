package lambda

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// statement is one statement of a function's resource policy.
type statement struct {
	Sid, Effect string
	Principal   any
	Action      string
	Resource    string
	Condition   map[string]map[string]string `json:",omitempty"`
}

// allow checks the right to do action on a function, by the caller's policies or
// the function's own. Server.mu must be held.
func (s *Server) allow(c *api.Request, action, name string, f *function) error {
	arn := s.arn(name)
	if f == nil || len(f.policy) == 0 {
		return c.Authorize(action, arn, nil)
	}
	document, err := policy.Parse(f.document(), policy.Resource)
	if err != nil {
		return err
	}
	return c.AuthorizeWith(action, arn, nil, policy.Set{Resource: []policy.Named{{Name: "the policy of function " + name, Document: document}}})
}

// document is the function's policy as GetPolicy answers it.
func (f *function) document() string {
	text, err := json.Marshal(struct {
		Version, Id string
		Statement   []statement
	}{"2012-10-17", "default", f.policy})
	if err != nil {
		panic("marshalling strings: " + err.Error())
	}
	return string(text)
}

type permissionInput struct {
	StatementId, Action, Principal string
	SourceAccount, SourceArn       string
	PrincipalOrgID                 string
	RevisionId                     *string
}

func (s *Server) addPermission(c *api.Request, in *permissionInput) (any, error) {
	return s.with(c, "AddPermission", func(f *function) (any, error) {
		if err := f.expect(in.RevisionId); err != nil {
			return nil, err
		}
		for _, st := range f.policy {
			if st.Sid == in.StatementId {
				return nil, api.Errorf(http.StatusConflict, "ResourceConflictException", "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementId)
			}
		}
		if !strings.HasPrefix(in.Action, "lambda:") && in.Action != "*" {
			return nil, constraint(in.Action, "action", "satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])")
		}
		st := statement{Sid: in.StatementId, Effect: "Allow", Action: in.Action, Resource: s.arn(f.name), Condition: in.conditions()}
		switch {
		case in.Principal == "*":
			st.Principal = "*"
		case strings.Contains(in.Principal, ".amazonaws.com"):
			st.Principal = map[string]string{"Service": in.Principal}
		case len(in.Principal) == 12:
			st.Principal = map[string]string{"AWS": "arn:aws:iam::" + in.Principal + ":root"}
		default:
			st.Principal = map[string]string{"AWS": in.Principal}
		}
		f.policy = append(f.policy, st)
		if _, err := policy.Parse(f.document(), policy.Resource); err != nil {
			f.policy = f.policy[:len(f.policy)-1]
			return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
		}
		f.revision = s.UUID()
		text, err := json.Marshal(st)
		return struct{ Statement string }{string(text)}, err
	})
}

func (in permissionInput) conditions() map[string]map[string]string {
	out := map[string]map[string]string{}
	if in.SourceAccount != "" {
		out["StringEquals"] = map[string]string{"AWS:SourceAccount": in.SourceAccount}
	}
	if in.PrincipalOrgID != "" {
		if out["StringEquals"] == nil {
			out["StringEquals"] = map[string]string{}
		}
		out["StringEquals"]["aws:PrincipalOrgID"] = in.PrincipalOrgID
	}
	if in.SourceArn != "" {
		out["ArnLike"] = map[string]string{"AWS:SourceArn": in.SourceArn}
	}
	return out
}

func (s *Server) removePermission(c *api.Request) (any, error) {
	return s.with(c, "RemovePermission", func(f *function) (any, error) {
		id := c.PathValue("statement")
		i := slices.IndexFunc(f.policy, func(st statement) bool { return st.Sid == id })
		if i < 0 {
			return nil, notFound("Statement %s is not found in resource policy.", id)
		}
		f.policy = slices.Delete(f.policy, i, i+1)
		f.revision = s.UUID()
		return nil, nil
	})
}

func (s *Server) getPolicy(c *api.Request) (any, error) {
	return s.with(c, "GetPolicy", func(f *function) (any, error) {
		if len(f.policy) == 0 {
			return nil, notFound("The resource you requested does not exist.")
		}
		return struct{ Policy, RevisionId string }{f.document(), f.revision}, nil
	})
}
