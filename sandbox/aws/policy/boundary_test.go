package policy

import "testing"

// TestBoundaries follows "Permissions boundaries for IAM entities" of the IAM User
// Guide: which policies a boundary limits, and which it does not.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	const (
		user    = "arn:aws:iam::111122223333:user/alice"
		role    = "arn:aws:iam::111122223333:role/worker"
		session = "arn:aws:sts::111122223333:assumed-role/worker/s"
	)
	allow := func(action string) string { return statement(`"Action":"` + action + `","Resource":"*"`) }
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}`
	naming := func(arn string) string {
		return statement(`"Principal":{"AWS":"` + arn + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"`)
	}
	const none, byBoundary = "because no identity-based policy allows the s3:GetObject action", "because no permissions boundary allows the s3:GetObject action"
	for _, tt := range []struct {
		name                         string
		callers                      []string
		identity, resource, boundary string
		want                         string // the clause; empty for an allowed call
	}{
		{"both allow", []string{session, role}, allow("s3:*"), "", allow("*"), ""},
		{"the boundary gives nothing", []string{session, role}, "", "", allow("*"), none},
		{"the boundary leaves it out", []string{session, role}, allow("s3:*"), "", allow("sqs:*"), byBoundary},
		{"the boundary denies", []string{session, role}, allow("s3:*"), "", deny, "with an explicit deny in a permissions boundary"},
		{"a resource names the session", []string{session, role}, "", naming(session), allow("sqs:*"), ""},
		{"a resource names the role", []string{session, role}, "", naming(role), allow("sqs:*"), byBoundary},
		{"a resource names the user", []string{user}, "", naming(user), allow("sqs:*"), ""},
		{"a resource names the user whose boundary denies", []string{user}, "", naming(user), deny, "with an explicit deny in a permissions boundary"},
		{"a user's own policy", []string{user}, allow("s3:*"), "", allow("sqs:*"), byBoundary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := Set{Boundary: []Named{{Name: "boundary", Document: parse(t, Identity, tt.boundary)}}}
			if tt.identity != "" {
				set.Identity = []Named{{Name: "own", Document: parse(t, Identity, tt.identity)}}
			}
			if tt.resource != "" {
				set.Resource = []Named{{Name: "resource", Document: parse(t, Resource, tt.resource)}}
			}
			got := Evaluate(Request{Caller: Caller{Account: "111122223333", ARNs: tt.callers}, Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/key"}, set)
			if got.Clause != tt.want || got.Allowed != (tt.want == "") {
				t.Errorf("Evaluate() = %+v, want %q", got, tt.want)
			}
		})
	}
}

// TestKeyPolicies follows "Key policies in AWS KMS": without the key's policy,
// nobody's own policies count.
func TestKeyPolicies(t *testing.T) {
	t.Parallel()
	const role, other = "arn:aws:iam::111122223333:role/worker", "arn:aws:iam::111122223333:role/other"
	naming := func(principal string) string {
		return statement(`"Principal":{"AWS":"` + principal + `"},"Action":"kms:*","Resource":"*"`)
	}
	for _, tt := range []struct {
		name, key, identity string
		want                string
	}{
		{"the account, and the caller's policy", naming("111122223333"), statement(`"Action":"kms:Decrypt","Resource":"*"`), ""},
		{"the account alone", naming("111122223333"), "", "because no identity-based policy allows the kms:Decrypt action"},
		{"the caller alone", naming(role), "", ""},
		{"another, and the caller's policy", naming(other), statement(`"Action":"kms:Decrypt","Resource":"*"`), "because no resource-based policy allows the kms:Decrypt action"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := Set{Key: true, Resource: []Named{{Name: "key policy", Document: parse(t, Resource, tt.key)}}}
			if tt.identity != "" {
				set.Identity = []Named{{Name: "own", Document: parse(t, Identity, tt.identity)}}
			}
			got := Evaluate(Request{Caller: Caller{Account: "111122223333", ARNs: []string{"arn:aws:sts::111122223333:assumed-role/worker/s", role}}, Action: "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111122223333:key/1"}, set)
			if got.Clause != tt.want || got.Allowed != (tt.want == "") {
				t.Errorf("Evaluate() = %+v, want %q", got, tt.want)
			}
		})
	}
}
