package policy

import "testing"

// outcome is a policy's text, or a part of one, and whether it lets the call of
// its table through.
type outcome struct {
	name, text string
	want       bool
}

// outcomes decides q under every policy that wrap makes.
func outcomes(t *testing.T, q Request, wrap func(string) string, cases []outcome) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Evaluate(q, Set{Identity: []Named{{Name: "p", Document: parse(t, Identity, wrap(c.text))}}}); got.Allowed != c.want {
				t.Errorf("%s: got %+v, want allowed %v", c.text, got, c.want)
			}
		})
	}
}

// when makes a policy that allows everything under a condition.
func when(condition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}}`
}

// statement makes a policy of one statement that allows.
func statement(elements string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + elements + `}]}`
}

func call(context map[string][]string) Request {
	return Request{
		Caller: Caller{Account: "111122223333", ARNs: []string{"arn:aws:iam::111122223333:user/alice"}},
		Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/home/alice/notes.txt", Context: context,
	}
}

// "IAM JSON policy elements: Condition operators": string condition operators.
func TestStringOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:username": {"Alice"}, "s3:prefix": {""}, "aws:PrincipalTag/star": {"a*"}}), when, []outcome{
		{"equals", `"StringEquals":{"aws:username":"Alice"}`, true},
		{"equals regards case", `"StringEquals":{"aws:username":"alice"}`, false},
		{"equals has no wildcards", `"StringEquals":{"aws:username":"Ali*"}`, false},
		{"equals one of several", `"StringEquals":{"aws:username":["bob","Alice"]}`, true},
		{"equals the empty text", `"StringEquals":{"s3:prefix":["","home/"]}`, true},
		{"not equals", `"StringNotEquals":{"aws:username":"bob"}`, true},
		{"not equals any of several", `"StringNotEquals":{"aws:username":["bob","Alice"]}`, false},
		{"ignores case", `"StringEqualsIgnoreCase":{"aws:username":"aLICE"}`, true},
		{"not equals ignoring case", `"StringNotEqualsIgnoreCase":{"aws:username":"aLICE"}`, false},
		{"ignoring case has no wildcards", `"StringEqualsIgnoreCase":{"aws:username":"ali*"}`, false},
		{"like", `"StringLike":{"aws:username":"A*c?"}`, true},
		{"like regards case", `"StringLike":{"aws:username":"a*"}`, false},
		{"not like", `"StringNotLike":{"aws:username":"B*"}`, true},
		{"not like that is like", `"StringNotLike":{"aws:username":"A*"}`, false},
		{"key without regard to case", `"StringEquals":{"AWS:UserName":"Alice"}`, true},
		{"several keys must all hold", `"StringEquals":{"aws:username":"Alice","s3:prefix":"x"}`, false},
		{"several operators must all hold", `"StringEquals":{"aws:username":"Alice"},"StringLike":{"s3:prefix":"x*"}`, false},
		{"a value's star is a star", `"StringLike":{"aws:PrincipalTag/star":"a${*}"}`, true},
		{"a star of its own is not any text", `"StringLike":{"aws:username":"A${*}"}`, false},
	})
}

// The same page: numeric condition operators.
func TestNumericOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"s3:max-keys": {"10"}, "aws:username": {"ten"}, "aws:MultiFactorAuthAge": {"9.5"}}), when, []outcome{
		{"equals", `"NumericEquals":{"s3:max-keys":"10"}`, true},
		{"equals a decimal", `"NumericEquals":{"s3:max-keys":"10.0"}`, true},
		{"equals a number of JSON", `"NumericEquals":{"s3:max-keys":10}`, true},
		{"not equals", `"NumericNotEquals":{"s3:max-keys":["9","11"]}`, true},
		{"less", `"NumericLessThan":{"s3:max-keys":"10"}`, false},
		{"less or equal", `"NumericLessThanEquals":{"s3:max-keys":"10"}`, true},
		{"greater", `"NumericGreaterThan":{"aws:MultiFactorAuthAge":"9"}`, true},
		{"greater or equal", `"NumericGreaterThanEquals":{"s3:max-keys":"10.5"}`, false},
		{"of a text", `"NumericEquals":{"aws:username":"10"}`, false},
		{"not equal to a text", `"NumericNotEquals":{"aws:username":"10"}`, true},
	})
}

// The same page: date condition operators.
func TestDateOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:CurrentTime": {"2025-06-01T12:00:00Z"}, "aws:EpochTime": {"1748779200"}}), when, []outcome{
		{"equals", `"DateEquals":{"aws:CurrentTime":"2025-06-01T12:00:00Z"}`, true},
		{"equals in another zone", `"DateEquals":{"aws:CurrentTime":"2025-06-01T14:00:00+02:00"}`, true},
		{"equals without seconds", `"DateEquals":{"aws:CurrentTime":"2025-06-01T12:00Z"}`, true},
		{"equals seconds since 1970", `"DateEquals":{"aws:CurrentTime":"1748779200"}`, true},
		{"equals a number of JSON", `"DateEquals":{"aws:CurrentTime":1748779200}`, true},
		{"of the epoch key", `"DateLessThan":{"aws:EpochTime":"2025-06-02"}`, true},
		{"not equals", `"DateNotEquals":{"aws:CurrentTime":"2025-06-01T12:00:01Z"}`, true},
		{"less than a day", `"DateLessThan":{"aws:CurrentTime":"2025-06-01"}`, false},
		{"less than a month", `"DateLessThan":{"aws:CurrentTime":"2025-07"}`, true},
		{"less or equal", `"DateLessThanEquals":{"aws:CurrentTime":"2025-06-01T12:00:00.000Z"}`, true},
		{"greater", `"DateGreaterThan":{"aws:CurrentTime":"2025-06-01T12:00:00Z"}`, false},
		{"greater or equal", `"DateGreaterThanEquals":{"aws:CurrentTime":"2025-06-01T12:00:00Z"}`, true},
	})
}

// The same page: Boolean condition operators.
func TestBoolOperator(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:SecureTransport": {"true"}, "aws:username": {"true"}}), when, []outcome{
		{"true", `"Bool":{"aws:SecureTransport":"true"}`, true},
		{"true of JSON", `"Bool":{"aws:SecureTransport":true}`, true},
		{"false", `"Bool":{"aws:SecureTransport":"false"}`, false},
		{"of a key that is absent", `"Bool":{"aws:MultiFactorAuthPresent":"false"}`, false},
		{"if it exists", `"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}`, true},
		{"without variables", `"Bool":{"aws:SecureTransport":"${aws:username}"}`, false},
	})
}

// The same page: IP address condition operators.
func TestIPOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:SourceIp": {"203.0.113.17"}, "aws:VpcSourceIp": {"2001:db8::1"}}), when, []outcome{
		{"in a range", `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, true},
		{"in one of several", `"IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.17"]}`, true},
		{"not in a range", `"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, false},
		{"not in another range", `"NotIpAddress":{"aws:SourceIp":"203.0.114.0/24"}`, true},
		{"version 6", `"IpAddress":{"aws:VpcSourceIp":"2001:DB8:0:0::/64"}`, true},
		{"versions do not mix", `"IpAddress":{"aws:VpcSourceIp":"0.0.0.0/0"}`, false},
		{"not of a key that is absent", `"NotIpAddress":{"aws:other":"10.0.0.0/8"}`, true},
	})
}

// The same page: Amazon Resource Name (ARN) condition operators.
func TestARNOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:PrincipalArn": {"arn:aws:iam::111122223333:role/team/copy"}, "aws:SourceArn": {"arn:aws:lambda:us-east-1:111122223333:function:copy:1"}}), when, []outcome{
		{"equals", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/team/copy"}`, true},
		{"equals has wildcards too", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, true},
		{"like", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1111222233??:role/team/c*"}`, true},
		{"a star keeps to its field", `"ArnLike":{"aws:PrincipalArn":"arn:aws:*:role/team/copy"}`, false},
		{"regards case", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:Role/*"}`, false},
		{"the last field holds colons", `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:111122223333:function:*"}`, true},
		{"not equals", `"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}`, false},
		{"not like", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`, true},
		{"not like of a key that is absent", `"ArnNotLike":{"aws:other":"arn:aws:iam::*:user/*"}`, true},
	})
}

// The same page: Null and …IfExists condition operators, and negated operators
// with a key that is absent.
func TestAbsentKeys(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:username": {"alice"}}), when, []outcome{
		{"null", `"Null":{"aws:TokenIssueTime":"true"}`, true},
		{"not null", `"Null":{"aws:TokenIssueTime":"false"}`, false},
		{"null of a present key", `"Null":{"aws:username":"true"}`, false},
		{"not null of a present key", `"Null":{"aws:username":false}`, true},
		{"equals", `"StringEquals":{"aws:other":"x"}`, false},
		{"equals if it exists", `"StringEqualsIfExists":{"aws:other":"x"}`, true},
		{"equals if it exists, which it does", `"StringEqualsIfExists":{"aws:username":"bob"}`, false},
		{"not equals", `"StringNotEquals":{"aws:other":"x"}`, true},
		{"not equals if it exists", `"StringNotEqualsIfExists":{"aws:other":"x"}`, true},
		{"number", `"NumericLessThan":{"aws:other":"1"}`, false},
		{"not a number", `"NumericNotEquals":{"aws:other":"1"}`, true},
		{"not a date", `"DateNotEquals":{"aws:other":"2025-01-01"}`, true},
		{"exists and equals", `"Null":{"aws:username":"false"},"StringEqualsIfExists":{"aws:username":"alice"}`, true},
	})
}

// "Set operators for multivalued context keys" and "Single-valued vs.
// multivalued context keys".
func TestSetOperators(t *testing.T) {
	t.Parallel()
	outcomes(t, call(map[string][]string{"aws:TagKeys": {"a", "b"}, "aws:PrincipalOrgPaths": {""}}), when, []outcome{
		{"all are in the set", `"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}`, true},
		{"one is not in the set", `"ForAllValues:StringEquals":{"aws:TagKeys":["a","c"]}`, false},
		{"all, of none", `"ForAllValues:StringEquals":{"aws:other":"a"}`, true},
		{"all, of an empty one", `"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2/*"}`, true},
		{"all, of none, which must exist", `"ForAllValues:StringEquals":{"aws:other":"a"},"Null":{"aws:other":"false"}`, false},
		{"any is in the set", `"ForAnyValue:StringEquals":{"aws:TagKeys":["b","z"]}`, true},
		{"none is in the set", `"ForAnyValue:StringEquals":{"aws:TagKeys":["y","z"]}`, false},
		{"any, of none", `"ForAnyValue:StringEquals":{"aws:other":"a"}`, false},
		{"any, of none, if it exists", `"ForAnyValue:StringEqualsIfExists":{"aws:other":"a"}`, true},
		{"all are not in the set", `"ForAllValues:StringNotEquals":{"aws:TagKeys":["y","z"]}`, true},
		{"not all are not in the set", `"ForAllValues:StringNotEquals":{"aws:TagKeys":["b","z"]}`, false},
		{"any is not in the set", `"ForAnyValue:StringNotEquals":{"aws:TagKeys":["b"]}`, true},
		{"any not in the set, of none", `"ForAnyValue:StringNotEquals":{"aws:other":"a"}`, false},
		{"any is like", `"ForAnyValue:StringLike":{"aws:TagKeys":"b*"}`, true},
	})
}

// "IAM policy elements: Variables and tags".
func TestVariables(t *testing.T) {
	t.Parallel()
	q := call(map[string][]string{"aws:username": {"alice"}, "aws:PrincipalTag/team": {"a*c"}, "aws:TagKeys": {"x", "y"}, "s3:prefix": {"home/alice/"}})
	outcomes(t, q, statement, []outcome{
		{"in a resource", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"`, true},
		{"in a resource, of somebody else", `"Action":"*","Resource":"arn:aws:s3:::bucket/${aws:username}/*"`, false},
		{"key without regard to case", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${AWS:UserName}/*"`, true},
		{"default of a key that is absent", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:PrincipalTag/home, 'alice'}/*"`, true},
		{"default of a key that is there", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:username, 'bob'}/*"`, true},
		{"no value", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:PrincipalTag/home}*"`, false},
		{"no value, of what is not meant", `"Action":"*","NotResource":"arn:aws:s3:::bucket/home/${aws:PrincipalTag/home}*"`, true},
		{"several values", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/alice/notes.txt${aws:TagKeys}"`, false},
		{"a value's star is no wildcard", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:PrincipalTag/team}*"`, false},
		{"star", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/${*}"`, false},
		{"question mark", `"Action":"*","Resource":"arn:aws:s3:::bucket/home/alic${?}/*"`, false},
		{"dollar", `"Action":"*","Resource":"arn:aws:s3:::bucket/${$}{aws:username}/*"`, false},
		{"in a condition", `"Action":"*","Resource":"*","Condition":{"StringLike":{"s3:prefix":"home/${aws:username}/*"}}`, true},
		{"in a condition, no value", `"Action":"*","Resource":"*","Condition":{"StringLike":{"s3:prefix":"home/${aws:PrincipalTag/home}*"}}`, false},
		{"in a negated condition, no value", `"Action":"*","Resource":"*","Condition":{"StringNotLike":{"s3:prefix":"${aws:PrincipalTag/home}"}}`, true},
		{"tag in a condition", `"Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"${aws:PrincipalTag/team}"}}`, true},
	})
	literal := `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"}]}`
	if got := Evaluate(q, Set{Resource: []Named{{Name: "b", Document: parse(t, Bucket, literal)}}}); got.Allowed {
		t.Error("the policy language of 2008 has no variables")
	}
}

// "IAM JSON policy elements: Action", NotAction, Resource and NotResource.
func TestActionsAndResources(t *testing.T) {
	t.Parallel()
	outcomes(t, call(nil), statement, []outcome{
		{"action without regard to case", `"Action":"S3:getobject","Resource":"*"`, true},
		{"action with wildcards", `"Action":"s3:G?t*","Resource":"*"`, true},
		{"not action", `"NotAction":["iam:*","sts:*"],"Resource":"*"`, true},
		{"not action that is meant", `"NotAction":"s3:*","Resource":"*"`, false},
		{"resource regards case", `"Action":"*","Resource":"arn:aws:s3:::Bucket/*"`, false},
		{"a star reaches over slashes", `"Action":"*","Resource":"arn:aws:s3:::bucket/*/notes.txt"`, true},
		{"a star that ends a field reaches on", `"Action":"*","Resource":"arn:aws:*:bucket/home/*"`, true},
		{"a star within a field does not", `"Action":"*","Resource":"arn:aws:s*t/home/alice/notes.txt"`, false},
		{"a question mark is no colon", `"Action":"*","Resource":"arn:aws:s3??:bucket/*"`, false},
		{"an incomplete ARN goes on", `"Action":"*","Resource":"arn:aws:s3"`, true},
		{"several resources", `"Action":"*","Resource":["arn:aws:s3:::other/*","arn:aws:s3:::bucket/home/*"]`, true},
		{"not resource", `"Action":"*","NotResource":"arn:aws:s3:::other/*"`, true},
		{"not resource that is meant", `"Action":"*","NotResource":["arn:aws:s3:::other/*","arn:aws:s3:::bucket/*"]`, false},
	})
}

// "Policy evaluation for requests within a single account": what a session's
// policies and a resource's add and take.
func TestEvaluationLogic(t *testing.T) {
	t.Parallel()
	const (
		session = `{"AWS":"arn:aws:sts::111122223333:assumed-role/copy/f"}`
		role    = `{"AWS":"arn:aws:iam::111122223333:role/copy"}`
		account = `{"AWS":"111122223333"}`
		all     = `"Action":"*","Resource":"*"`
		writes  = `"Action":"s3:Put*","Resource":"*"`
	)
	allow := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`
	}
	deny := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` + principal + `,"Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}]}`
	}
	const explicit, implicit = "with an explicit deny in ", "because no "
	for _, c := range []struct {
		name, identity, resource, session string
		want                              string // the clause; empty is allowed
	}{
		{"nobody says anything", "", "", "", implicit + "identity-based policy allows the s3:GetObject action"},
		{"identity", all, "", "", ""},
		{"resource names the role", "", allow(role), "", ""},
		{"resource names the session", "", allow(session), "", ""},
		{"resource names everybody", "", allow(`"*"`), "", ""},
		{"resource names everybody of AWS", "", allow(`{"AWS":"*"}`), "", ""},
		{"resource names the account", "", allow(account), "", implicit + "identity-based policy allows the s3:GetObject action"},
		{"resource names the account, identity too", all, allow(account), "", ""},
		{"resource names another account", "", allow(`{"AWS":"444455556666"}`), "", implicit + "identity-based policy allows the s3:GetObject action"},
		{"session limits identity", all, "", writes, implicit + "session policy allows the s3:GetObject action"},
		{"session gives nothing", "", "", all, implicit + "identity-based policy allows the s3:GetObject action"},
		{"both", all, "", all, ""},
		{"session limits a resource that names the role", "", allow(role), writes, implicit + "session policy allows the s3:GetObject action"},
		{"session does not limit a resource that names it", "", allow(session), writes, ""},
		{"resource denies", all, deny(`"Principal":"*"`), "", explicit + "a resource-based policy"},
		{"resource denies the role", all, deny(`"Principal":` + role), "", explicit + "a resource-based policy"},
		{"resource denies the account", all, deny(`"Principal":` + account), "", explicit + "a resource-based policy"},
		{"resource denies all but the role", all, deny(`"NotPrincipal":` + role), "", ""},
		{"resource denies all but another", all, deny(`"NotPrincipal":{"AWS":"444455556666"}`), "", explicit + "a resource-based policy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			q := call(nil)
			q.Caller.ARNs = []string{"arn:aws:sts::111122223333:assumed-role/copy/f", "arn:aws:iam::111122223333:role/copy"}
			var set Set
			if c.identity != "" {
				set.Identity = []Named{{Name: "i", Document: parse(t, Identity, statement(c.identity))}}
			}
			if c.resource != "" {
				set.Resource = []Named{{Name: "r", Document: parse(t, Bucket, c.resource)}}
			}
			if c.session != "" {
				set.Session = []Named{{Name: "s", Document: parse(t, Identity, statement(c.session))}}
			}
			if got := Evaluate(q, set); got.Allowed != (c.want == "") || got.Clause != c.want {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}

// "Enhanced access denied error messages with policy ARNs", AWS Security Blog.
func TestManagedPolicyThatDeniesIsNamed(t *testing.T) {
	t.Parallel()
	d := parse(t, Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":"*","Resource":"*"}]}`)
	const arn = "arn:aws:iam::111122223333:policy/no"
	got := Evaluate(call(nil), Set{Identity: []Named{{Name: "no", ARN: arn, Document: d}}})
	if want := "with an explicit deny in an identity-based policy: " + arn; got.Clause != want || got.Reason() != want+": statement No of policy no" {
		t.Errorf("got %+v, want %q", got, want)
	}
}
