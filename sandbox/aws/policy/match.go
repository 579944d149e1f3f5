package policy

import (
	"regexp"
	"strings"
)

// arnFields is the number of colon-separated fields of an ARN; the last may
// hold further colons. See "Amazon Resource Names (ARNs)".
const arnFields = 6

// wildcard matches text against a pattern with * and ?.
func wildcard(pattern, text string) bool {
	// Iterative with one point of return, so that no pattern is exponential.
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || literal(pattern[p]) == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// arnLike matches an ARN field by field, so that a * in one field cannot reach
// into the next; an incomplete pattern is completed with * as AWS does. It is
// the rule of the ARN condition operators.
func arnLike(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	ps, as := strings.SplitN(pattern, ":", arnFields), strings.SplitN(arn, ":", arnFields)
	if len(as) != arnFields {
		return wildcard(pattern, arn)
	}
	for len(ps) < arnFields {
		ps = append(ps, "*")
	}
	for i := range ps {
		if !wildcard(ps[i], as[i]) {
			return false
		}
	}
	return true
}

// resourceLike is the rule of the Resource element: as arnLike, but that a *
// which ends a field may also stand for the fields that follow; see "IAM JSON
// policy elements: Resource".
func resourceLike(pattern, arn string) bool {
	if arnLike(pattern, arn) {
		return true
	}
	// reached[n] says that what was read of the pattern matches arn[:n].
	reached := make([]bool, len(arn)+1)
	reached[0] = true
	field := 1
	for i := range len(pattern) {
		next := make([]bool, len(arn)+1)
		crosses := field == arnFields || i+1 == len(pattern) || pattern[i+1] == ':'
		for n := range arn {
			switch c := arn[n]; {
			case pattern[i] == '*':
				next[n] = next[n] || reached[n]
				next[n+1] = next[n] && (c != ':' || crosses)
			case pattern[i] == '?':
				next[n+1] = reached[n] && (c != ':' || field == arnFields)
			default:
				next[n+1] = reached[n] && literal(pattern[i]) == c
			}
		}
		if pattern[i] == '*' {
			next[len(arn)] = next[len(arn)] || reached[len(arn)]
		}
		if pattern[i] == ':' && field < arnFields {
			field++
		}
		reached = next
	}
	return reached[len(arn)]
}

// In an expanded pattern these bytes stand for a literal * and ?, written
// ${*} and ${?} or come out of a variable's value.
const (
	literalStar = 0x01
	literalMark = 0x02
)

var literals = strings.NewReplacer("*", string(rune(literalStar)), "?", string(rune(literalMark)))

// literal is the character that a byte of an expanded pattern stands for.
func literal(c byte) byte {
	switch c {
	case literalStar:
		return '*'
	case literalMark:
		return '?'
	}
	return c
}

// plain is an expanded text without patterns in it.
func plain(text string) string {
	b := []byte(text)
	for i := range b {
		b[i] = literal(b[i])
	}
	return string(b)
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand replaces policy variables with the call's values. It fails when a
// variable without a default has no single value, and then the statement does
// not match. See "IAM policy elements: Variables and tags".
func (s *Statement) expand(text string, q *Request) (string, bool) {
	if !s.variables || !strings.Contains(text, "${") {
		return text, true
	}
	ok := true
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		name, fallback, hasDefault := strings.Cut(m[2:len(m)-1], ",")
		switch name = strings.TrimSpace(name); name {
		case "*":
			return string(rune(literalStar))
		case "?":
			return string(rune(literalMark))
		case "$":
			return "$"
		}
		if values := q.values(name); len(values) == 1 {
			return literals.Replace(values[0])
		}
		if hasDefault {
			return literals.Replace(strings.Trim(strings.TrimSpace(fallback), "'"))
		}
		ok = false
		return ""
	})
	return out, ok
}

// ActionMatches reports whether a value of the Action element means an action.
func ActionMatches(pattern, action string) bool {
	return wildcard(strings.ToLower(pattern), strings.ToLower(action))
}

func (s *Statement) action(action string) bool {
	for _, a := range s.Actions {
		if ActionMatches(a, action) {
			return !s.NotAction
		}
	}
	return s.NotAction
}

func (s *Statement) resource(q *Request) bool {
	for _, r := range s.Resources {
		pattern, ok := s.expand(r, q)
		if ok && resourceLike(pattern, q.Resource) {
			return !s.NotResource
		}
	}
	return s.NotResource
}
