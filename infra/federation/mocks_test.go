package federation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
)

const (
	projectNumber = "210987654321"
	pools         = "iam.googleapis.com/projects/" + projectNumber + "/locations/global/workloadIdentityPools"
	random        = "-5f3a1c2" // what Pulumi adds to names that it chooses
)

// registered is a resource that a program asked for.
type registered struct {
	inputs map[string]any
	parent string // URN
	plugin string // its version
}

// cloud answers the engine's calls as Google does, and remembers them.
type cloud struct {
	mu        sync.Mutex
	resources map[string]registered // by type and name
}

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resources == nil {
		c.resources = map[string]registered{}
	}
	c.resources[args.TypeToken+" "+args.Name] = registered{args.Inputs.Mappable(), args.RegisterRPC.GetParent(), args.RegisterRPC.GetVersion()}
	out := args.Inputs.Copy()
	text := func(key resource.PropertyKey) string { return args.Inputs[key].StringValue() }
	set := func(key resource.PropertyKey, value string) { out[key] = resource.NewProperty(value) }
	pool := strings.TrimPrefix(pools, "iam.googleapis.com/") + "/"
	switch args.TypeToken {
	case "gcp:serviceaccount/account:Account":
		email := text("accountId") + "@" + text("project") + ".iam.gserviceaccount.com"
		set("email", email)
		set("member", "serviceAccount:"+email)
		set("name", "projects/"+text("project")+"/serviceAccounts/"+email)
	case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
		set("name", pool+text("workloadIdentityPoolId"))
	case "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider":
		set("name", pool+text("workloadIdentityPoolId")+"/providers/"+text("workloadIdentityPoolProviderId"))
	case "gcp:storage/bucket:Bucket", "gcp:pubsub/topic:Topic", "gcp:pubsub/subscription:Subscription":
		set("name", args.Name+random)
	case "pulumi:pulumi:StackReference":
		out["outputs"] = resource.NewProperty(resource.PropertyMap{"accountId": resource.NewProperty("123456789012"), "roleName": resource.NewProperty("run-queries")})
	}
	return args.Name, out, nil
}

func (c *cloud) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("the program looks %s up", args.Token)
}

// members are the grants and bindings that a program asked for, sorted.
func (c *cloud) members() []string {
	var lines []string
	for key, r := range c.resources {
		member, ok := r.inputs["member"]
		if !ok {
			continue
		}
		var on any
		for _, name := range []string{"project", "bucket", "datasetId", "topic", "subscription", "serviceAccountId"} {
			if v, ok := r.inputs[name]; ok {
				on = v
			}
		}
		account, _, _ := strings.Cut(fmt.Sprint(on), "@")
		_, name, _ := strings.Cut(key, " ")
		lines = append(lines, fmt.Sprintf("%s: %s on %s for %s", name, r.inputs["role"], account[strings.LastIndex(account, "/")+1:], member))
	}
	slices.SortFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return lines
}

// show runs a program on a mocked cloud, and prints the grants that it makes and whom
// its credential configurations are for. That they are known is part of it: they
// resolve only if every name did.
func show(program func(*pulumi.Context) (*federation.Federation, error)) {
	c, applied := &cloud{}, 0
	var configurations []string
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		f, err := program(ctx)
		if err != nil {
			return err
		}
		f.CredentialConfigurations.ApplyT(func(byAccount map[string]string) error {
			applied++
			for _, text := range byAccount {
				var configuration struct {
					Audience string `json:"audience"`
					URL      string `json:"service_account_impersonation_url"`
				}
				if err := json.Unmarshal([]byte(text), &configuration); err != nil {
					return err
				}
				line := "credential configuration for " + configuration.Audience
				if _, account, found := strings.Cut(configuration.URL, "/serviceAccounts/"); found {
					line += " as " + strings.TrimSuffix(account, ":generateAccessToken")
				}
				configurations = append(configurations, line)
			}
			return nil
		})
		return nil
	}, pulumi.WithMocks("theirs", "prod", c))
	if err != nil || applied != 1 {
		fmt.Printf("the program ended with %v, and its configurations were applied %d times\n", err, applied)
		return
	}
	slices.Sort(configurations)
	for _, line := range append(c.members(), configurations...) {
		fmt.Println(strings.Replace(line, pools, "…", 1))
	}
}
