package pubsub

import (
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// filter reports whether a subscription takes a message with these attributes.
type filter func(attributes map[string]string) bool

// maxFilter is the longest filter, in bytes: Pub/Sub documentation, "Filter messages from
// a subscription".
const maxFilter = 256

// parseFilter reads a filter in the syntax of that page; an empty one is nil.
func parseFilter(text string) (filter, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxFilter {
		return nil, outOfBounds("filter length", len(text), 0, maxFilter, false)
	}
	p := filterParser{rest: text}
	p.next()
	f := p.expression()
	if p.wrong || p.token != "" {
		return nil, api.InvalidArgument("Invalid filter given (filter=%s). "+
			"Refer to https://cloud.google.com/pubsub/docs/filtering for more information.", text)
	}
	return f, nil
}

// filterParser reads a filter from left to right.
type filterParser struct {
	rest  string
	token string // the current one; a quoted text begins with its quotation mark
	wrong bool
}

// next takes the next token.
func (p *filterParser) next() {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	n := 0
	switch {
	case p.rest == "":
	case p.rest[0] == '"':
		for n = 1; n < len(p.rest) && p.rest[n] != '"'; n++ {
			if p.rest[n] == '\\' {
				n++
			}
		}
		if n >= len(p.rest) {
			p.wrong, n = true, len(p.rest)-1
		}
		n++
	case strings.HasPrefix(p.rest, "!="):
		n = 2
	case strings.IndexByte("():.,=-", p.rest[0]) >= 0:
		n = 1
	default:
		for n < len(p.rest) && (p.rest[n] == '_' || p.rest[n] == '-' && n > 0 || isLetterOrDigit(p.rest[n])) {
			n++
		}
		if n == 0 {
			p.wrong, n = true, len(p.rest)
		}
	}
	p.token, p.rest = p.rest[:n], p.rest[n:]
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// take takes the current token if it is the given one.
func (p *filterParser) take(token string) bool {
	if p.token != token {
		return false
	}
	p.next()
	return true
}

// need is take of what has to follow.
func (p *filterParser) need(token string) { p.wrong = !p.take(token) || p.wrong }

// expression reads terms joined by AND, or by OR: the two do not mix without parentheses.
func (p *filterParser) expression() filter {
	f := p.term()
	operator := p.token
	for (operator == "AND" || operator == "OR") && p.take(operator) && !p.wrong {
		left, right := f, p.term()
		if operator == "AND" {
			f = func(a map[string]string) bool { return left(a) && right(a) }
		} else {
			f = func(a map[string]string) bool { return left(a) || right(a) }
		}
	}
	return f
}

func (p *filterParser) term() filter {
	switch {
	case p.take("NOT"), p.take("-"):
		f := p.term()
		return func(a map[string]string) bool { return !f(a) }
	case p.take("("):
		f := p.expression()
		p.need(")")
		return f
	case p.take("hasPrefix"):
		p.need("(")
		p.need("attributes")
		p.need(".")
		key := p.text(false)
		p.need(",")
		prefix := p.text(true)
		p.need(")")
		return func(a map[string]string) bool { v, ok := a[key]; return ok && strings.HasPrefix(v, prefix) }
	}
	p.need("attributes")
	if p.take(":") {
		key := p.text(false)
		return func(a map[string]string) bool { _, ok := a[key]; return ok }
	}
	p.need(".")
	key := p.text(false)
	equal := p.take("=")
	if !equal {
		p.need("!=")
	}
	value := p.text(true)
	return func(a map[string]string) bool { return (a[key] == value) == equal }
}

// text reads a quoted text, or a bare word where that is allowed.
func (p *filterParser) text(quoted bool) string {
	token := p.token
	inner, isQuoted := strings.CutPrefix(token, `"`)
	if isQuoted {
		token = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.TrimSuffix(inner, `"`))
	}
	if quoted && !isQuoted || !isQuoted && (token == "" || !isLetterOrDigit(token[0]) && token[0] != '_') {
		p.wrong = true
	}
	p.next()
	return token
}
