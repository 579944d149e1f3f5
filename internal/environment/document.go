package environment

import (
	"fmt"
	"regexp"
	"strings"
)

// Document writes an environment's file: the given settings, and below them all others
// as comments with default and meaning. The values are not checked; Parse does that.
func Document(name string, values map[string]string) string {
	var given, others strings.Builder
	for _, s := range Settings() {
		meaning := strings.ToUpper(s.Meaning[:1]) + s.Meaning[1:] + "."
		if value, ok := values[s.Key]; ok || s.required {
			fmt.Fprintf(&given, "\n  # %s\n  %s:%s: %s\n", meaning, Namespace, s.Key, quoted(value))
			continue
		}
		fmt.Fprintf(&others, "\n  # %s\n  # %s:%s: %s\n", meaning, Namespace, s.Key, quoted(s.Default))
	}
	return fmt.Sprintf(`# The environment %q: what cdk and pulumi both read. It holds no secret.
config:%s
  # Every other setting has its default%s.
%s`, name, given.String(), suffixed(values["suffix"]), others.String())
}

func suffixed(suffix string) string {
	if suffix == "" {
		return ""
	}
	return fmt.Sprintf("; %q is appended to the names of role, function, service account, pool and provider", suffix)
}

// plain matches YAML scalars that can only be the string that they look like.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)

// quoted writes a value so that YAML reads a string: an account id with leading
// zeros would become another number.
func quoted(value string) string {
	if plain.MatchString(value) && value != "true" && value != "false" && value != "null" && value != "yes" && value != "no" {
		return value
	}
	return fmt.Sprintf("%q", value)
}
