package names

import (
	"strings"
	"testing"
)

// TestRules tries each rule at its limits and with what would change the meaning of
// the expression, the member or the URL into which a name is put.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind string
		rule Rule
		good []string
		bad  []string
	}{
		{"account", Account, []string{"123456789012"}, []string{"", "12345678901", "1234-5678-9012", "12345678901x"}},
		{"project", Project, []string{"my-project"}, []string{"", "short", "123456789012", "My-project", "my-project-", strings.Repeat("p", 31)}},
		{"role", Role, []string{"a", "a_+=,.@-Z9", strings.Repeat("r", MaxRole)}, []string{"", "path/role", "r'", `r"`, "r\n", strings.Repeat("r", MaxRole+1)}},
		{"session", Session, []string{"ab", strings.Repeat("s", maxSession)}, []string{"", "a", "a b", strings.Repeat("s", maxSession+1)}},
		{"service account", ServiceAccount, []string{"readers"}, []string{"", "short", "1account", "account-", "a@project", strings.Repeat("a", 31)}},
		{"pool", Pool, []string{"aws-connect", strings.Repeat("p", MaxPool)}, []string{"", "aws", "gcp-aws", "AWS-pool", "pool/x", strings.Repeat("p", MaxPool+1)}},
		{"bucket", Bucket, []string{"my_bucket", strings.Repeat("b", 63) + "." + strings.Repeat("b", 63)}, []string{"", "ab", "goog-bucket", "my-google", "10.0.0.1", "a..b", strings.Repeat("b", 64)}},
	} {
		for _, name := range tt.good {
			if rule, _, ok := tt.rule(name); !ok {
				t.Errorf("%s %q is refused: %s", tt.kind, name, rule)
			}
		}
		for _, name := range tt.bad {
			if rule, hint, ok := tt.rule(name); ok || rule == "" || hint == "" {
				t.Errorf("%s %q is %v, by %q with %q", tt.kind, name, ok, rule, hint)
			}
		}
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	role := strings.Repeat("r", 40)
	if rule, _, ok := Subject("123456789012", role, strings.Repeat("f", 47), "function"); !ok {
		t.Errorf("127 bytes are refused: %s", rule)
	}
	_, hint, ok := Subject("123456789012", role, strings.Repeat("f", 50), "function")
	const want = "39 (arn:aws:sts::123456789012:assumed-role/) + 40 (role) + 1 + 50 (function) = 130; shorten role or function by 3"
	if ok || hint != want {
		t.Errorf("Subject() of 130 bytes is %v, and says %q, want %q", ok, hint, want)
	}
}
