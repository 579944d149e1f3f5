package environment

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// FileName returns the name of an environment's file in the project's root.
func FileName(name string) string { return "Pulumi." + name + ".yaml" }

// Names returns the environments that have a file in dir, sorted.
func Names(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, FileName("*"))) // the pattern is valid
	var names []string
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		if CheckName(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// CheckName checks an environment's name, which is part of the names of files and
// stacks. The error is *Problems.
func CheckName(name string) error {
	if sized(name, namePattern, 1, maxName) {
		return nil
	}
	return &Problems{name, []Problem{{"environment", name, nameRule, "choose a name such as dev, prod or pr-123"}}}
}

// Load reads and validates the environment called name from its file in dir.
// Entries in other namespaces belong to Pulumi's providers; only those in
// GoogleAPIs are read. Invalid values are reported together as *Problems.
func Load(dir, name string) (Environment, error) {
	values, apis, err := read(dir, name)
	if err != nil {
		return Environment{}, err
	}
	env, err := Parse(name, values)
	if err == nil {
		env.Google = apis
	}
	return env, err
}

// Values returns the settings in an environment's file, by key, unchecked.
func Values(dir, name string) (map[string]string, error) {
	values, _, err := read(dir, name)
	return values, err
}

func read(dir, name string) (map[string]string, GoogleAPIs, error) {
	if err := CheckName(name); err != nil {
		return nil, GoogleAPIs{}, err
	}
	path := filepath.Join(dir, FileName(name))
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, GoogleAPIs{}, fmt.Errorf("reading environment %q: %s does not exist; hint: `gcs-to-s3 init %s` creates it; or choose an existing environment (cdk: -c environment=NAME, pulumi: --stack NAME)", name, path, name)
	}
	if err != nil {
		return nil, GoogleAPIs{}, fmt.Errorf("reading environment %q: %w", name, err)
	}
	values, apis, err := readValues(data)
	if err != nil {
		return nil, GoogleAPIs{}, fmt.Errorf("reading environment %q from %s: %w", name, path, err)
	}
	return values, apis, nil
}

// readValues extracts our entries from a stack configuration file as written:
// 012345678901 stays twelve digits although YAML reads it as a number. It also
// returns the Google Cloud provider's entries that are plain values.
func readValues(data []byte) (map[string]string, GoogleAPIs, error) {
	var file struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	var apis GoogleAPIs
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, apis, err
	}
	values := map[string]string{}
	for key, value := range apis.keys() {
		switch node, given := file.Config[key]; {
		case !given || node.Tag == "!!null":
		case node.Kind == yaml.ScalarNode:
			*value = node.Value
		case !strings.HasSuffix(key, "Endpoint"):
			apis.Unreadable = max(apis.Unreadable, key)
		}
	}
	for key, node := range file.Config {
		own, found := strings.CutPrefix(key, Namespace+":")
		if !found {
			continue
		}
		switch {
		case node.Kind != yaml.ScalarNode:
			return nil, apis, fmt.Errorf("%s: must be a plain value, not a secret, list or map", key)
		case node.Tag == "!!null":
			values[own] = ""
		default:
			values[own] = node.Value
		}
	}
	return values, apis, nil
}

// Parse makes an environment from settings by key, fills in the defaults and
// checks every rule. The error is *Problems.
func Parse(name string, values map[string]string) (Environment, error) {
	env := Environment{Name: name, Suffix: values["suffix"]}
	var problems []Problem
	settings := Settings()
	for _, key := range sortedKeys(values) {
		if !slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key }) {
			problems = append(problems, Problem{key, values[key], "is not a setting", "see docs/settings.md; did you mean " + nearest(key, settings) + "?"})
		}
	}
	// Rules may concern several fields, so all values are stored first.
	broken := map[string]bool{}
	text := map[string]string{}
	for _, s := range settings {
		value, given := values[s.Key]
		if !given || (value == "" && s.Default != "") {
			value = s.Default
			if s.suffixed && env.Suffix != "" {
				value = cmp.Or(s.stem, value) + env.Suffix
			}
		}
		text[s.Key] = value
		if value == "" && s.required {
			problems = append(problems, Problem{s.Key, value, "must be given", requiredHints[s.Key]})
			broken[s.Key] = true
			continue
		}
		if rule, ok := set(s.field(&env), value); !ok {
			problems = append(problems, Problem{s.Key, value, "must be " + rule, "default: " + s.Default})
			broken[s.Key] = true
		}
	}
	for _, s := range settings {
		if s.check == nil || broken[s.Key] {
			continue
		}
		if rule, hint, ok := s.check(&env); !ok {
			problems = append(problems, Problem{s.Key, text[s.Key], rule, hint})
			broken[s.Key] = true
		}
	}
	if !broken["awsAccount"] && !broken["role"] && !broken["function"] {
		problems = append(problems, checkSubject(&env)...)
	}
	if len(problems) > 0 {
		return Environment{}, &Problems{name, problems}
	}
	return env, nil
}

var requiredHints = map[string]string{
	"awsAccount":    "`aws sts get-caller-identity --query Account` prints it; `gcs-to-s3 init` asks for it, `pulumi config set awsAccount 123456789012` sets it",
	"googleProject": "`gcloud config get project` prints it; `gcs-to-s3 init` asks for it, `pulumi config set googleProject my-project` sets it",
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// nearest returns the key of the setting that shares the longest prefix or,
// failing that, the most letters with key.
func nearest(key string, settings []Setting) string {
	best, score := "", -1
	for _, s := range settings {
		n := 2 * commonPrefix(strings.ToLower(key), strings.ToLower(s.Key))
		for _, r := range strings.ToLower(key) {
			if strings.ContainsRune(strings.ToLower(s.Key), r) {
				n++
			}
		}
		n -= max(len(key)-len(s.Key), len(s.Key)-len(key))
		if n > score {
			best, score = s.Key, n
		}
	}
	return best
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
