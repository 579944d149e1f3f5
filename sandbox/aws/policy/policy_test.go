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
		Context: map[string][]string{"s3:prefix": {"in/"}},
	}
	no := Decision{Clause: "because no identity-based policy allows the s3:PutObject action"}
	yes := Decision{Allowed: true, By: "statement number 1 of policy p"}
	for name, c := range map[string]struct {
		policy string
		want   Decision
	}{
		"exact":                     {head + `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/in/object"}]}`, yes},
		"sid":                       {head + `{"Sid":"Write","Effect":"Allow","Action":["s3:GetObject","s3:put*"],"Resource":"arn:aws:s3:::bucket/*"}]}`, Decision{Allowed: true, By: "statement Write of policy p"}},
		"other action":              {head + `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`, no},
		"other resource":            {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}]}`, no},
		"bucket is not its objects": {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket"}]}`, no},
		"explicit deny wins":        {head + `{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"No","Effect":"Deny","Action":"s3:Put*","Resource":"*"}]}`, Decision{Denied: true, Clause: "with an explicit deny in an identity-based policy", By: "statement No of policy p"}},
		"variable":                  {head + `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/${s3:prefix}object"}]}`, yes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Evaluate(put, Set{Identity: []Named{{Name: "p", Document: parse(t, Identity, c.policy)}}})
			got.Policy = Named{} // By names it
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
				set.Identity = []Named{{Name: "i", Document: parse(t, Identity, c.identity)}}
			}
			if c.session != "" {
				set.Session = []Named{{Name: "s", Document: parse(t, Identity, c.session)}}
			}
			set.Resource = []Named{{Name: "r", Document: parse(t, kind, c.resource)}}
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
		"not json":               {Identity, `{`, "The policy is not in the valid JSON format."},
		"unknown element":        {Identity, s(`"Action":"*","Resource":"*","Extra":1`), "Syntax errors in policy."},
		"trailing data":          {Identity, s(`"Action":"*","Resource":"*"`) + "}", "The policy is not in the valid JSON format."},
		"no version":             {Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "Policy document must be version 2012-10-17 or greater."},
		"no statement":           {Identity, `{"Version":"2012-10-17"}`, "Syntax errors in policy."},
		"bad effect":             {Identity, `{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`, "Syntax errors in policy."},
		"no action":              {Identity, s(`"Resource":"*"`), "Policy statement must contain actions."},
		"no resource":            {Identity, s(`"Action":"s3:*"`), "Policy statement must contain resources."},
		"resource is no arn":     {Identity, s(`"Action":"s3:*","Resource":"bucket"`), `Resource bucket must be in ARN format or "*".`},
		"action without vendor":  {Identity, s(`"Action":"PutObject","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"principal in identity":  {Identity, s(`"Action":"s3:*","Resource":"*","Principal":"*"`), "Policy document should not specify a principal."},
		"resource in trust":      {Trust, s(`"Action":"sts:AssumeRole","Resource":"*","Principal":{"AWS":"*"}`), "Has prohibited field Resource"},
		"other action in trust":  {Trust, s(`"Action":"s3:*","Principal":{"AWS":"*"}`), "AssumeRole policy may only specify STS AssumeRole actions."},
		"no principal":           {Trust, s(`"Action":"sts:AssumeRole"`), "Missing required field Principal"},
		"bad principal":          {Trust, s(`"Action":"sts:AssumeRole","Principal":{"AWS":"somebody"}`), `Invalid principal in policy: "AWS":"somebody"`},
		"canonical user":         {Trust, s(`"Action":"sts:AssumeRole","Principal":{"CanonicalUser":"ab"}`), `Invalid principal in policy: "CANONICALUSER":"ab"`},
		"wildcard in principal":  {Trust, s(`"Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`},
		"unknown operator":       {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"StringSimilar":{"aws:username":"x"}}`), "Invalid Condition type : StringSimilar"},
		"binary equals":          {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"BinaryEquals":{"aws:username":"x"}}`), "The local AWS does not model the condition operator BinaryEquals."},
		"unknown qualifier":      {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"ForSome:StringEquals":{"aws:username":"x"}}`), "Invalid Condition type : ForSome:StringEquals"},
		"null if exists":         {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"NullIfExists":{"aws:username":"true"}}`), "Invalid Condition type : NullIfExists"},
		"bad number":             {Identity, s(`"Action":"s3:*","Resource":"*","Condition":{"NumericEquals":{"s3:max-keys":"many"}}`), `Invalid value "many" for condition type NumericEquals`},
		"duplicate sid":          {Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		"sid with a hyphen":      {Identity, s(`"Sid":"a-b","Action":"*","Resource":"*"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		"member twice":           {Identity, s(`"Action":"*","Action":"s3:*","Resource":"*"`), "Syntax errors in policy."},
		"operator twice":         {Identity, s(`"Action":"*","Resource":"*","Condition":{"Bool":{"a:b":"true"},"Bool":{"c:d":"true"}}`), "Syntax errors in policy."},
		"action and not action":  {Identity, s(`"Action":"*","NotAction":"s3:*","Resource":"*"`), "Syntax errors in policy."},
		"not principal allows":   {Bucket, s(`"Action":"s3:*","Resource":"arn:aws:s3:::b","NotPrincipal":{"AWS":"*"}`), "Allow with NotPrincipal is not allowed."},
		"not principal in trust": {Trust, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","NotPrincipal":{"AWS":"*"}}]}`, "AssumeRole policy must not contain NotPrincipal field."},
		"not json, trust":        {Trust, `{`, "This policy contains invalid Json"},
		"no statement, bucket":   {Bucket, `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		"empty statement, trust": {Trust, `{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		"bad version, bucket":    {Bucket, `{"Version":"2013-10-17","Statement":[]}`, "The policy must contain a valid version string"},
		"unknown field, bucket":  {Bucket, s(`"Actions":"s3:*"`), "Unknown field Actions"},
		"bad effect, trust":      {Trust, `{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}`, "Invalid effect: Maybe"},
		"no effect, trust":       {Trust, `{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole"}]}`, "Missing required field Effect"},
		"no principals, trust":   {Trust, s(`"Action":"sts:AssumeRole","Principal":{}`), "Missing required field Principal cannot be empty!"},
		"star alone, trust":      {Trust, s(`"Action":"sts:AssumeRole","Principal":"*"`), "Principal must be a JSON object."},
		"unknown service, trust": {Trust, s(`"Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazon.com"}`), `Invalid principal in policy: "SERVICE":"lambda.amazon.com"`},
		"bad principal, bucket":  {Bucket, s(`"Action":"s3:*","Resource":"arn:aws:s3:::b","Principal":{"AWS":"x"}`), "Invalid principal in policy"},
		"any resource, bucket":   {Bucket, s(`"Action":"s3:*","Resource":"*","Principal":"*"`), "Policy has invalid resource"},
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
