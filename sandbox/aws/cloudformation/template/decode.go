package template

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// decode reads the text of a template. JSON is read as JSON, because YAML
// readers differ from it in escapes; everything else is YAML.
func decode(body string) (map[string]any, error) {
	if strings.HasPrefix(strings.TrimSpace(body), "{") {
		if root, err := decodeJSON(body); err == nil {
			return root, nil
		} else if yaml.Unmarshal([]byte(body), new(yaml.Node)) != nil {
			return nil, errorf("Template format error: JSON not well-formed. (%v)", err)
		}
		// A YAML flow mapping also starts with a brace.
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(body), &doc); err != nil {
		return nil, errorf("Template format error: YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, errorf("Template format error: template is empty")
	}
	v, err := value(doc.Content[0])
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errorf("Template format error: unsupported structure.")
	}
	return root, nil
}

func decodeJSON(body string) (map[string]any, error) {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the end of the template")
	}
	return root, nil
}

// value turns a YAML node into the same types as JSON, short forms (!Ref)
// included. Dates stay the strings they were written as: a policy's Version.
func value(n *yaml.Node) (any, error) {
	if n.Kind == yaml.AliasNode {
		return nil, errorf("Template format error: YAML aliases are not allowed in CloudFormation templates")
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return shortForm(n)
	}
	return plain(n)
}

func plain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, dup := m[key]; dup {
				return nil, errorf("Template format error: YAML not well-formed. (line %d, column %d): duplicate key %s", n.Content[i].Line, n.Content[i].Column, key)
			}
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := value(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		return n.Value, nil // 0o17, 1_000: CloudFormation keeps the text
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, errorf("Template format error: YAML not well-formed. (line %d)", n.Line)
		}
		return b, nil
	case "!!null":
		return nil, nil
	}
	return n.Value, nil
}

func shortForm(n *yaml.Node) (any, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	bare := *n
	bare.Tag = ""
	if n.Kind == yaml.ScalarNode {
		bare.Tag = "!!str"
	}
	arg, err := plain(&bare)
	if err != nil {
		return nil, err
	}
	if s, ok := arg.(string); ok && name == "Fn::GetAtt" {
		resource, attribute, _ := strings.Cut(s, ".")
		arg = []any{resource, attribute}
	}
	return map[string]any{name: arg}, nil
}
