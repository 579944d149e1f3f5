package policy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, kind Kind, text string) *Document {
	t.Helper()
	d, err := Parse(text, kind)
	if err != nil {
		t.Fatalf("parsing %s: %v", text, err)
	}
	return d
}

func TestEvaluateIdentityPolicy(t *testing.T) {
	t.Parallel()
	const head = `{"Version":"2012-10-17","Statement":[`
	put := Request{
		Caller: Caller{Account: "111122223333", ARNs: []string{"arn:aws:sts::111122223333:assumed-role/copy/f", "arn:aws:iam::111122223333:role/copy"}},
		Action: "s3:PutObject", Resource: "arn:aws:s3:::bucket/in/object",
		Context: map[string][]string{
			"aws:username": {"alice"}, "s3:prefix": {"in/"}, "aws:SourceIp": {"127.0.0.1"}, "aws:CurrentTime": {"2025-06-01T00:00:00Z"},
			"aws:TagKeys": {"a", "b"}, "s3:max-keys": {"10"}, "aws:PrincipalArn": {"arn:aws:iam::111122223333:role/copy"}, "aws:SecureTransport": {"true"},
		},
	}
	no := Decision{Clause: "because no identity-based policy allows the s3:PutObject action"}
	yes := Decision{Allowed: true, By: "statement number 1 of policy p"}
	cond := func(c string) string {
		return head + `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":` + c + `}]}`
	}
	for name, c := range map[string]struct {
		policy string
		want   Decision
	}{
		"exact":                       {head + `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/in/object"}]}`, yes},
		"sid":                         {head + `{"Sid":"Write","Effect":"Allow","Action":["s3:GetObject","s3:put*"],"Resource":"arn:aws:s3:::bucket/*"}]}`, Decision{Allowed: true, By: "statement Write of policy p"}},
		"other action":                {head + `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`, no},
		"other resource":              {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}]}`, no},
		"bucket is not its objects":   {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket"}]}`, no},
		"question mark":               {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucke?/in/*"}]}`, yes},
		"star stays in its field":     {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:*:s3:::other/*"}]}`, no},
		"not action":                  {head + `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`, yes},
		"not resource":                {head + `{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::bucket/*"}]}`, no},
		"explicit deny wins":          {head + `{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"No","Effect":"Deny","Action":"s3:Put*","Resource":"*"}]}`, Decision{Denied: true, Clause: "with an explicit deny in an identity-based policy", By: "statement No of policy p"}},
		"variable":                    {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${s3:prefix}object"}]}`, yes},
		"unknown variable":            {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*${aws:nothing}"}]}`, no},
		"variable with default":       {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:nothing, 'in'}/object"}]}`, yes},
		"literal star":                {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${*}"}]}`, no},
		"string equals":               {cond(`{"StringEquals":{"s3:prefix":["out/","in/"]}}`), yes},
		"string equals is exact":      {cond(`{"StringEquals":{"s3:prefix":"in*"}}`), no},
		"string like":                 {cond(`{"StringLike":{"s3:prefix":"i*"}}`), yes},
		"key without regard to case":  {cond(`{"StringEquals":{"AWS:UserName":"alice"}}`), yes},
		"variable in condition":       {cond(`{"StringEquals":{"aws:username":"${aws:username}"}}`), yes},
		"not equals":                  {cond(`{"StringNotEquals":{"s3:prefix":["out/","in/"]}}`), no},
		"not equals of absent key":    {cond(`{"StringNotEquals":{"s3:x":"y"}}`), yes},
		"equals of absent key":        {cond(`{"StringEquals":{"s3:x":"y"}}`), no},
		"if exists of absent key":     {cond(`{"StringEqualsIfExists":{"s3:x":"y"}}`), yes},
		"if exists of present key":    {cond(`{"StringEqualsIfExists":{"s3:prefix":"y"}}`), no},
		"ignore case":                 {cond(`{"StringEqualsIgnoreCase":{"aws:username":"ALICE"}}`), yes},
		"all operators must hold":     {cond(`{"StringEquals":{"s3:prefix":"in/"},"Bool":{"aws:SecureTransport":"false"}}`), no},
		"all keys must hold":          {cond(`{"StringEquals":{"s3:prefix":"in/","aws:username":"bob"}}`), no},
		"bool as json":                {cond(`{"Bool":{"aws:SecureTransport":true}}`), yes},
		"null true":                   {cond(`{"Null":{"s3:x":"true"}}`), yes},
		"null false":                  {cond(`{"Null":{"s3:x":"false"}}`), no},
		"numeric":                     {cond(`{"NumericLessThanEquals":{"s3:max-keys":"10"}}`), yes},
		"numeric no":                  {cond(`{"NumericGreaterThan":{"s3:max-keys":10}}`), no},
		"date":                        {cond(`{"DateLessThan":{"aws:CurrentTime":"2025-07-01T00:00:00Z"}}`), yes},
		"date no":                     {cond(`{"DateGreaterThan":{"aws:CurrentTime":"2025-07-01"}}`), no},
		"ip":                          {cond(`{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8"]}}`), yes},
		"not ip":                      {cond(`{"NotIpAddress":{"aws:SourceIp":"127.0.0.1"}}`), no},
		"arn like":                    {cond(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/co*"}}`), yes},
		"arn not equals":              {cond(`{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/copy"}}`), no},
		"for all values":              {cond(`{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}}`), yes},
		"for all values no":           {cond(`{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}`), no},
		"for all values of absent":    {cond(`{"ForAllValues:StringEquals":{"s3:x":["a"]}}`), yes},
		"for any value":               {cond(`{"ForAnyValue:StringEquals":{"aws:TagKeys":["b","z"]}}`), yes},
		"for any value of absent":     {cond(`{"ForAnyValue:StringNotEquals":{"s3:x":["a"]}}`), no},
		"old version, no variables":   {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}}`, yes},
		"deny unless condition holds": {head + `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`, yes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Evaluate(put, Set{Identity: []Named{{"p", parse(t, Identity, c.policy)}}})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvaluateResourcePolicy(t *testing.T) {
	t.Parallel()
	role := Caller{Account: "111122223333", ARNs: []string{"arn:aws:sts::111122223333:assumed-role/copy/f", "arn:aws:iam::111122223333:role/copy"}}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
	}
	for name, c := range map[string]struct {
		caller   Caller
		identity string
		resource string
		session  string
		bucket   bool
		want     bool
	}{
		"trust names the role":                     {role, "", trust(`{"AWS":"arn:aws:iam::111122223333:role/copy"}`), "", false, true},
		"trust names the session":                  {role, "", trust(`{"AWS":"arn:aws:sts::111122223333:assumed-role/copy/f"}`), "", false, true},
		"trust names the account":                  {role, "", trust(`{"AWS":"111122223333"}`), "", false, false},
		"trust names the account, caller may":      {role, all, trust(`{"AWS":"arn:aws:iam::111122223333:root"}`), "", false, true},
		"trust does not name, caller may":          {role, all, trust(`{"Service":"lambda.amazonaws.com"}`), "", false, false},
		"service":                                  {Caller{Service: "lambda.amazonaws.com"}, "", trust(`{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}`), "", false, true},
		"other service":                            {Caller{Service: "lambda.amazonaws.com"}, "", trust(`{"Service":"ec2.amazonaws.com"}`), "", false, false},
		"service is not everybody":                 {Caller{Service: "lambda.amazonaws.com"}, "", trust(`{"AWS":"*"}`), "", false, false},
		"bucket names the role":                    {role, "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/copy"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`, "", true, true},
		"bucket denies":                            {role, all, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`, "", true, false},
		"bucket denies all but":                    {role, all, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/copy"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`, "", true, true},
		"session policy limits":                    {role, all, trust(`{"AWS":"*"}`), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`, false, false},
		"anonymous with everybody in the bucket":   {Caller{}, "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`, "", true, true},
		"anonymous with the account in the bucket": {Caller{}, "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`, "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, set, kind := Request{Caller: c.caller, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/x"}, Set{Trust: true}, Trust
			if c.bucket {
				q.Action, q.Resource, set.Trust, kind = "s3:PutObject", "arn:aws:s3:::b/k", false, Bucket
			}
			if c.identity != "" {
				set.Identity = []Named{{"i", parse(t, Identity, c.identity)}}
			}
			if c.session != "" {
				set.Session = []Named{{"s", parse(t, Identity, c.session)}}
			}
			set.Resource = []Named{{"r", parse(t, kind, c.resource)}}
			if got := Evaluate(q, set); got.Allowed != c.want {
				t.Errorf("got %+v, want allowed %v", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	s := func(members string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + members + `}]}`
	}
	for name, c := range map[string]struct {
		kind Kind
		text string
		want string
	}{
		"not json":               {Identity, `{`, "Syntax errors in policy."},
		"unknown element":        {Identity, s(`"Action":"*","Resource":"*","Extra":1`), "Syntax errors in policy."},
		"trailing data":          {Identity, s(`"Action":"*","Resource":"*"`) + "}", "Syntax errors in policy."},
		"no version":             {Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "Policy document must be version 2012-10-17 or greater."},
		"no statement":           {Identity, `{"Version":"2012-10-17"}`, "Syntax errors in policy."},
		"bad effect":             {Identity, `{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`, "Syntax errors in policy."},
		"no action":              {Identity, s(`"Resource":"*"`), "Policy statement must contain actions."},
		"no resource":            {Identity, s(`"Action":"s3:*"`), "Policy statement must contain resources."},
		"resource is no arn":     {Identity, s(`"Action":"s3:*","Resource":"bucket"`), `Resource bucket must be in ARN format or "*".`},
		"action without vendor":  {Identity, s(`"Action":"PutObject","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"principal in identity":  {Identity, s(`"Action":"s3:*","Resource":"*","Principal":"*"`), "Policy document should not specify a principal."},
		"resource in trust":      {Trust, s(`"Action":"sts:AssumeRole","Resource":"*","Principal":"*"`), "Has prohibited field Resource"},
		"other action in trust":  {Trust, s(`"Action":"s3:*","Principal":"*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		"no principal":           {Trust, s(`"Action":"sts:AssumeRole"`), "Missing required field Principal"},
		"bad principal":          {Trust, s(`"Action":"sts:AssumeRole","Principal":{"AWS":"somebody"}`), `Invalid principal in policy: "AWS":"somebody"`},
		"canonical user":         {Trust, s(`"Action":"sts:AssumeRole","Principal":{"CanonicalUser":"ab"}`), `Invalid principal in policy: "CanonicalUser":"ab"`},
		"wildcard in principal":  {Trust, s(`"Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`},
		"unknown operator":       {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"StringSimilar":{"aws:username":"x"}}`), "Invalid Condition type : StringSimilar"},
		"binary equals":          {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"BinaryEquals":{"aws:username":"x"}}`), "Invalid Condition type : BinaryEquals"},
		"unknown qualifier":      {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"ForSome:StringEquals":{"aws:username":"x"}}`), "Invalid Condition type : ForSome:StringEquals"},
		"null if exists":         {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"NullIfExists":{"aws:username":"true"}}`), "Invalid Condition type : NullIfExists"},
		"bad number":             {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"NumericEquals":{"s3:max-keys":"many"}}`), `Invalid value "many" for condition type NumericEquals`},
		"duplicate sid":          {Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		"other resource, bucket": {Bucket, s(`"Action":"s3:*","Resource":"arn:aws:sqs:::x","Principal":"*"`), "Policy has invalid resource"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(c.text, c.kind)
			var m *Malformed
			if !errors.As(err, &m) || m.Message != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A pattern of many stars must not take time that grows with its powers.
func TestWildcardIsNotExponential(t *testing.T) {
	t.Parallel()
	text := ""
	for range 2000 {
		text += "a"
	}
	if wildcard("*a*a*a*a*a*a*a*a*a*a*a*a*b", text) {
		t.Error("matched a text without b")
	}
}
