package template

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// Functions are the intrinsic functions that can be evaluated.
func Functions() []string {
	return []string{"Fn::And", "Fn::Base64", "Fn::Equals", "Fn::FindInMap", "Fn::GetAZs", "Fn::GetAtt", "Fn::If", "Fn::ImportValue",
		"Fn::Join", "Fn::Not", "Fn::Or", "Fn::Select", "Fn::Split", "Fn::Sub", "Ref"}
}

func (e *Evaluation) call(name string, arg any) (any, error) {
	switch name {
	case "Ref":
		return e.ref(arg)
	case "Fn::GetAtt":
		return e.getAtt(arg)
	case "Fn::Sub":
		return e.sub(arg)
	case "Fn::Join":
		return e.join(arg)
	case "Fn::Select":
		return e.choose(arg)
	case "Fn::Split":
		return e.split(arg)
	case "Fn::FindInMap":
		return e.findInMap(arg)
	case "Fn::ImportValue":
		return e.importValue(arg)
	case "Fn::Base64":
		s, err := e.Text(arg, "Fn::Base64")
		if err != nil {
			return nil, errorf("Template error: every Fn::Base64 object must have a String-typed value.")
		}
		return base64.StdEncoding.EncodeToString([]byte(s)), nil
	case "Fn::If":
		return e.ifElse(arg)
	case "Fn::GetAZs":
		return e.zones(arg)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
		return e.truth(map[string]any{name: arg})
	}
	return nil, unsupported(name)
}

func unsupported(name string) error {
	return errorf("Template error: %s; it has [%s]", unmodelled.AWS("function", name), strings.Join(Functions(), ", "))
}

func (e *Evaluation) ref(arg any) (any, error) {
	name, ok := arg.(string)
	if !ok {
		return nil, errorf("Template format error: Every Ref object must have a single String value.")
	}
	if v, ok := e.pseudo(name); ok {
		return v, nil
	}
	if v, ok := e.scope.Parameters[name]; ok {
		return v, nil
	}
	if !e.active(name) || e.scope.Ref == nil {
		return nil, unresolved([]string{name}, "Resources")
	}
	return e.scope.Ref(name)
}

func (e *Evaluation) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::AccountId":
		return e.scope.AccountID, true
	case "AWS::Region":
		return e.scope.Region, true
	case "AWS::Partition":
		return "aws", true
	case "AWS::URLSuffix":
		return "amazonaws.com", true
	case "AWS::StackId":
		return e.scope.StackID, true
	case "AWS::StackName":
		return e.scope.StackName, true
	case "AWS::NoValue":
		return noValue{}, true
	case "AWS::NotificationARNs":
		list := make([]any, 0, len(e.scope.NotificationARNs))
		for _, arn := range e.scope.NotificationARNs {
			list = append(list, arn)
		}
		return list, true
	}
	return nil, false
}

const badGetAtt = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"

// target reads both forms of Fn::GetAtt. The attribute may be a function.
func target(arg any) (resource string, attribute any, ok bool) {
	switch arg := arg.(type) {
	case string:
		r, a, _ := strings.Cut(arg, ".")
		return r, a, r != "" && a != ""
	case []any:
		if len(arg) < 2 {
			return "", nil, false
		}
		r, _ := arg[0].(string)
		if len(arg) == 2 {
			return r, arg[1], r != "" && arg[1] != ""
		}
		rest, isText := stringOrList(arg[1:])
		return r, strings.Join(rest, "."), r != "" && isText
	}
	return "", nil, false
}

func (e *Evaluation) getAtt(arg any) (any, error) {
	resource, attribute, ok := target(arg)
	if !ok {
		return nil, errorf(badGetAtt)
	}
	name, err := e.Text(attribute, "the attribute of Fn::GetAtt")
	if err != nil {
		return nil, err
	}
	if _, ok := e.t.Resources[resource]; !ok {
		return nil, errorf("Template error: instance of Fn::GetAtt references undefined resource %s", resource)
	}
	if !e.active(resource) || e.scope.GetAtt == nil {
		return nil, unresolved([]string{resource}, "Resources")
	}
	return e.scope.GetAtt(resource, name)
}

func (e *Evaluation) join(arg any) (any, error) {
	const usage = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	pair, ok := arg.([]any)
	if !ok || len(pair) != 2 {
		return nil, errorf(usage)
	}
	delimiter, ok := pair[0].(string)
	if !ok {
		return nil, errorf(usage)
	}
	v, err := e.value(pair[1])
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errorf(usage)
	}
	texts := make([]string, 0, len(list))
	for _, element := range list {
		s, ok := scalar(element)
		if !ok {
			return nil, errorf(usage)
		}
		texts = append(texts, s)
	}
	return joined("Fn::Join", texts, delimiter)
}

func (e *Evaluation) choose(arg any) (any, error) {
	const usage = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	pair, ok := arg.([]any)
	if !ok || len(pair) != 2 {
		return nil, errorf(usage)
	}
	text, err := e.Text(pair[0], "the index of Fn::Select")
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(text)
	if err != nil {
		return nil, errorf(usage)
	}
	v, err := e.value(pair[1])
	if err != nil {
		return nil, err
	}
	if v == KnownAfterApply {
		return v, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errorf(usage)
	}
	if index < 0 || index >= len(list) {
		// A value that does not exist yet cannot be split; what is selected from it is not known either.
		if slices.ContainsFunc(list, func(v any) bool { s, _ := v.(string); return strings.Contains(s, KnownAfterApply) }) {
			return KnownAfterApply, nil
		}
		return nil, errorf("Template error: Fn::Select cannot select nonexistent value at index %d", index)
	}
	return list[index], nil
}

func (e *Evaluation) split(arg any) (any, error) {
	const usage = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	pair, ok := arg.([]any)
	if !ok || len(pair) != 2 {
		return nil, errorf(usage)
	}
	delimiter, ok := pair[0].(string)
	if !ok || delimiter == "" {
		return nil, errorf(usage)
	}
	text, err := e.Text(pair[1], "the text of Fn::Split")
	if err != nil {
		return nil, err
	}
	var list []any
	for part := range strings.SplitSeq(text, delimiter) {
		list = append(list, part)
	}
	return list, nil
}

func (e *Evaluation) findInMap(arg any) (any, error) {
	keys, ok := arg.([]any)
	if !ok || len(keys) != 3 {
		return nil, errorf("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
	}
	var path [3]string
	for i, key := range keys {
		text, err := e.Text(key, "a key of Fn::FindInMap")
		if err != nil {
			return nil, err
		}
		path[i] = text
	}
	m, ok := e.t.Mappings[path[0]]
	if !ok {
		return nil, errorf("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", path[0])
	}
	v, ok := m[path[1]][path[2]]
	if !ok {
		return nil, errorf("Template error: Unable to get mapping for %s::%s::%s", path[0], path[1], path[2])
	}
	return v, nil
}

func (e *Evaluation) importValue(arg any) (any, error) {
	name, err := e.Text(arg, "the name of Fn::ImportValue")
	if err != nil {
		return nil, err
	}
	if e.scope.Import == nil {
		return nil, errorf("No export named %s found", name)
	}
	return e.scope.Import(name)
}

func (e *Evaluation) ifElse(arg any) (any, error) {
	list, ok := arg.([]any)
	if !ok || len(list) != 3 {
		return nil, errorf("Template error: Fn::If requires a list argument with three elements")
	}
	name, ok := list[0].(string)
	if !ok {
		return nil, errorf("Template error: Fn::If requires a list argument with the first element being a condition")
	}
	holds, err := e.condition(name)
	if err != nil {
		return nil, err
	}
	if holds {
		return e.value(list[1])
	}
	return e.value(list[2])
}

// zones answers three zones for every region; the sandbox has none.
func (e *Evaluation) zones(arg any) (any, error) {
	region, err := e.Text(arg, "the region of Fn::GetAZs")
	if err != nil {
		return nil, err
	}
	if region == "" {
		region = e.scope.Region
	}
	return []any{region + "a", region + "b", region + "c"}, nil
}
