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
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '?' || pattern[p] == literalStar && text[t] == '*' || pattern[p] == literalMark && text[t] == '?'):
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
// into the next; an incomplete pattern is completed with * as AWS does.
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

// In an expanded pattern these bytes stand for a literal * and ?, written
// ${*} and ${?} or come out of a variable's value.
const (
	literalStar = 0x01
	literalMark = 0x02
)

var literals = strings.NewReplacer("*", string(rune(literalStar)), "?", string(rune(literalMark)))

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

func (s *Statement) action(action string) bool {
	for _, a := range s.Actions {
		if wildcard(strings.ToLower(a), strings.ToLower(action)) {
			return !s.NotAction
		}
	}
	return s.NotAction
}

func (s *Statement) resource(q *Request) bool {
	for _, r := range s.Resources {
		pattern, ok := s.expand(r, q)
		if ok && arnLike(pattern, q.Resource) {
			return !s.NotResource
		}
	}
	return s.NotResource
}
