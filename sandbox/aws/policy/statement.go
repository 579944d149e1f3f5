package policy

import (
	"encoding/json"
	"regexp"
	"strings"
)

type rawStatement struct {
	Sid          string
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       json.RawMessage
	NotAction    json.RawMessage
	Resource     json.RawMessage
	NotResource  json.RawMessage
	Condition    json.RawMessage
}

// sidRule; see "IAM JSON policy elements: Sid". Services that have policies of
// their own allow more.
var sidRule = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (rs *rawStatement) statement(kind Kind) (*Statement, error) {
	s := &Statement{Sid: rs.Sid}
	switch {
	case rs.Effect == "Allow":
	case rs.Effect == "Deny":
		s.Deny = true
	case kind == Identity:
		return nil, malformed("Syntax errors in policy.")
	case rs.Effect == "":
		return nil, malformed("Missing required field Effect")
	default:
		return nil, malformed("Invalid effect: %s", rs.Effect)
	}
	if kind == Identity && !sidRule.MatchString(rs.Sid) {
		return nil, malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	for _, read := range []func(*Statement, Kind) error{rs.principal, rs.action, rs.resource, rs.condition} {
		if err := read(s, kind); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// either reads the list of an element that has a negated twin.
func either(positive, negated json.RawMessage) (list []string, not bool, err error) {
	if len(positive) > 0 && len(negated) > 0 {
		return nil, false, malformed("Syntax errors in policy.")
	}
	raw := positive
	if len(negated) > 0 {
		raw, not = negated, true
	}
	if list, err = oneOrMany[string](raw); err != nil {
		return nil, false, malformed("Syntax errors in policy.")
	}
	return list, not, nil
}

func (rs *rawStatement) principal(s *Statement, kind Kind) error {
	raw := rs.Principal
	if len(rs.NotPrincipal) > 0 {
		if len(raw) > 0 {
			return malformed("Syntax errors in policy.")
		}
		if kind == Identity {
			return malformed("Policy document should not specify a principal.")
		}
		if !s.Deny {
			return malformed("Allow with NotPrincipal is not allowed.")
		}
		if kind == Trust {
			return malformed("AssumeRole policy must not contain NotPrincipal field.")
		}
		raw, s.NotPrincipal = rs.NotPrincipal, true
	}
	if kind == Identity {
		if len(raw) > 0 {
			return malformed("Policy document should not specify a principal.")
		}
		return nil
	}
	if len(raw) == 0 {
		return malformed("Missing required field Principal")
	}
	var err error
	s.Principals, err = parsePrincipals(raw, kind)
	return err
}

func (rs *rawStatement) action(s *Statement, kind Kind) (err error) {
	if s.Actions, s.NotAction, err = either(rs.Action, rs.NotAction); err != nil {
		return err
	}
	if len(s.Actions) == 0 {
		if kind == Identity {
			return malformed("Policy statement must contain actions.")
		}
		return malformed("Missing required field Action")
	}
	for _, a := range s.Actions {
		vendor, name, ok := strings.Cut(a, ":")
		if a == "*" && kind != Trust {
			continue
		}
		if kind == Trust && (!strings.EqualFold(vendor, "sts") || s.NotAction) {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
		if kind == Bucket && !strings.EqualFold(vendor, "s3") {
			return malformed("Policy has invalid action")
		}
		if !ok || vendor == "" || name == "" {
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
		if strings.ContainsAny(vendor, "*?") {
			return malformed("Vendor %s is not valid", vendor)
		}
	}
	return nil
}

func (rs *rawStatement) resource(s *Statement, kind Kind) (err error) {
	if kind == Trust {
		if len(rs.Resource) > 0 {
			return malformed("Has prohibited field Resource")
		}
		if len(rs.NotResource) > 0 {
			return malformed("AssumeRole policy must not contain resources.")
		}
		s.Resources = []string{"*"}
		return nil
	}
	if s.Resources, s.NotResource, err = either(rs.Resource, rs.NotResource); err != nil {
		return err
	}
	if len(s.Resources) == 0 {
		if kind == Bucket {
			return malformed("Missing required field Resource")
		}
		return malformed("Policy statement must contain resources.")
	}
	for _, r := range s.Resources {
		switch {
		case r == "*" && kind != Bucket:
		case kind == Bucket && !strings.HasPrefix(r, "arn:aws:s3:::"):
			return malformed("Policy has invalid resource")
		case !strings.HasPrefix(r, "arn:"):
			return malformed("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return nil
}

func (rs *rawStatement) condition(s *Statement, _ Kind) error {
	if len(rs.Condition) == 0 {
		return nil
	}
	var operators map[string]map[string]json.RawMessage
	if err := strict(string(rs.Condition), &operators); err != nil {
		return malformed("Syntax errors in policy.")
	}
	for name, keys := range operators {
		for key, raw := range keys {
			c, err := parseCondition(name, key, raw)
			if err != nil {
				return err
			}
			s.Conditions = append(s.Conditions, c)
		}
	}
	return nil
}
