package policy

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Principal is one value of a Principal element.
type Principal struct {
	Type  string // "AWS", "Service" or "Federated"
	Value string // an ARN, an account's root ARN, a service's name, or "*"
}

// Caller is who makes the call.
type Caller struct {
	Account string   // empty for an anonymous caller
	ARNs    []string // every ARN a policy may call the caller by: the session's and its role's, or the user's
	Service string   // lambda.amazonaws.com, when a service calls for itself
	// Federated is the ARN of the identity provider whose token is the caller's only
	// credential.
	Federated string
}

// match is how well a principal element fits a caller.
type match int

const (
	noMatch      match = iota
	accountMatch       // only the caller's account is named, which delegates to its identity policies
	callerMatch        // the caller itself is named
	sessionMatch       // the one session of a role is named, which no session policy limits
)

var accountID = regexp.MustCompile(`^\d{12}$`)

func parsePrincipals(raw json.RawMessage, kind Kind) ([]Principal, error) {
	var star string
	if json.Unmarshal(raw, &star) == nil {
		switch {
		case kind == Trust:
			return nil, malformed("Principal must be a JSON object.")
		case star != "*":
			return nil, invalidPrincipal(kind, "", star)
		}
		return []Principal{{Type: "AWS", Value: "*"}}, nil
	}
	var byType map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byType); err != nil {
		return nil, malformed("Syntax errors in policy.")
	}
	var out []Principal
	for _, typ := range slices.Sorted(maps.Keys(byType)) {
		values, err := oneOrMany[string](byType[typ])
		if err != nil {
			return nil, malformed("Syntax errors in policy.")
		}
		for _, v := range values {
			p, ok := parsePrincipal(typ, v)
			if !ok {
				return nil, invalidPrincipal(kind, typ, v)
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, malformed("Missing required field Principal cannot be empty!")
	}
	return out, nil
}

// invalidPrincipal is in IAM's words, or in those of S3, which does not name the
// unknown principal.
func invalidPrincipal(kind Kind, typ, value string) error {
	switch {
	case kind == Bucket:
		return malformed("Invalid principal in policy")
	case typ == "":
		return malformed("Invalid principal in policy: %q", value)
	}
	return malformed("Invalid principal in policy: %q:%q", strings.ToUpper(typ), value)
}

func parsePrincipal(typ, value string) (Principal, bool) {
	ok := value != ""
	switch typ {
	case "AWS":
		if accountID.MatchString(value) {
			value = "arn:aws:iam::" + value + ":root"
		}
		fields := strings.SplitN(value, ":", 6)
		arn := len(fields) == 6 && fields[0] == "arn" && (fields[2] == "iam" || fields[2] == "sts") &&
			fields[3] == "" && accountID.MatchString(fields[4]) && fields[5] != "" && !strings.Contains(fields[5], "*")
		ok = value == "*" || arn
	case "Service":
		ok = strings.HasSuffix(value, ".amazonaws.com")
	case "Federated":
	default:
		ok = false // CanonicalUser is not modelled
	}
	return Principal{Type: typ, Value: value}, ok
}

func (p Principal) match(c Caller) match {
	switch p.Type {
	case "Service":
		if c.Service != "" && p.Value == c.Service {
			return callerMatch
		}
	case "Federated":
		if c.Federated != "" && p.Value == c.Federated {
			return callerMatch
		}
	case "AWS":
		if c.Service != "" || c.Federated != "" {
			return noMatch
		}
		if p.Value == "*" {
			return callerMatch
		}
		for _, arn := range c.ARNs {
			if arn == p.Value && strings.Contains(arn, ":assumed-role/") {
				return sessionMatch
			}
			if arn == p.Value {
				return callerMatch
			}
		}
		if c.Account != "" && p.Value == "arn:aws:iam::"+c.Account+":root" {
			return accountMatch
		}
	}
	return noMatch
}

// caller says how the statement's principals fit c. A statement of an identity
// policy has none and is about whoever carries it.
func (s *Statement) caller(c Caller) match {
	if s.Principals == nil {
		return callerMatch
	}
	best := noMatch
	for _, p := range s.Principals {
		best = max(best, p.match(c))
	}
	if s.NotPrincipal {
		if best == noMatch {
			return callerMatch
		}
		return noMatch
	}
	return best
}
