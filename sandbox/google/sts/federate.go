package sts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/expression"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/iam"
)

// Limits of mapped attributes: IAM API reference,
// "projects.locations.workloadIdentityPools.providers", attributeMapping, bytes.
const (
	maxSubject    = 127
	maxAttributes = 16 << 10
)

// federate makes the principal of what an identity provider asserts of somebody, whom it
// calls name: it applies the provider's mapping and holds the result to its condition. It
// says what was mapped to what.
func federate(p iam.Provider, assertion map[string]any, name string) (principal api.Principal, why string, problem *Error) {
	google, attribute := map[string]any{}, map[string]any{}
	var subject string
	var sets []string
	pool := "principalSet://iam.googleapis.com/" + p.Pool + "/"
	total := 0
	var mapped []string
	// Seen for google.subject of another type alone (google-github-actions/auth, issue
	// 378); that the other faults of a mapping have the same code is believed.
	unmapped := func(format string, args ...any) *Error {
		return &Error{Code: "unauthorized_client", Description: fmt.Sprintf(format, args...)}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Mapping)) {
		source := p.Mapping[key]
		value, err := evaluate(source, assertion)
		if err != nil {
			return api.Principal{}, "", unmapped("Error evaluating the mapping of %s: %v", key, err)
		}
		mapped = append(mapped, fmt.Sprintf("%s=%v", key, value))
		text, isText := value.(string)
		total += len(key) + len(text)
		switch name, custom := strings.CutPrefix(key, "attribute."); {
		case key == "google.groups":
			groups, ok := value.([]string)
			if !ok {
				return api.Principal{}, "", unmapped("The mapped attribute '%s' must be of type LIST.", key)
			}
			google["groups"] = groups
			for _, group := range groups {
				sets = append(sets, pool+"group/"+group)
			}
		case !isText:
			return api.Principal{}, "", unmapped("The mapped attribute '%s' must be of type STRING.", key)
		case custom:
			attribute[name] = text
			if text != "" {
				sets = append(sets, pool+"attribute."+name+"/"+text)
			}
		default:
			google["subject"], subject = text, text
		}
	}
	switch {
	case subject == "":
		return api.Principal{}, "", unmapped("The mapped attribute google.subject must not be empty.")
	case len(subject) > maxSubject:
		return api.Principal{}, "", &Error{Code: "invalid_request", Description: fmt.Sprintf("The size of mapped attribute google.subject exceeds the %d bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than %d bytes.", maxSubject, maxSubject)}
	case total > maxAttributes:
		return api.Principal{}, "", &Error{Code: "invalid_request", Description: fmt.Sprintf("The total size of mapped attributes exceeds %d bytes.", maxAttributes)}
	}
	why = "the mapping gives " + strings.Join(mapped, ", ")
	if p.Condition != "" {
		condition, err := expression.Condition(p.Condition, "assertion", "google", "attribute")
		holds := false
		if err == nil {
			holds, err = condition.Bool(map[string]any{"assertion": assertion, "google": google, "attribute": attribute})
		}
		if err != nil || !holds {
			cause := fmt.Sprintf("(The condition %s is false: %s.)", p.Condition, why)
			if err != nil {
				cause = fmt.Sprintf("(The condition %s fails: %v.)", p.Condition, err)
			}
			return api.Principal{}, "", &Error{Code: "unauthorized_client", Description: "The given credential is rejected by the attribute condition.", cause: cause}
		}
		why += "; the condition holds: " + p.Condition
	}
	return api.Principal{
		Member:  "principal://iam.googleapis.com/" + p.Pool + "/subject/" + subject,
		Sets:    append(sets, pool+"*"),
		Through: []string{name},
	}, why, nil
}

func evaluate(source string, assertion map[string]any) (any, error) {
	e, err := expression.Compile(source, "assertion")
	if err != nil {
		return nil, err
	}
	return e.Value(map[string]any{"assertion": assertion})
}
