package federation

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// plan is checked Args.
type plan struct {
	project, pool  pulumi.StringOutput
	accounts       []account
	serviceAccount pulumi.StringInput // nil for none
	grants         []grant
	apis           []string
	credential     credential.Options
}

// account is a checked Account.
type account struct {
	label    string // its id, or its place where that is an output
	id       pulumi.StringOutput
	provider pulumi.StringOutput
	roles    []role
	trust    pulumi.Output // a trust
}

// role is a checked Role.
type role struct {
	label string
	name  pulumi.StringOutput
}

// plain is an input that is a string already.
func plain(in pulumi.StringInput) (string, bool) {
	switch v := in.(type) {
	case pulumi.String:
		return string(v), true
	case pulumi.ID:
		return string(v), true
	}
	return "", false
}

// broken is the error of a name that breaks its rule.
func broken(field, value string, rule, hint string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s: %q: %s; hint: %s", field, value, rule, hint)
}

// checker collects what is wrong with plain strings, and has outputs checked when
// they are known.
type checker struct{ errs []error }

func (c *checker) add(err error) {
	if err != nil {
		c.errs = append(c.errs, err)
	}
}

func (c *checker) name(field string, in pulumi.StringInput, rule names.Rule) pulumi.StringOutput {
	if in == nil {
		c.add(fmt.Errorf("%s: must be given", field))
		return pulumi.String("").ToStringOutput()
	}
	one := func(s string) error {
		text, hint, ok := rule(s)
		return broken(field, s, text, hint, ok)
	}
	if s, ok := plain(in); ok {
		c.add(one(s))
		return in.ToStringOutput()
	}
	return in.ToStringOutput().ApplyT(func(s string) (string, error) { return s, one(s) }).(pulumi.StringOutput)
}

// check holds args to the rules of both clouds. All mistakes are reported together.
func check(args *Args) (plan, error) {
	if args == nil {
		return plan{}, errors.New("there are no arguments")
	}
	var c checker
	p := plan{
		project:    c.name("project", args.Project, names.Project),
		pool:       c.name("pool", args.Pool, names.Pool),
		credential: credential.Options(args.Credential),
	}
	if args.ServiceAccount != nil {
		p.serviceAccount = c.name("serviceAccount", args.ServiceAccount, names.ServiceAccount)
	}
	if len(args.Accounts) == 0 {
		c.add(errors.New("accounts: must be given; hint: name the AWS account of the roles that are admitted"))
	}
	var ids []string
	for i, a := range args.Accounts {
		checked := c.account(fmt.Sprintf("accounts[%d]", i), strconv.Itoa(i+1), a)
		if id, ok := plain(a.ID); ok {
			if slices.Contains(ids, id) {
				c.add(fmt.Errorf("accounts[%d]: %q: must be there once; hint: a provider admits all roles of an account", i, id))
			}
			ids = append(ids, id)
		}
		p.accounts = append(p.accounts, checked)
	}
	p.grants = c.grants(args.Grants)
	p.apis = apis(args)
	c.add(checkCredential(p.credential, p.serviceAccount != nil))
	return p, errors.Join(c.errs...)
}

func (c *checker) account(field, place string, a Account) account {
	out := account{
		label:    place,
		id:       c.name(field+".id", a.ID, names.Account),
		provider: c.name(field+".provider", a.Provider, names.Pool),
	}
	id, known := plain(a.ID)
	if known {
		out.label = id
	}
	if len(a.Roles) == 0 {
		c.add(fmt.Errorf("%s.roles: must be given; hint: name the IAM roles that are admitted", field))
	}
	var fields []string
	var sessions []bool
	values := []any{out.id}
	var labels []string
	for i, r := range a.Roles {
		at := fmt.Sprintf("%s.roles[%d]", field, i)
		checked := role{strconv.Itoa(i + 1), c.name(at+".name", r.Name, names.Role)}
		name, named := plain(r.Name)
		if named {
			checked.label = name
			if slices.Contains(labels, name) {
				c.add(fmt.Errorf("%s: %q: must be there once", at, name))
			}
			labels = append(labels, name)
		}
		session := pulumi.String("").ToStringOutput()
		if r.Session != nil {
			session = c.name(at+".session", r.Session, names.Session)
			if s, ok := plain(r.Session); ok && known && named {
				c.add(subject(at, id, name, s))
			}
		}
		out.roles, fields, sessions = append(out.roles, checked), append(fields, at), append(sessions, r.Session != nil)
		values = append(values, checked.name, session)
	}
	out.trust = pulumi.All(values...).ApplyT(func(v []any) (any, error) {
		t := trust{account: v[0].(string)}
		for i, at := range fields {
			name, session := v[1+2*i].(string), v[2+2*i].(string)
			t.roles = append(t.roles, name)
			if sessions[i] {
				if err := subject(at, t.account, name, session); err != nil {
					return nil, err
				}
			}
		}
		if n := len(t.condition()); n > maxCondition {
			return nil, fmt.Errorf("%s.roles: the provider's condition has %d characters, at most %d are possible; hint: divide the roles among federations with pools of their own",
				field, n, maxCondition)
		}
		return t, nil
	})
	return out
}

// subject checks the google.subject of a role's sessions.
func subject(field, account, role, session string) error {
	rule, hint, ok := names.Subject(account, role, session, "session")
	return broken(field, role, rule, hint, ok)
}

// describe is a text about an account's trust.
func (a account) describe(text func(trust) string) pulumi.StringOutput {
	return a.trust.ApplyT(func(v any) string { return text(v.(trust)) }).(pulumi.StringOutput)
}

// admitted describes whose roles the pool admits.
func (p plan) admitted() pulumi.StringOutput {
	if n := len(p.accounts) - 1; n > 0 {
		return pulumi.Sprintf("Admits AWS account %s and %d more", p.accounts[0].id, n)
	}
	return pulumi.Sprintf("Admits AWS account %s", p.accounts[0].id)
}

// apis are those that the federation and the grants need ("Configure Workload
// Identity Federation with AWS or Azure VMs", before you begin), and those that are
// asked for. Without a service account none is impersonated.
func apis(args *Args) []string {
	all := []string{"iam.googleapis.com", "sts.googleapis.com"}
	if args.ServiceAccount != nil {
		all = append(all, "iamcredentials.googleapis.com")
	}
	all = append(all, "cloudresourcemanager.googleapis.com")
	add := func(api string) {
		if api != "" && !slices.Contains(all, api) {
			all = append(all, api)
		}
	}
	for _, g := range args.Grants {
		add(g.On.api())
	}
	for _, api := range args.APIs {
		add(api)
	}
	return all
}
