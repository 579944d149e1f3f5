package policy

import (
	"regexp"
	"strings"
	"testing"
)

// fuzzed is a call about which policies of any kind can say something.
func fuzzed(action, resource, key, value string) Request {
	return Request{
		Caller: Caller{Account: "111122223333", ARNs: []string{"arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:iam::111122223333:role/r"}},
		Action: action, Resource: resource, Context: map[string][]string{key: {value}, "aws:TagKeys": {"a", value}},
	}
}

// only are a document's statements of one effect.
func only(d *Document, deny bool) *Document {
	out := &Document{Version: d.Version}
	for _, s := range d.Statements {
		if s.Deny == deny {
			out.Statements = append(out.Statements, s)
		}
	}
	return out
}

// Whatever policies say: an explicit deny wins, adding one never allows more,
// and adding an allow never allows less.
func FuzzEvaluate(f *testing.F) {
	all := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	f.Add(all, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::a/${aws:username}/*"}]}`, "s3:GetObject", "arn:aws:s3:::a/b/c", "aws:username", "b")
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a*","Condition":{"ForAnyValue:StringLike":{"aws:TagKeys":["a*","${*}"]},"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}}]}`, all, "s3:GetObject", "arn:aws:s3:::ab", "aws:CurrentTime", "2025-06-01T00:00:00Z")
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*","Condition":{"NumericLessThanEquals":{"s3:max-keys":10},"NotIpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"},"Null":{"x:y":"true"},"Bool":{"aws:SecureTransport":false}}}]}`, all, "s3:ListBucket", "arn:aws:s3:::ab", "s3:max-keys", "1e1")
	f.Add(`{"Version":"2008-10-17","Id":"x","Statement":[{"Sid":"a b","Effect":"Deny","NotPrincipal":{"AWS":["111122223333"],"Service":"lambda.amazonaws.com"},"Action":"s3:*","Resource":"arn:aws:s3:::b"}]}`, all, "s3:ListBucket", "arn:aws:s3:::b", "aws:x", "")
	f.Fuzz(func(t *testing.T, first, second, action, resource, key, value string) {
		q := fuzzed(action, resource, key, value)
		for _, kind := range []Kind{Trust, Bucket, Resource} {
			if d, err := Parse(first, kind); err == nil {
				Evaluate(q, Set{Resource: []Named{{Name: "r", Document: d}}, Trust: kind == Trust})
			}
		}
		a, err := Parse(first, Identity)
		if err != nil {
			t.Skip("not a policy")
		}
		decide := func(documents ...*Document) Decision {
			var set Set
			for _, d := range documents {
				set.Identity = append(set.Identity, Named{Name: "p", Document: d})
			}
			return Evaluate(q, set)
		}
		alone := decide(a)
		if alone.Allowed && alone.Denied {
			t.Errorf("both allowed and denied: %+v", alone)
		}
		if deny := decide(only(a, true)); deny.Allowed || deny.Denied && alone.Allowed {
			t.Errorf("a deny does not win: %+v, %+v", deny, alone)
		}
		b, err := Parse(second, Identity)
		if err != nil {
			return
		}
		if both := decide(a, b); alone.Denied && !both.Denied {
			t.Errorf("an explicit deny is lost by another policy: %+v", both)
		}
		if more := decide(a, only(b, true)); more.Allowed && !alone.Allowed {
			t.Errorf("a deny allows: %+v", more)
		}
		if more := decide(a, only(b, false)); alone.Allowed && !more.Allowed {
			t.Errorf("an allow denies: %+v", more)
		}
	})
}

// The patterns match as the regular expressions do that they stand for, and a
// Resource at least as an ARN operator.
func FuzzPatterns(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("arn:aws:*:table/x", "arn:aws:dynamodb:us-east-1:1:table/x")
	f.Add("arn:aws:s3", "arn:aws:s3:::b/k:l")
	f.Add("*:*", "::")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.ContainsAny(pattern, "\x01\x02") {
			t.Skip("these stand for the literal wildcards")
		}
		expression := func(pattern, star, mark string) string {
			var out strings.Builder
			for i := range len(pattern) {
				switch c := pattern[i]; c {
				case '*':
					out.WriteString(star)
				case '?':
					out.WriteString(mark)
				default:
					out.WriteString(regexp.QuoteMeta(latin(string([]byte{c}))))
				}
			}
			return out.String()
		}
		want := regexp.MustCompile(`(?s)^` + expression(pattern, ".*", ".") + `$`).MatchString(latin(text))
		if got := wildcard(pattern, text); got != want {
			t.Errorf("%q of %q: got %v, want %v", text, pattern, got, want)
		}
		if arnLike(pattern, text) && !resourceLike(pattern, text) {
			t.Errorf("%q of %q: an ARN operator matches, and a resource does not", text, pattern)
		}
		fields := strings.SplitN(pattern, ":", arnFields)
		if len(fields) < arnFields {
			return
		}
		var parts []string
		for i, field := range fields {
			if i == arnFields-1 {
				parts = append(parts, expression(field, ".*", "."))
				continue
			}
			inner := expression(field, "[^:]*", "[^:]")
			if strings.HasSuffix(field, "*") {
				inner = strings.TrimSuffix(inner, "[^:]*") + ".*"
			}
			parts = append(parts, inner)
		}
		want = regexp.MustCompile(`(?s)^` + strings.Join(parts, ":") + `$`).MatchString(latin(text))
		if got := resourceLike(pattern, text); got != want && pattern != "*" {
			t.Errorf("resource %q of %q: got %v, want %v", text, pattern, got, want)
		}
	})
}

// latin makes every byte a character, as the patterns count.
func latin(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}
