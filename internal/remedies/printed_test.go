package remedies

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
)

// tools begin a command.
const tools = `(?:gcloud|aws|pulumi|npx|npm|gcs-to-s3|go|eval|export|unset) [-a-zA-Z0-9"$%{]`

var (
	quoted = regexp.MustCompile("`(" + tools + "[^`]*)`")
	// bare is a command of somebody's own that is not in backquotes.
	bare = regexp.MustCompile(`(?:^|hint: |; |, |: |run |or )(?:gcloud|aws|pulumi|npx cdk|gcs-to-s3) [-a-z0-9]+ `)
)

// silent are the fields of composite literals whose texts are no advice: the help of commands,
// the meaning of settings, and what a check is about.
var silent = []string{"Use", "Short", "Long", "Example", "about"}

// unadvised are files with texts in which commands stand for other reasons: the meaning of
// settings, the checks of doctor, why a right is needed, and causes, which the table of
// package diagnosis has.
var unadvised = []string{
	"internal/environment/settings.go", "internal/doctor/checks.go", "internal/rights/aws.go", "internal/diagnosis/causes.go",
}

// advice are the texts of the product with commands in them, as the sources have them: values
// that are put in are {}. It also returns texts whose commands are not in backquotes.
func advice(t *testing.T) (texts, wrong []string) {
	t.Helper()
	found, bad := map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"cmd", "function", "infra", "internal", "stacks"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, path)
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "testdata") || slices.Contains(unadvised, filepath.ToSlash(name)) {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if pair, ok := n.(*ast.KeyValueExpr); ok {
					if key, ok := pair.Key.(*ast.Ident); ok && slices.Contains(silent, key.Name) {
						return false
					}
				}
				expression, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				text, constant := fold(expression)
				if !constant {
					return true
				}
				if quoted.MatchString(text) {
					found[text] = true
				}
				if strings.Contains(text, "hint: ") && bare.MatchString(quoted.ReplaceAllString(text, "")) {
					bad[name+": "+text] = true
				}
				return false
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(bad))
}

// fold is a text that an expression makes; ok is that it has a constant part.
func fold(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			a, left := fold(e.X)
			b, right := fold(e.Y)
			return a + b, left || right
		}
	case *ast.ParenExpr:
		return fold(e.X)
	}
	return "{}", false
}

// TestEveryRemedyIsInTheTable compares the table with what the product prints.
func TestEveryRemedyIsInTheTable(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	texts, wrong := advice(t)
	for _, text := range wrong {
		t.Errorf("its command is not in backquotes: %q", text)
	}
	for _, text := range texts {
		want[text] = true
	}
	for _, id := range diagnosis.IDs() {
		want[causes+id] = true
	}
	for _, command := range pageCommands(t) {
		want[command] = true
	}
	if len(want) < 150 {
		t.Errorf("only %d remedies were found", len(want))
	}
	for text := range want {
		if _, ok := table[text]; !ok {
			t.Errorf("the table lacks %q", text)
		}
	}
	for text, why := range table {
		if !want[text] {
			t.Errorf("nothing prints %q", text)
		}
		if strings.HasPrefix(string(why), elsewhere) {
			folder, test, _ := strings.Cut(strings.TrimPrefix(string(why), elsewhere), " ")
			if !defines(t, folder, test) {
				t.Errorf("%q: there is no %s in %s", text, test, folder)
			}
		}
	}
}

// defines reports whether the tests of a package have a function.
func defines(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == test {
				return true
			}
		}
	}
	return false
}
