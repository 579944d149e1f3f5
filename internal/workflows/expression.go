package workflows

import (
	"fmt"
	"regexp"
	"strings"
)

// Context is what expressions see: github, vars and env, by their paths. A path that is
// not there is empty, as on GitHub.
type Context map[string]any

// status is how the job stands, for success(), failure(), cancelled() and always().
type status int

const (
	succeeded status = iota
	failed
	cancelled
)

// expressions are those in a text.
var expressions = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// Expand replaces the expressions in a text by their values.
func (c Context) Expand(text string) (string, error) {
	var problem error
	out := expressions.ReplaceAllStringFunc(text, func(found string) string {
		value, err := c.evaluate(strings.TrimSuffix(strings.TrimPrefix(found, "${{"), "}}"), succeeded)
		if err != nil {
			problem = err
		}
		if value == nil {
			return ""
		}
		return fmt.Sprint(value)
	})
	return out, problem
}

// Holds evaluates an if. One without a function for the job's status means success() too:
// GitHub Docs, "Evaluate expressions in workflows and actions".
func (c Context) Holds(condition string, now status) (bool, error) {
	condition = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(condition), "${{"), "}}")
	if strings.TrimSpace(condition) == "" {
		return now == succeeded, nil
	}
	value, err := c.evaluate(condition, now)
	if err != nil {
		return false, err
	}
	if !statusFunction.MatchString(condition) && now != succeeded {
		return false, nil
	}
	return truthy(value), nil
}

var statusFunction = regexp.MustCompile(`\b(success|failure|cancelled|always)\(\)`)

func truthy(v any) bool { return v != nil && v != false && v != "" }

// token splits an expression: strings, operators, names.
var token = regexp.MustCompile(`\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|\(|\)|,|[A-Za-z_][A-Za-z0-9_.-]*)`)

func (c Context) evaluate(text string, now status) (any, error) {
	p := parser{context: c, now: now}
	rest := strings.TrimSpace(text)
	for rest != "" {
		m := token.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			return nil, fmt.Errorf("the expression %q has %q, which is not understood", strings.TrimSpace(text), rest)
		}
		p.tokens = append(p.tokens, rest[m[2]:m[3]])
		rest = strings.TrimSpace(rest[m[1]:])
	}
	value, err := p.or()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is left over", strings.Join(p.tokens, " "))
	}
	if err != nil {
		return nil, fmt.Errorf("the expression %q: %w", strings.TrimSpace(text), err)
	}
	return value, nil
}

// parser evaluates tokens as it reads them.
type parser struct {
	context Context
	now     status
	tokens  []string
}

func (p *parser) next(want string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != want {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) or() (any, error) {
	left, err := p.and()
	for err == nil && p.next("||") {
		var right any
		if right, err = p.and(); !truthy(left) {
			left = right
		}
	}
	return left, err
}

func (p *parser) and() (any, error) {
	left, err := p.equal()
	for err == nil && p.next("&&") {
		var right any
		if right, err = p.equal(); truthy(left) {
			left = right
		}
	}
	return left, err
}

func (p *parser) equal() (any, error) {
	left, err := p.not()
	for err == nil {
		negated := p.next("!=")
		if !negated && !p.next("==") {
			return left, nil
		}
		var right any
		if right, err = p.not(); err == nil {
			left = same(left, right) != negated
		}
	}
	return left, err
}

// same compares as GitHub does: strings without regard to case, and null as "".
func same(a, b any) bool {
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	return strings.EqualFold(text(a), text(b))
}

func (p *parser) not() (any, error) {
	if p.next("!") {
		value, err := p.not()
		return !truthy(value), err
	}
	if p.next("(") {
		value, err := p.or()
		if err == nil && !p.next(")") {
			err = fmt.Errorf("a parenthesis is open")
		}
		return value, err
	}
	if len(p.tokens) == 0 {
		return nil, fmt.Errorf("something is missing at its end")
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	if text, quoted := strings.CutPrefix(word, "'"); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'"), nil
	}
	if p.next("(") {
		return p.call(word)
	}
	switch word {
	case "true", "false":
		return word == "true", nil
	case "null":
		return nil, nil
	}
	switch name, _, _ := strings.Cut(word, "."); name {
	case "github", "vars", "env", "runner":
		return p.context[word], nil
	}
	return nil, fmt.Errorf("%q is not understood", word)
}

func (p *parser) call(name string) (any, error) {
	if !p.next(")") {
		return nil, fmt.Errorf("the function %s with arguments is not understood", name)
	}
	switch name {
	case "success":
		return p.now == succeeded, nil
	case "failure":
		return p.now == failed, nil
	case "cancelled":
		return p.now == cancelled, nil
	case "always":
		return true, nil
	}
	return nil, fmt.Errorf("the function %s is not understood", name)
}
