package denials

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/iam/v1"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/option"
	gcs "google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Where Google's answers were seen.
const (
	troubleshooting = "Troubleshoot Workload Identity Federation (IAM documentation)"
	iamErrors       = "google.rpc.ErrorInfo IAM_PERMISSION_DENIED, as google-github-actions/auth, docs/TROUBLESHOOTING.md, shows it"
	invalidTargets  = "google-github-actions/auth, issue 202"
	rejections      = "google-github-actions/auth, docs/TROUBLESHOOTING.md"
	badFormats      = "AWS request has invalid format (Google Developer forums, topic 244519)"
	storageErrors   = "HTTP status and error codes for JSON (Cloud Storage documentation); spaceml-org/STARCOP, issue 6"
	credentialsAPI  = "Method: projects.serviceAccounts.generateAccessToken (Service Account Credentials API)"
)

// What Google answers in more than one row.
const (
	badCredentials = "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'\n"
	badFormat      = "AWS request has invalid format."
	badTarget      = "The value of the header x-goog-cloud-target-resource must be the audience of the token exchange."
	rejected       = "The given credential is rejected by the attribute condition."
	invalidTarget  = `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`
	tooLong        = "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."
	noGetToken     = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
	badToken       = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)

func googleDenials() []denial {
	var rows []denial
	for _, part := range [][]denial{fromAWS(), subjectTokens(), providers(), pools(), quotas(), bindings(), accessTokens(), objects(), messages(), notifications(), administration()} {
		rows = append(rows, part...)
	}
	return rows
}

func accountPath(c *Clouds) string {
	return "/v1/projects/" + c.Names.Project + "/serviceAccounts/" + c.Names.ServiceAccountEmail()
}

// disabledAPI is the refusal of an API that the project has not enabled.
func disabledAPI(title, name string) string {
	return title + " has not been used in project " + sandbox.ProjectNumber + " before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/" + name + "/overview?project=" + sandbox.ProjectNumber + " then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
}

// quotaDenied is the refusal of a quota project.
func quotaDenied(project string) string {
	return "Caller does not have required permission to use project " + project + ". Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project=" + project + " and then retry. Propagation of the new permission may take a few minutes."
}

// accessTokens are impersonations that the Service Account Credentials API refuses.
func accessTokens() []denial {
	const section = "generateAccessToken"
	// generate calls the API with the federated principal's token.
	generate := func(l login, account func(email string) string, in *iamcredentials.GenerateAccessTokenRequest) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			l.alone = true
			if len(l.scopes) == 0 {
				l.scopes = []string{"https://www.googleapis.com/auth/cloud-platform"}
			}
			service, err := iamcredentials.NewService(context.Background(), option.WithAuthCredentials(l.credentials(t, c)), option.WithEndpoint(c.Endpoint("iamcredentials")))
			if err != nil {
				t.Fatal(err)
			}
			in := *in
			for i := range in.Delegates {
				in.Delegates = []string{c.here(in.Delegates[i])}
			}
			_, err = service.Projects.ServiceAccounts.GenerateAccessToken("projects/-/serviceAccounts/"+account(c.Names.ServiceAccountEmail()), &in).Do()
			return err
		}
	}
	itself := func(email string) string { return email }
	after := func(change func(t *testing.T, c *Clouds)) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			change(t, c)
			return login{}.denied(t, c)
		}
	}
	scope := []string{readOnly}
	quota := func(project func(*Clouds) string) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			l := login{alone: true, scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}}
			service, err := iamcredentials.NewService(context.Background(), option.WithAuthCredentials(l.credentials(t, c)), option.WithEndpoint(c.Endpoint("iamcredentials")))
			if err != nil {
				t.Fatal(err)
			}
			call := service.Projects.ServiceAccounts.GenerateAccessToken("projects/-/serviceAccounts/"+c.Names.ServiceAccountEmail(), &iamcredentials.GenerateAccessTokenRequest{Scope: scope})
			call.Header().Set("X-Goog-User-Project", project(c))
			_, err = call.Do()
			return err
		}
	}
	const invalid = "Request contains an invalid argument."
	return []denial{
		{section, "no scope", generate(login{}, itself, &iamcredentials.GenerateAccessTokenRequest{}), 400, "INVALID_ARGUMENT", invalid, "golang/oauth2, issue 537; googleapis/google-cloud-python, issue 15186"},
		{section, "a lifetime over an hour", generate(login{}, itself, &iamcredentials.GenerateAccessTokenRequest{Scope: scope, Lifetime: "3601s"}), 400, "INVALID_ARGUMENT", invalid, credentialsAPI + ", for the limit; the words are believed"},
		{section, "a service account with a quote", generate(login{}, func(email string) string { return "'" + email + "'" }, &iamcredentials.GenerateAccessTokenRequest{Scope: scope}), 400, "INVALID_ARGUMENT", invalid, "google-github-actions/auth, issue 139"},
		{section, "a service account with a blank", generate(login{}, func(email string) string { return " " + email }, &iamcredentials.GenerateAccessTokenRequest{Scope: scope}), 400, "INVALID_ARGUMENT", invalid, "google-github-actions/auth, issue 139"},
		{section, "a quota project that the caller is not allowed to use", quota(func(c *Clouds) string { return c.Names.Project }), 403, "PERMISSION_DENIED", quotaDenied(sandbox.Project), "cloud-custodian/cloud-custodian, issue 7155; google-github-actions/auth, issue 250"},
		{section, "a quota project of somebody else", quota(func(*Clouds) string { return "other-project" }), 403, "PERMISSION_DENIED", quotaDenied("other-project"), "cloud-custodian/cloud-custodian, issue 7155; google-github-actions/auth, issue 250"},
		{section, "a lifetime of nothing", generate(login{}, itself, &iamcredentials.GenerateAccessTokenRequest{Scope: scope, Lifetime: "0s"}), 400, "INVALID_ARGUMENT", invalid, believed},
		{section, "a lifetime in hours", generate(login{}, itself, &iamcredentials.GenerateAccessTokenRequest{Scope: scope, Lifetime: "1h"}), 400, "INVALID_ARGUMENT", "Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), …", believed},
		{section, "through a delegate that is not allowed to", generate(login{}, itself, &iamcredentials.GenerateAccessTokenRequest{Scope: scope, Delegates: []string{"projects/-/serviceAccounts/gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"}}), 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.implicitDelegation' denied on resource (or it may not exist).", believed},
		{section, "an account that is not there", generate(login{}, func(email string) string { return "nobody" + email[strings.Index(email, "@"):] }, &iamcredentials.GenerateAccessTokenRequest{Scope: scope}), 403, "PERMISSION_DENIED", noGetToken, iamErrors},
		{section, "the API is not enabled", after(func(t *testing.T, c *Clouds) {
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/services/iamcredentials.googleapis.com:disable", nil, nil)
		}), 403, "PERMISSION_DENIED", disabledAPI("IAM Service Account Credentials API", "iamcredentials.googleapis.com"), "Enable and disable services (Service Usage documentation); google-github-actions/auth, docs/TROUBLESHOOTING.md"},
		{section, "a token of another scope", generate(login{scopes: scope}, itself, &iamcredentials.GenerateAccessTokenRequest{Scope: scope}), 403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "google.rpc.ErrorInfo ACCESS_TOKEN_SCOPE_INSUFFICIENT (API design guide, Errors)"},
		{section, "a garbage token", func(t *testing.T, c *Clouds) error {
			service, err := iamcredentials.NewService(context.Background(), option.WithAuthCredentials(fixed("ya29.garbage")), option.WithEndpoint(c.Endpoint("iamcredentials")))
			if err != nil {
				t.Fatal(err)
			}
			_, err = service.Projects.ServiceAccounts.GenerateAccessToken("projects/-/serviceAccounts/"+c.Names.ServiceAccountEmail(), &iamcredentials.GenerateAccessTokenRequest{Scope: scope}).Do()
			return err
		}, 401, "UNAUTHENTICATED", badToken, troubleshooting},
		{section, "a disabled service account", after(func(t *testing.T, c *Clouds) { c.Call(t, "POST", accountPath(c)+":disable", nil, nil) }), 400, "FAILED_PRECONDITION", "Service account is disabled.", believed},
		{section, "a deleted service account", after(func(t *testing.T, c *Clouds) { c.Call(t, "DELETE", accountPath(c), nil, nil) }), 403, "PERMISSION_DENIED", noGetToken, believed},
		{section, "a service account made anew without its binding", after(func(t *testing.T, c *Clouds) {
			c.Call(t, "DELETE", accountPath(c), nil, nil)
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/serviceAccounts", map[string]any{"accountId": c.Names.ServiceAccount}, nil)
		}), 403, "PERMISSION_DENIED", noGetToken, "Delete and undelete service accounts (IAM documentation)"},
	}
}

// objects are calls of Cloud Storage.
func objects() []denial {
	const section = "Cloud Storage"
	const account = "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
	denied := func(permission, thing string) string {
		return account + " does not have " + permission + " access to the Google Cloud Storage " + thing + ". Permission '" + permission + "' denied on resource (or it may not exist)."
	}
	policy := func(t *testing.T, c *Clouds, p map[string]any) {
		c.Call(t, "PUT", "/storage/v1/b/"+c.Names.SourceBucket+"/iam", p, nil)
	}
	get := func(t *testing.T, c *Clouds) error {
		_, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
		return err
	}
	token := func(t *testing.T, c *Clouds, token string) error {
		_, err := storageAs(t, c, nil, token).Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
		return err
	}
	insert := func(t *testing.T, c *Clouds, l login) error {
		_, err := storageAs(t, c, &l, "").Objects.Insert(c.Names.SourceBucket, &gcs.Object{Name: "new.txt"}).Media(strings.NewReader("x")).Do()
		return err
	}
	requestersPay := func(t *testing.T, c *Clouds) {
		c.Call(t, "PATCH", "/storage/v1/b/"+c.Names.SourceBucket, map[string]any{"billing": map[string]bool{"requesterPays": true}}, nil)
	}
	return []denial{
		{section, "no grant", func(t *testing.T, c *Clouds) error {
			policy(t, c, map[string]any{})
			return get(t, c)
		}, 403, "forbidden", denied("storage.objects.get", "object"), storageErrors},
		{section, "a grant on another bucket", func(t *testing.T, c *Clouds) error {
			policy(t, c, map[string]any{})
			c.Call(t, "POST", "/storage/v1/b?project="+c.Names.Project, map[string]any{"name": c.named("other-bucket")}, nil)
			c.BindBucket(t, c.named("other-bucket"), "roles/storage.objectViewer", "serviceAccount:"+c.Names.ServiceAccountEmail())
			return get(t, c)
		}, 403, "forbidden", denied("storage.objects.get", "object"), storageErrors},
		{section, "a grant under another prefix", func(t *testing.T, c *Clouds) error {
			policy(t, c, map[string]any{"version": 3, "bindings": []any{map[string]any{
				"role": "roles/storage.objectViewer", "members": []string{"serviceAccount:" + c.Names.ServiceAccountEmail()},
				"condition": map[string]any{"title": "reports", "expression": "resource.name.startsWith('projects/_/buckets/" + c.Names.SourceBucket + "/objects/reports/')"},
			}}})
			return get(t, c)
		}, 403, "forbidden", denied("storage.objects.get", "object"), "Overview of IAM Conditions (IAM documentation); " + storageErrors},
		{section, "a viewer writes", func(t *testing.T, c *Clouds) error {
			return insert(t, c, login{scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}})
		}, 403, "forbidden", denied("storage.objects.create", "object"), storageErrors},
		{section, "a viewer deletes", func(t *testing.T, c *Clouds) error {
			return storageAs(t, c, &login{scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}}, "").Objects.Delete(c.Names.SourceBucket, c.Names.Object).Do()
		}, 403, "forbidden", denied("storage.objects.delete", "object"), storageErrors},
		{section, "a token to read writes", func(t *testing.T, c *Clouds) error {
			c.BindBucket(t, c.Names.SourceBucket, "roles/storage.objectAdmin", "serviceAccount:"+c.Names.ServiceAccountEmail())
			return insert(t, c, login{})
		}, 403, "forbidden", "Provided scope(s) are not authorized", "googleapis/google-cloud-cpp, issue 7334"},
		{section, "an object that is not there, to a viewer", func(t *testing.T, c *Clouds) error {
			_, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, "missing.txt").Do()
			return err
		}, 404, "notFound", "No such object: s3-gcs-connect/missing.txt", storageErrors},
		{section, "an object that is not there, to a caller who is not allowed to list", func(t *testing.T, c *Clouds) error {
			policy(t, c, map[string]any{"bindings": []any{map[string]any{"role": "roles/storage.legacyObjectReader", "members": []string{"serviceAccount:" + c.Names.ServiceAccountEmail()}}}})
			_, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, "missing.txt").Do()
			return err
		}, 403, "forbidden", denied("storage.objects.list", "bucket"), storageErrors},
		{section, "a bucket that is not there", func(t *testing.T, c *Clouds) error {
			_, err := storageAs(t, c, &login{}, "").Objects.Get(c.named("missing-bucket"), c.Names.Object).Do()
			return err
		}, 404, "notFound", "The specified bucket does not exist.", storageErrors},
		{section, "an expired token", func(t *testing.T, c *Clouds) error {
			held, err := login{}.token(t, c)
			if err != nil {
				t.Fatal(err)
			}
			c.Advance(time.Hour)
			return token(t, c, held)
		}, 401, "authError", "Invalid Credentials", storageErrors},
		{section, "a token of an account that was deleted since", func(t *testing.T, c *Clouds) error {
			held, err := login{}.token(t, c)
			if err != nil {
				t.Fatal(err)
			}
			c.Call(t, "DELETE", accountPath(c), nil, nil)
			return token(t, c, held)
		}, 401, "authError", "Invalid Credentials", storageErrors},
		{section, "a garbage token", func(t *testing.T, c *Clouds) error { return token(t, c, "ya29.garbage") }, 401, "authError", "Invalid Credentials", storageErrors},
		{section, "no token", func(t *testing.T, c *Clouds) error {
			_, err := storageAs(t, c, nil, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
			return err
		}, 401, "required", "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).", storageErrors},
		{section, "no project to pay for a bucket whose requesters pay", func(t *testing.T, c *Clouds) error {
			requestersPay(t, c)
			return get(t, c)
		}, 400, "required", "Bucket is requester pays bucket but no user project provided.", "googleapis/google-cloud-python, issue 4674"},
		{section, "a project to pay that the caller is not allowed to use", func(t *testing.T, c *Clouds) error {
			requestersPay(t, c)
			_, err := storageAs(t, c, &login{}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).UserProject(c.Names.Project).Do()
			return err
		}, 403, "forbidden", account + " does not have serviceusage.services.use access to the Google Cloud project. " +
			"Permission 'serviceusage.services.use' denied on resource (or it may not exist).", "googleapis/google-cloud-ruby, issue 6456"},
		{section, "the API is not enabled", func(t *testing.T, c *Clouds) error {
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/services/storage.googleapis.com:disable", nil, nil)
			return get(t, c)
		}, 403, "accessNotConfigured", disabledAPI("Cloud Storage JSON API", "storage-api.googleapis.com"), "public reports of this message; that today's name of the API is storage-api is believed"},
		{section, "a project whose billing is off", func(t *testing.T, c *Clouds) error {
			c.Call(t, "PUT", "/v1/projects/"+c.Names.Project+"/billingInfo", map[string]any{"billingAccountName": ""}, nil)
			return get(t, c)
		}, 403, "accountDisabled", "The billing account for the owning project is disabled in state absent", "googleapis/python-storage, issue 1456"},
		{section, "the federated principal without a grant of its own", func(t *testing.T, c *Clouds) error {
			_, err := storageAs(t, c, &login{alone: true}, "").Objects.Get(c.Names.SourceBucket, c.Names.Object).Do()
			return err
		}, 403, "forbidden", "Caller does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).", "facebookresearch/fbpcs, pull request 1942; for the provider of a GKE pool"},
	}
}

// administration are calls of IAM that would build or change a federation.
func administration() []denial {
	const section = "IAM"
	call := func(do func(s *iam.Service, c *Clouds) error) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			service, err := iam.NewService(context.Background(), option.WithHTTPClient(c.Client), option.WithEndpoint(c.Endpoint("iam")))
			if err != nil {
				t.Fatal(err)
			}
			return do(service, c)
		}
	}
	project := func(c *Clouds) string { return "projects/" + c.Names.Project }
	pools := func(c *Clouds) string { return project(c) + "/locations/global/workloadIdentityPools" }
	createPool := func(s *iam.Service, c *Clouds, id string) error {
		_, err := s.Projects.Locations.WorkloadIdentityPools.Create(project(c)+"/locations/global", &iam.WorkloadIdentityPool{}).WorkloadIdentityPoolId(id).Do()
		return err
	}
	setPolicy := func(s *iam.Service, c *Clouds, p *iam.Policy) error {
		_, err := s.Projects.ServiceAccounts.SetIamPolicy(strings.TrimPrefix(accountPath(c), "/v1/"), &iam.SetIamPolicyRequest{Policy: p}).Do()
		return err
	}
	createProvider := func(p *iam.WorkloadIdentityPoolProvider) func(*testing.T, *Clouds) error {
		return call(func(s *iam.Service, c *Clouds) error {
			p := *p
			if p.Aws.AccountId != "" {
				p.Aws = &iam.Aws{AccountId: c.Names.Account}
			}
			_, err := s.Projects.Locations.WorkloadIdentityPools.Providers.Create(pools(c)+"/"+c.Names.Pool, &p).WorkloadIdentityPoolProviderId(c.named("another")).Do()
			return err
		})
	}
	account := &iam.Aws{AccountId: sandbox.Account}
	// allowed has the organization allow one value alone of a constraint.
	allowed := func(constraint, value string) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			c.Call(t, "PATCH", "/v2/"+project(c)+"/policies/"+constraint, map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"values": map[string]any{"allowedValues": []string{value}}}}}}, nil)
			return createProvider(&iam.WorkloadIdentityPoolProvider{Aws: account})(t, c)
		}
	}
	const orgPolicies = "google-github-actions/auth, issue 201"
	const lifeOfPools = "Manage workload identity pools and providers (IAM documentation)"
	const policies = "Policy (IAM API reference)"
	return []denial{
		{section, "a pool that is there", call(func(s *iam.Service, c *Clouds) error { return createPool(s, c, c.Names.Pool) }), 409, "ALREADY_EXISTS", "Requested entity already exists", "terraform-google-modules/terraform-google-github-actions-runners, issue 49"},
		{section, "a pool whose name is that of a deleted one", call(func(s *iam.Service, c *Clouds) error {
			if _, err := s.Projects.Locations.WorkloadIdentityPools.Delete(pools(c) + "/" + c.Names.Pool).Do(); err != nil {
				return err
			}
			return createPool(s, c, c.Names.Pool)
		}), 409, "ALREADY_EXISTS", "Requested entity already exists", lifeOfPools},
		{section, "a provider where the organization allows others", allowed("iam.workloadIdentityPoolProviders", "https://token.actions.githubusercontent.com"), 400, "FAILED_PRECONDITION", "Precondition check failed.", orgPolicies},
		{section, "a provider where the organization allows other accounts", allowed("iam.workloadIdentityPoolAwsAccounts", "999999999999"), 400, "FAILED_PRECONDITION", "Precondition check failed.", orgPolicies},
		{section, "a service account where the organization disables new ones", func(t *testing.T, c *Clouds) error {
			c.Call(t, "PATCH", "/v2/"+project(c)+"/policies/iam.disableServiceAccountCreation",
				map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"enforce": true}}}}, nil)
			return call(func(s *iam.Service, c *Clouds) error {
				_, err := s.Projects.ServiceAccounts.Create(project(c), &iam.CreateServiceAccountRequest{AccountId: "another-reader"}).Do()
				return err
			})(t, c)
		}, 400, "FAILED_PRECONDITION", "Service account creation is not allowed on this project.", believed},
		{section, "a member of another organization where only one may be a member", func(t *testing.T, c *Clouds) error {
			c.Call(t, "PATCH", "/v2/"+project(c)+"/policies/iam.allowedPolicyMemberDomains",
				map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"values": map[string]any{"allowedValues": []string{"is:C0sandbox"}}}}}}, nil)
			return call(func(s *iam.Service, c *Clouds) error {
				return setPolicy(s, c, &iam.Policy{Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser",
					Members: []string{"serviceAccount:reader@other.iam.gserviceaccount.com"}}}})
			})(t, c)
		}, 400, "FAILED_PRECONDITION", "One or more users named in the policy do not belong to a permitted customer.",
			"terraform-google-modules/terraform-example-foundation, issue 1454"},
		{section, "a pool deleted twice", call(func(s *iam.Service, c *Clouds) error {
			if _, err := s.Projects.Locations.WorkloadIdentityPools.Delete(pools(c) + "/" + c.Names.Pool).Do(); err != nil {
				return err
			}
			_, err := s.Projects.Locations.WorkloadIdentityPools.Delete(pools(c) + "/" + c.Names.Pool).Do()
			return err
		}), 404, "NOT_FOUND", "Requested entity was not found.", believed},
		{section, "a deleted pool after thirty days", call(func(s *iam.Service, c *Clouds) error {
			if _, err := s.Projects.Locations.WorkloadIdentityPools.Delete(pools(c) + "/" + c.Names.Pool).Do(); err != nil {
				return err
			}
			c.Advance(30 * 24 * time.Hour)
			_, err := s.Projects.Locations.WorkloadIdentityPools.Undelete(pools(c)+"/"+c.Names.Pool, &iam.UndeleteWorkloadIdentityPoolRequest{}).Do()
			return err
		}), 404, "NOT_FOUND", "Requested entity was not found.", lifeOfPools},
		{section, "a pool that is not there", call(func(s *iam.Service, c *Clouds) error {
			_, err := s.Projects.Locations.WorkloadIdentityPools.Get(pools(c) + "/missing").Do()
			return err
		}), 404, "NOT_FOUND", "Requested entity was not found.", believed},
		{section, "a provider without an account", createProvider(&iam.WorkloadIdentityPoolProvider{Aws: &iam.Aws{}}), 400, "INVALID_ARGUMENT", "aws.account_id must be 12 digits.", believed},
		{section, "a provider whose mapping has a key of no kind", createProvider(&iam.WorkloadIdentityPoolProvider{Aws: account, AttributeMapping: map[string]string{"google.subject": "assertion.arn", "assertion.arn": "assertion.arn"}}), 400, "INVALID_ARGUMENT", "Invalid mapped attribute key: assertion.arn. Custom mapped attributes must be in format 'attribute.{custom_attribute}'", "kushin77/self-hosted-runner, issue 1900"},
		{section, "a provider with a long display name", createProvider(&iam.WorkloadIdentityPoolProvider{Aws: account, DisplayName: strings.Repeat("x", 33)}), 400, "INVALID_ARGUMENT", "display name must be less than or equal to 32 characters", "kushin77/self-hosted-runner, issue 1900"},
		{section, "a provider whose mapping has no subject", createProvider(&iam.WorkloadIdentityPoolProvider{Aws: account, AttributeMapping: map[string]string{"attribute.aws_role": "assertion.arn"}}), 400, "INVALID_ARGUMENT", "The attribute mapping must map google.subject.", believed},
		{section, "a provider whose condition does not parse", createProvider(&iam.WorkloadIdentityPoolProvider{Aws: account, AttributeCondition: "assertion.arn =="}), 400, "INVALID_ARGUMENT", "…", believed},
		{section, "a service account that is not there, by its project", call(func(s *iam.Service, c *Clouds) error {
			_, err := s.Projects.ServiceAccounts.Get(project(c) + "/serviceAccounts/" + c.here("nobody@demo-project.iam.gserviceaccount.com")).Do()
			return err
		}), 404, "NOT_FOUND", "Unknown service account", "projects.serviceAccounts.get (IAM API reference), for the status; the words are believed"},
		{section, "a service account that is not there, by projects/-", call(func(s *iam.Service, c *Clouds) error {
			_, err := s.Projects.ServiceAccounts.Get(c.here("projects/-/serviceAccounts/nobody@demo-project.iam.gserviceaccount.com")).Do()
			return err
		}), 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).", "projects.serviceAccounts.get (IAM API reference), for the status"},
		{section, "a service account that is there", call(func(s *iam.Service, c *Clouds) error {
			_, err := s.Projects.ServiceAccounts.Create(project(c), &iam.CreateServiceAccountRequest{AccountId: c.Names.ServiceAccount}).Do()
			return err
		}), 409, "ALREADY_EXISTS", "Service account gcs-to-s3-service-account already exists within project projects/demo-project.", "hashicorp/terraform-provider-google, issue 19112"},
		{section, "a service account whose name is too short", call(func(s *iam.Service, c *Clouds) error {
			_, err := s.Projects.ServiceAccounts.Create(project(c), &iam.CreateServiceAccountRequest{AccountId: "short"}).Do()
			return err
		}), 400, "INVALID_ARGUMENT", `The account ID "short" does not have a length between 6 and 30.`, "projects.serviceAccounts.create (IAM API reference)"},
		{section, "a policy with an etag that is stale", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Etag: "BwAAAAAAAAA="})
		}), 409, "ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag '…' did not match the current policy's ETag '…'.", "pulumi/pulumi-gcp, issue 1028"},
		{section, "a condition in a policy of version 1", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Version: 1, Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{"allUsers"}, Condition: &iam.Expr{Title: "x", Expression: "true"}}}})
		}), 400, "INVALID_ARGUMENT", "Specified policy version (1) cannot contain conditions.", policies},
		{section, "a member of no kind", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{"someone@example.com"}}}})
		}), 400, "INVALID_ARGUMENT", "The member someone@example.com is of an unknown type. Please set a valid type prefix for the member.", policies},
		{section, "a pool as a member that is not there", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{strings.Replace(c.PrincipalSet(c.Names.AssumedRole()), c.Names.Pool, c.named("other-pool"), 1)}}}})
		}), 400, "INVALID_ARGUMENT", "Identity Pool does not exist (projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/other-pool). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API.",
			"terraform-google-modules/terraform-google-kubernetes-engine, issue 916, for a pool of GKE; for others believed"},
		{section, "a principal set without a pool", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{"principalSet://iam.googleapis.com/" + c.Names.Pool + "/*"}}}})
		}), 400, "INVALID_ARGUMENT", "Invalid principalSet member (principalSet://iam.googleapis.com/aws-connect/*).", reported + "; in 2022 another one: hashicorp/terraform-provider-google, issue 12672"},
		{section, "a service account as a member that is not there", call(func(s *iam.Service, c *Clouds) error {
			return setPolicy(s, c, &iam.Policy{Bindings: []*iam.Binding{{Role: "roles/iam.workloadIdentityUser", Members: []string{c.here("serviceAccount:nobody@demo-project.iam.gserviceaccount.com")}}}})
		}), 400, "INVALID_ARGUMENT", "Service account nobody@demo-project.iam.gserviceaccount.com does not exist.", "GoogleCloudPlatform/generative-ai, issue 944"},
		{section, "the API is not enabled", func(t *testing.T, c *Clouds) error {
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/services/iam.googleapis.com:disable", nil, nil)
			return call(func(s *iam.Service, c *Clouds) error { return createPool(s, c, c.named("mine")) })(t, c)
		}, 403, "PERMISSION_DENIED", disabledAPI("Identity and Access Management (IAM) API", "iam.googleapis.com"), "Enable and disable services (Service Usage documentation)"},
		{section, "the service account makes a pool", func(t *testing.T, c *Clouds) error {
			service, err := iam.NewService(context.Background(), option.WithAuthCredentials(login{scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}}.credentials(t, c)), option.WithEndpoint(c.Endpoint("iam")))
			if err != nil {
				t.Fatal(err)
			}
			return createPool(service, c, c.named("mine"))
		}, 403, "PERMISSION_DENIED", "Permission 'iam.workloadIdentityPools.create' denied on resource '//iam.googleapis.com/projects/demo-project/locations/global' (or it may not exist).", "fullsend-ai/fullsend, issue 644"},
	}
}
