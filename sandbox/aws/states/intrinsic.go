package states

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// intrinsic is a call of an intrinsic function; see "Intrinsic functions for JSONPath
// states".
type intrinsic struct {
	text      string
	name      string
	arguments []expression
}

// literal is a constant argument.
type literal struct{ value any }

func (l literal) eval(environment) (any, error) { return l.value, nil }

// intrinsics are the functions that are modelled, with their numbers of arguments; -1
// is any number of them.
var intrinsics = map[string]int{
	"States.Array": -1, "States.ArrayContains": 2, "States.ArrayGetItem": 2, "States.ArrayLength": 1, "States.Format": -1,
	"States.JsonMerge": 3, "States.JsonToString": 1, "States.MathAdd": 2, "States.StringToJson": 1,
}

func parseIntrinsic(text string) (expression, error) {
	p := intrinsicParser{text, text}
	call, err := p.call()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("something follows the call")
	}
	return call, err
}

type intrinsicParser struct{ text, rest string }

func (p *intrinsicParser) call() (expression, error) {
	name, rest, ok := strings.Cut(p.rest, "(")
	if !ok {
		return nil, fmt.Errorf("the call has no arguments")
	}
	count, known := intrinsics[name]
	if !known {
		return nil, api.Unmodelled("intrinsic function", name)
	}
	c := intrinsic{text: p.text, name: name}
	for p.rest = strings.TrimLeft(rest, " "); !strings.HasPrefix(p.rest, ")"); {
		argument, err := p.argument()
		if err != nil {
			return nil, err
		}
		c.arguments = append(c.arguments, argument)
		p.rest = strings.TrimLeft(p.rest, " ")
		if strings.HasPrefix(p.rest, ",") {
			p.rest = strings.TrimLeft(p.rest[1:], " ")
		} else if !strings.HasPrefix(p.rest, ")") {
			return nil, fmt.Errorf("the call is not closed")
		}
	}
	p.rest = p.rest[1:]
	if count >= 0 && len(c.arguments) != count {
		return nil, fmt.Errorf("%s takes %d arguments, not %d", name, count, len(c.arguments))
	}
	return c, nil
}

func (p *intrinsicParser) argument() (expression, error) {
	switch {
	case strings.HasPrefix(p.rest, "'"):
		return p.quoted()
	case strings.HasPrefix(p.rest, "States."):
		return p.call()
	}
	end := 0
	for depth := 0; end < len(p.rest) && (depth > 0 || p.rest[end] != ',' && p.rest[end] != ')'); end++ {
		switch p.rest[end] {
		case '[':
			depth++
		case ']':
			depth--
		}
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if strings.HasPrefix(word, "$") {
		return parsePath(word)
	}
	v, err := parse([]byte(word))
	if err != nil {
		return nil, fmt.Errorf("the argument %q is neither a path nor a value", word)
	}
	return literal{v}, nil
}

// quoted reads a text in apostrophes; a backslash takes the next character as it is.
func (p *intrinsicParser) quoted() (expression, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			if i++; p.rest[i] == '{' || p.rest[i] == '}' {
				b.WriteByte('\\') // States.Format reads it
			}
			b.WriteByte(p.rest[i])
		case c == '\'':
			p.rest = p.rest[i+1:]
			return literal{b.String()}, nil
		default:
			b.WriteByte(c)
		}
	}
	return nil, fmt.Errorf("a text is not closed")
}

func (c intrinsic) eval(e environment) (any, error) {
	arguments := make([]any, len(c.arguments))
	for i, a := range c.arguments {
		var err error
		if arguments[i], err = a.eval(e); err != nil {
			return nil, err
		}
	}
	v, ok := c.apply(arguments)
	if !ok {
		return nil, &failure{name: "States.IntrinsicFailure", cause: "Invalid arguments in " + c.text}
	}
	return v, nil
}

func (c intrinsic) apply(a []any) (any, bool) {
	switch c.name {
	case "States.Array":
		return a, true
	case "States.ArrayContains":
		list, ok := a[0].([]any)
		for _, item := range list {
			if encode(item) == encode(a[1]) {
				return true, ok
			}
		}
		return false, ok
	case "States.ArrayGetItem":
		list, ok := a[0].([]any)
		n, isInteger := integer(a[1])
		if !ok || !isInteger || n < 0 || n >= int64(len(list)) {
			return nil, false
		}
		return list[n], true
	case "States.ArrayLength":
		list, ok := a[0].([]any)
		return json.Number(strconv.Itoa(len(list))), ok
	case "States.Format":
		return format(a)
	case "States.JsonMerge": // the third argument is false: deep merging does not exist
		first, ok1 := a[0].(map[string]any)
		second, ok2 := a[1].(map[string]any)
		if deep, ok := a[2].(bool); !ok || deep || !ok1 || !ok2 {
			return nil, false
		}
		out := make(map[string]any, len(first)+len(second))
		for _, m := range []map[string]any{first, second} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out, true
	case "States.JsonToString":
		return encode(a[0]), true
	case "States.StringToJson":
		text, ok := a[0].(string)
		if !ok || strings.TrimSpace(text) == "" {
			return nil, ok
		}
		v, err := parse([]byte(text))
		return v, err == nil
	case "States.MathAdd":
		x, ok1 := rounded(a[0])
		y, ok2 := rounded(a[1])
		return json.Number(strconv.FormatInt(x+y, 10)), ok1 && ok2
	}
	return nil, false
}

// format replaces each {} of a template by the next argument.
func format(a []any) (any, bool) {
	if len(a) == 0 {
		return nil, false
	}
	text, ok := a[0].(string)
	if !ok {
		return nil, false
	}
	var b strings.Builder
	a = a[1:]
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '{' || text[i+1] == '}'):
			i++
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], "{}"):
			if len(a) == 0 {
				return nil, false
			}
			b.WriteString(inserted(a[0]))
			a = a[1:]
			i++
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), len(a) == 0
}

// inserted is a value as States.Format inserts it: lists and objects as Java prints them.
func inserted(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = inserted(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, name := range sorted(v) {
			parts = append(parts, name+"="+inserted(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return encode(v)
}

// rounded reads a number as States.MathAdd does: to the nearest whole one, and half of
// one up.
func rounded(v any) (int64, bool) {
	if n, ok := integer(v); ok {
		return n, true
	}
	f, err := parseFloat(v)
	return int64(math.Floor(f + 0.5)), err == nil
}

// integer reads a whole number.
func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}
