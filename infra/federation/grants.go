package federation

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// Grant gives the service account, or without one every admitted role, IAM roles on a
// resource.
type Grant struct {
	On    Resource
	Roles pulumi.StringArray // such as "roles/storage.objectViewer"

	// Name becomes part of the names of the grant's Pulumi resources. It is needed only
	// where two grants on resources of one kind give roles of the same name.
	Name string
}

// kind is a kind of resource that can be granted on.
type kind int

const (
	none kind = iota
	onProject
	onBucket
	onDataset
	onTopic
	onSubscription
)

// Resource is what a grant is on. It exists already, or the caller's program makes it.
type Resource struct {
	kind    kind
	name    pulumi.StringInput
	project pulumi.StringInput // nil is the federation's
}

// Project is a whole project, by its id.
func Project(id pulumi.StringInput) Resource { return Resource{kind: onProject, name: id} }

// Bucket is a Cloud Storage bucket, by its name. Roles without a service account need
// a bucket with uniform bucket-level access.
func Bucket(name pulumi.StringInput) Resource { return Resource{kind: onBucket, name: name} }

// Dataset is a BigQuery dataset of the federation's project, by its id.
func Dataset(id pulumi.StringInput) Resource { return Resource{kind: onDataset, name: id} }

// Topic is a Pub/Sub topic of the federation's project, by its name.
func Topic(name pulumi.StringInput) Resource { return Resource{kind: onTopic, name: name} }

// Subscription is a Pub/Sub subscription of the federation's project, by its name.
func Subscription(name pulumi.StringInput) Resource {
	return Resource{kind: onSubscription, name: name}
}

// In is the dataset, topic or subscription of that name in another project.
func (r Resource) In(project pulumi.StringInput) Resource {
	r.project = project
	return r
}

// api is the one by which the resource is used; a project has none of its own.
func (r Resource) api() string {
	switch r.kind {
	case onBucket:
		return "storage.googleapis.com"
	case onDataset:
		return "bigquery.googleapis.com"
	case onTopic, onSubscription:
		return "pubsub.googleapis.com"
	}
	return ""
}

// grant is one role of a checked Grant.
type grant struct {
	label string // part of the logical names
	on    Resource
	role  pulumi.StringOutput
}

// rolePattern is the form of predefined and custom roles: IAM documentation,
// "Understanding roles".
var rolePattern = regexp.MustCompile(`^((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+$`)

func roleRule(role string) (string, string, bool) {
	return "must be an IAM role", "roles/NAME, or projects/PROJECT/roles/NAME of a custom one", rolePattern.MatchString(role)
}

// grants checks grants, and splits them by roles.
func (c *checker) grants(all []Grant) []grant {
	var out []grant
	taken := map[string]bool{}
	for i, g := range all {
		field := fmt.Sprintf("grants[%d]", i)
		if g.On.kind == none {
			c.add(fmt.Errorf("%s.on: must be given; hint: federation.Bucket(name), or another of its kind", field))
		}
		if len(g.Roles) == 0 {
			c.add(fmt.Errorf("%s.roles: must be given", field))
		}
		switch {
		case g.On.project == nil:
		case g.On.kind == onProject || g.On.kind == onBucket:
			c.add(fmt.Errorf("%s.on: a project or a bucket is in no project of its own; leave In out", field))
		default:
			g.On.project = c.name(field+".on.project", g.On.project, names.Project)
		}
		if g.On.kind != none {
			rule := map[kind]names.Rule{onProject: names.Project, onBucket: names.Bucket}[g.On.kind]
			if rule == nil { // Google says what is wrong with others
				rule = func(name string) (string, string, bool) {
					return "must be given", "the name of what the grant is on", name != ""
				}
			}
			g.On.name = c.name(field+".on", g.On.name, rule)
		}
		for j, in := range g.Roles {
			at := fmt.Sprintf("%s.roles[%d]", field, j)
			checked := grant{label: "role-" + strconv.Itoa(j+1), on: g.On, role: c.name(at, in, roleRule)}
			if role, ok := plain(in); ok {
				checked.label = kebab(role)
			}
			if g.Name != "" {
				checked.label = g.Name + "-" + checked.label
			}
			key := fmt.Sprintf("%d %s", g.On.kind, checked.label)
			if taken[key] {
				c.add(fmt.Errorf("%s: another grant makes resources of the same names, …-%s; hint: give one of the two a Name", at, checked.label))
			}
			taken[key] = true
			out = append(out, checked)
		}
	}
	return out
}

var capital = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// kebab is what a role is called in the names of resources: object-viewer for
// roles/storage.objectViewer.
func kebab(role string) string {
	role = role[strings.LastIndex(role, "/")+1:]
	role = role[strings.LastIndex(role, ".")+1:]
	return strings.ToLower(capital.ReplaceAllString(role, "$1-$2"))
}

// grantAll lets the roles become the service account, if there is one, and makes the
// grants: to the account, or to each role. It returns the members that hold them.
func (b *builder) grantAll(account *serviceaccount.Account) (pulumi.StringArrayOutput, error) {
	var members pulumi.StringArray
	if account != nil {
		members = pulumi.StringArray{account.Member}
		if err := b.grant("", account.Member); err != nil {
			return pulumi.StringArrayOutput{}, err
		}
	}
	for i, a := range b.plan.accounts {
		for j, r := range a.roles {
			suffix := "" // the first role has none, however many others there are
			if i > 0 || j > 0 {
				suffix = "-" + a.label + "-" + r.label
			}
			member := pulumi.All(b.pool.Name, a.trust).ApplyT(func(v []any) string {
				return v[1].(trust).principalSet(v[0].(string), j)
			}).(pulumi.StringOutput)
			if account == nil {
				members = append(members, member)
				if err := b.grant(suffix, member); err != nil {
					return pulumi.StringArrayOutput{}, err
				}
				continue
			}
			binding, err := serviceaccount.NewIAMMember(b.ctx, b.name+"-workload-identity-user"+suffix, &serviceaccount.IAMMemberArgs{
				ServiceAccountId: account.Name,
				Role:             pulumi.String(roleWorkloadIdentityUser),
				Member:           member,
			}, b.inside)
			if err != nil {
				return pulumi.StringArrayOutput{}, fmt.Errorf("letting the role %s of account %s become the service account: %w", r.label, a.label, err)
			}
			b.granted = append(b.granted, binding.ID())
		}
	}
	return members.ToStringArrayOutput(), nil
}

// grant makes all grants to one member.
func (b *builder) grant(suffix string, member pulumi.StringOutput) error {
	for _, g := range b.plan.grants {
		id, err := b.member(b.name+"-"+g.label+suffix, g, member)
		if err != nil {
			return fmt.Errorf("granting %s: %w", g.label, err)
		}
		b.granted = append(b.granted, id)
	}
	return nil
}

// policies are the Pulumi resources that add one member to a role in the policy of a
// resource, which is their property key. They have one form, so they are registered by
// their tokens: compiling their packages of the SDK takes as long as half of the program.
var policies = map[kind]struct{ token, key string }{
	onProject:      {"gcp:projects/iAMMember:IAMMember", "project"},
	onBucket:       {"gcp:storage/bucketIAMMember:BucketIAMMember", "bucket"},
	onDataset:      {"gcp:bigquery/datasetIamMember:DatasetIamMember", "datasetId"},
	onTopic:        {"gcp:pubsub/topicIAMMember:TopicIAMMember", "topic"},
	onSubscription: {"gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember", "subscription"},
}

// SDKVersion is that of the SDK, whose packages ask for the plugin of the same version.
// Resources that are registered by their tokens ask for it with pulumi.Version.
const SDKVersion = "7.38.0"

// member adds a member to a role in the policy of a resource.
func (b *builder) member(name string, g grant, member pulumi.StringOutput) (pulumi.IDOutput, error) {
	project := b.plan.project
	if g.on.project != nil {
		project = g.on.project.ToStringOutput()
	}
	of, ok := policies[g.on.kind]
	if !ok {
		return pulumi.IDOutput{}, errors.New("the grant is on nothing")
	}
	inputs := pulumi.Map{of.key: g.on.name, "role": g.role, "member": member}
	switch g.on.kind {
	case onDataset:
		inputs["member"] = member.ApplyT(datasetMember).(pulumi.StringOutput)
		fallthrough
	case onTopic, onSubscription:
		inputs["project"] = project
	}
	var made pulumi.CustomResourceState
	if err := b.ctx.RegisterResource(of.token, name, inputs, &made, b.inside, pulumi.Version(SDKVersion)); err != nil {
		return pulumi.IDOutput{}, err
	}
	return made.ID(), nil
}

// datasetMember is how the access list of a dataset names a federated identity:
// Pulumi Registry, "gcp.bigquery.DatasetIamMember", member.
func datasetMember(member string) string {
	if strings.HasPrefix(member, "principal") {
		return "iamMember:" + member
	}
	return member
}
