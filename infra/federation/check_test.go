package federation_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
)

// TestBadNames: a plain string is refused before anything is registered, and an output
// once it is known, with the same text.
func TestBadNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("r", 60)
	for _, tt := range []struct {
		name   string
		change func(a *federation.Args, in func(string) pulumi.StringInput)
		want   string
	}{
		{"project", func(a *federation.Args, in func(string) pulumi.StringInput) { a.Project = in("123456789012") },
			`project: "123456789012": must be a project ID: 6 to 30 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen; hint: this looks like a project number`},
		{"pool", func(a *federation.Args, in func(string) pulumi.StringInput) { a.Pool = in("gcp-aws") },
			`pool: "gcp-aws": must be 4 to 32 lower-case letters, digits and hyphens, and not start with gcp-, which Google reserves`},
		{"provider", func(a *federation.Args, in func(string) pulumi.StringInput) { a.Accounts[1].Provider = in("x") },
			`accounts[1].provider: "x": must be 4 to 32 lower-case letters`},
		{"account", func(a *federation.Args, in func(string) pulumi.StringInput) { a.Accounts[0].ID = in("1234-5678-9012") },
			`accounts[0].id: "1234-5678-9012": must be 12 digits`},
		{"a role that would change the condition", func(a *federation.Args, in func(string) pulumi.StringInput) {
			a.Accounts[0].Roles[1].Name = in("x' || true || '")
		}, `accounts[0].roles[1].name: "x' || true || '": must be 1 to 64 letters, digits and _+=,.@-; hint: give only the name, without path or ARN`},
		{"service account", func(a *federation.Args, in func(string) pulumi.StringInput) { a.ServiceAccount = in("a@b") },
			`serviceAccount: "a@b": must be a service account ID: 6 to 30 lower-case letters`},
		{"bucket", func(a *federation.Args, in func(string) pulumi.StringInput) {
			a.Grants[0].On = federation.Bucket(in("gs://bucket"))
		}, `grants[0].on: "gs://bucket": must be a Cloud Storage bucket name`},
		{"project of a dataset", func(a *federation.Args, in func(string) pulumi.StringInput) {
			a.Grants[0].On = federation.Dataset(pulumi.String("sales")).In(in("Sales"))
		}, `grants[0].on.project: "Sales": must be a project ID`},
		{"granted role", func(a *federation.Args, in func(string) pulumi.StringInput) {
			a.Grants[0].Roles[0] = in("storage.objectViewer")
		}, `grants[0].roles[0]: "storage.objectViewer": must be an IAM role`},
		{"session", func(a *federation.Args, in func(string) pulumi.StringInput) { a.Accounts[0].Roles[0].Session = in("x") },
			`accounts[0].roles[0].session: "x": must be 2 to 64 letters`},
		{"a subject over 127 bytes", func(a *federation.Args, in func(string) pulumi.StringInput) {
			a.Accounts[0].Roles[0] = federation.Role{Name: pulumi.String(long), Session: in(strings.Repeat("f", 40))}
		}, `39 (arn:aws:sts::123456789012:assumed-role/) + 60 (role) + 1 + 40 (session) = 140; shorten role or session by 13`},
	} {
		for kind, in := range map[string]func(string) pulumi.StringInput{"plain": func(s string) pulumi.StringInput { return pulumi.String(s) }, "output": late} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				t.Parallel()
				args, c := theirs(), &cloud{}
				tt.change(args, in)
				err := run(c, "theirs", args, nil)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("New() = %v, want %q", err, tt.want)
				}
				if kind == "plain" && len(c.resources) > 0 {
					t.Errorf("there are %d resources already", len(c.resources))
				}
			})
		}
	}
}

// TestBadArguments are mistakes that no single name shows.
func TestBadArguments(t *testing.T) {
	t.Parallel()
	role := func(name string) federation.Role { return federation.Role{Name: pulumi.String(name)} }
	for want, change := range map[string]func(*federation.Args){
		"accounts: must be given":          func(a *federation.Args) { a.Accounts = nil },
		"accounts[0].roles: must be given": func(a *federation.Args) { a.Accounts[0].Roles = nil },
		"accounts[1]: \"123456789012\": must be there once; hint: a provider admits all roles of an account": func(a *federation.Args) { a.Accounts[1].ID = pulumi.String("123456789012") },
		`accounts[0].roles[2]: "same": must be there once`:                                                   func(a *federation.Args) { a.Accounts[0].Roles = append(a.Accounts[0].Roles, role("same")) },
		"project: must be given":                                          func(a *federation.Args) { a.Project = nil },
		"grants[0].on: must be given":                                     func(a *federation.Args) { a.Grants[0].On = federation.Resource{} },
		"grants[0].roles: must be given":                                  func(a *federation.Args) { a.Grants[0].Roles = nil },
		"grants[0].on: a project or a bucket is in no project of its own": func(a *federation.Args) { a.Grants[0].On = a.Grants[0].On.In(pulumi.String("other-project")) },
		"grants[1].roles[0]: another grant makes resources of the same names, …-object-viewer; hint: give one of the two a Name": func(a *federation.Args) {
			a.Grants = append(a.Grants, federation.Grant{On: federation.Bucket(pulumi.String("second-bucket")), Roles: pulumi.StringArray{pulumi.String("roles/storage.objectViewer")}})
		},
		"credential: making credential configuration: service_account_impersonation.token_lifetime_seconds: 1: must be from 600 to 43200": func(a *federation.Args) { a.Credential.TokenLifetimeSeconds = 1 },
		"the provider's condition has": func(a *federation.Args) {
			for i := range 60 {
				a.Accounts[1].Roles = append(a.Accounts[1].Roles, role(strings.Repeat("r", i+1)))
			}
		},
	} {
		args := theirs()
		change(args)
		if err := run(&cloud{}, "theirs", args, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want %q", err, want)
		}
	}
	if err := run(&cloud{}, "theirs", nil, nil); err == nil {
		t.Error("New() takes no arguments at all")
	}
	both := theirs()
	both.Pool, both.Accounts[0].ID = pulumi.String("x"), pulumi.String("y")
	if err := run(&cloud{}, "theirs", both, nil); err == nil || !strings.Contains(err.Error(), "pool: ") || !strings.Contains(err.Error(), "accounts[0].id: ") {
		t.Errorf("New() with two mistakes = %v, want both", err)
	}
}
