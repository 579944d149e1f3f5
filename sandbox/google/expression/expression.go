// Package expression is the Common Expression Language as Google's IAM speaks
// it: cel-go with the extract function, for attribute mappings, attribute
// conditions and the conditions of policy bindings (IAM documentation, "Attribute
// reference for IAM Conditions" and "Workload identity federation: mappings and
// conditions"). The date functions with time zones are cel-go's own.
package expression

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// costLimit bounds one evaluation, so that no expression hangs the cloud.
const costLimit = 1_000_000

// Expression is a compiled expression.
type Expression struct {
	program cel.Program
	gives   *cel.Type // if it is known before an evaluation
}

// Condition compiles an expression that can only give a bool.
func Condition(source string, variables ...string) (Expression, error) {
	e, err := Compile(source, variables...)
	if err == nil && !cel.BoolType.IsAssignableType(e.gives) && e.gives.Kind() != cel.DynKind {
		err = fmt.Errorf("the expression gives %s, not bool", e.gives)
	}
	return e, err
}

// Compile checks and compiles an expression over the named variables, each a
// map of attributes.
func Compile(source string, variables ...string) (Expression, error) {
	options := []cel.EnvOption{
		ext.Strings(ext.StringsVersion(1)), // split and join among them
		cel.Function("extract", cel.MemberOverload("string_extract_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(value, template ref.Val) ref.Val {
				out, err := extract(string(value.(types.String)), string(template.(types.String)))
				if err != nil {
					return types.NewErr("%v", err)
				}
				return types.String(out)
			}))),
	}
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.MapType(cel.StringType, cel.DynType)))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return Expression{}, fmt.Errorf("preparing expressions: %w", err)
	}
	ast, issues := env.Compile(source)
	if err := issues.Err(); err != nil {
		return Expression{}, err
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return Expression{}, err
	}
	return Expression{program, ast.OutputType()}, nil
}

// Bool evaluates a condition.
func (e Expression) Bool(variables map[string]any) (bool, error) {
	out, _, err := e.program.Eval(variables)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the expression gives %s, not bool", out.Type().TypeName())
	}
	return bool(b), nil
}

// Value evaluates a mapping. A list of strings is a []string; whether a value is of the
// type that its attribute needs is known only here: google-github-actions/auth, issue 378.
func (e Expression) Value(variables map[string]any) (any, error) {
	out, _, err := e.program.Eval(variables)
	if err != nil {
		return nil, err
	}
	switch v := out.(type) {
	case types.String:
		return string(v), nil
	case traits.Lister:
		list := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			text, ok := it.Next().(types.String)
			if !ok {
				return v.Value(), nil
			}
			list = append(list, string(text))
		}
		return list, nil
	}
	return out.Value(), nil
}

// extract returns the part of value that stands where the template has its name
// in braces, up to the text behind the braces; or nothing when value does not
// have the template's text.
func extract(value, template string) (string, error) {
	open, end := strings.Index(template, "{"), strings.Index(template, "}")
	if open < 0 || end < open+2 {
		return "", fmt.Errorf("extract: template %q has no {name}", template)
	}
	before, after := template[:open], template[end+1:]
	_, rest, found := strings.Cut(value, before)
	if !found {
		return "", nil
	}
	if after == "" {
		return rest, nil
	}
	out, _, found := strings.Cut(rest, after)
	if !found {
		return "", nil
	}
	return out, nil
}
