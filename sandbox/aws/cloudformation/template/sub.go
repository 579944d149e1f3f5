package template

import "strings"

// piece is one part of an Fn::Sub text: literal text, or a variable's name.
type piece struct {
	text     string
	variable bool
}

// pieces cuts an Fn::Sub text. ${!Name} is the literal ${Name}.
func pieces(text string) ([]piece, error) {
	var out []piece
	for {
		before, rest, found := strings.Cut(text, "${")
		if before != "" {
			out = append(out, piece{text: before})
		}
		if !found {
			return out, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return append(out, piece{text: "${" + rest}), nil
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			out = append(out, piece{text: "${" + literal + "}"})
		} else {
			name = strings.TrimSpace(name)
			if name == "" || strings.ContainsFunc(name, func(r rune) bool { return notAlphanumeric(r) && !strings.ContainsRune("_.:", r) }) {
				return nil, errorf("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
			}
			out = append(out, piece{text: name, variable: true})
		}
		text = after
	}
}

// subParts reads both forms of Fn::Sub.
func subParts(arg any) (text string, variables map[string]any, err error) {
	const usage = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	switch arg := arg.(type) {
	case string:
		return arg, nil, nil
	case []any:
		if len(arg) != 2 {
			return "", nil, errorf(usage)
		}
		text, isText := arg[0].(string)
		variables, isMap := arg[1].(map[string]any)
		if !isText || !isMap {
			return "", nil, errorf(usage)
		}
		return text, variables, nil
	}
	return "", nil, errorf(usage)
}

func (e *Evaluation) sub(arg any) (any, error) {
	text, variables, err := subParts(arg)
	if err != nil {
		return nil, err
	}
	parts, err := pieces(text)
	if err != nil {
		return nil, err
	}
	known := map[string]string{} // each variable is evaluated once
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if !p.variable {
			texts = append(texts, p.text)
			continue
		}
		s, ok := known[p.text]
		if !ok {
			v, err := e.variable(p.text, variables)
			if err != nil {
				return nil, err
			}
			if s, ok = scalar(v); !ok {
				return nil, errorf("Template error: Fn::Sub variable %s must resolve to a string", p.text)
			}
			known[p.text] = s
		}
		texts = append(texts, s)
	}
	return joined("Fn::Sub", texts, "")
}

// joined puts texts together, as long as they are not too much.
func joined(function string, texts []string, delimiter string) (any, error) {
	size := len(delimiter) * len(texts)
	for _, s := range texts {
		size += len(s)
	}
	if size > maxText {
		return nil, errorf("Template error: the result of %s is larger than %d bytes", function, maxText)
	}
	return strings.Join(texts, delimiter), nil
}

func (e *Evaluation) variable(name string, variables map[string]any) (any, error) {
	if v, ok := variables[name]; ok {
		return e.value(v)
	}
	if strings.Contains(name, ".") {
		return e.getAtt(name)
	}
	return e.ref(name)
}
