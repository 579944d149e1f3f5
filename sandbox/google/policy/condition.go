package policy

import (
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/expression"
)

func variables(a api.Attributes) map[string]any {
	return map[string]any{
		"request":  map[string]any{"time": a.Time},
		"resource": map[string]any{"name": a.Name, "type": a.Type, "service": a.Service},
	}
}

// maxCondition is the longest expression, in characters: IAM documentation,
// "Overview of IAM Conditions".
const maxCondition = 12 << 10

func (c Condition) check() error {
	if len(c.Expression) > maxCondition {
		return api.InvalidArgument("The condition expression is longer than %d characters.", maxCondition)
	}
	if _, err := expression.Condition(c.Expression, "request", "resource"); err != nil {
		return api.InvalidArgument("Expression parsing failed: %v", err)
	}
	return nil
}

func (c Condition) holds(attrs api.Attributes) (bool, error) {
	e, err := expression.Condition(c.Expression, "request", "resource")
	if err != nil {
		return false, err
	}
	return e.Bool(variables(attrs))
}
