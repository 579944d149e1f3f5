// Package resource creates, changes and deletes the resources of a stack, one
// file per AWS service. It works like any other program: with SDK clients against
// the cloud's endpoint and the credentials of the stack's operation, so that the
// service itself refuses every right that is missing, in its own words. Inert
// resources check their rights without a service.
//
// Each type is a struct of its properties; that struct is its schema. A tag
// says what CloudFormation's reference says of the property:
//
//	cfn:"required"     the property must be present
//	cfn:"replace"      a change replaces the resource
//	cfn:"name"         replace, and it is the resource's custom name
//
// A property that the struct does not have is refused by its name, at every
// depth. Not modelled: drift of other types than Actual lists, import of other resources
// than roles, functions and log groups, the aws:cloudformation:* system tags, and the types that Types does
// not list.
package resource

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Clients are the services that resources live in, all with one identity.
type Clients struct {
	IAM       *iam.Client
	Lambda    *lambda.Client
	Logs      *cloudwatchlogs.Client
	S3        *s3.Client
	Scheduler *scheduler.Client
	SQS       *sqs.Client
	States    *sfn.Client
	SSM       *ssm.Client
	// Ask checks a right of the identity where no request does: for inert resources.
	Ask func(action, arn string, keys map[string][]string) error
}

// NewClients makes the clients. Buckets are addressed by path, since the
// endpoint has no names below it.
func NewClients(cfg aws.Config) *Clients {
	return &Clients{
		IAM:       iam.NewFromConfig(cfg),
		Lambda:    lambda.NewFromConfig(cfg),
		Logs:      cloudwatchlogs.NewFromConfig(cfg),
		S3:        s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		Scheduler: scheduler.NewFromConfig(cfg),
		SQS:       sqs.NewFromConfig(cfg),
		States:    sfn.NewFromConfig(cfg),
		SSM:       ssm.NewFromConfig(cfg),
	}
}

// Instance is a resource that exists.
type Instance struct {
	PhysicalID string         // what Ref gives
	Attributes map[string]any // what Fn::GetAtt gives
}

// Call is what a handler works with.
type Call struct {
	*Clients
	Account, Region      string
	StackName, LogicalID string
	Random               func(n int) string // n characters for generated names
	Pause                func(context.Context, time.Duration) error
	PhysicalID           string // of the existing resource, for Update and Delete
	Inert                *Inert

	properties map[string]any // as they were given, for what is kept as it is
}

// Name generates a name as CloudFormation does: stack, logical id and twelve
// random characters, cut to the service's limit.
func (c *Call) Name(limit int) string {
	const random = 12
	stem := c.StackName + "-" + c.LogicalID
	if len(stem) > limit-random-1 {
		half := (limit - random - 2) / 2
		stem = strings.Trim(cut(c.StackName, half), "-") + "-" + strings.Trim(cut(c.LogicalID, half), "-")
	}
	return stem + "-" + c.Random(random)
}

func cut(s string, n int) string { return s[:min(n, len(s))] }

// Type is one resource type.
type Type struct {
	Name       string
	Attributes []string // what Fn::GetAtt may name
	Named      bool     // an IAM type: needs CAPABILITY_IAM, and with a name CAPABILITY_NAMED_IAM

	schema reflect.Type
	create func(context.Context, *Call, any) (Instance, error)
	update func(_ context.Context, _ *Call, now, before any) (Instance, error)
	delete func(context.Context, *Call, any) error
}

// handler is what a type's file writes; P is the struct of its properties.
type handler[P any] struct {
	// create may return an instance together with an error: something exists
	// that must be deleted again.
	create func(context.Context, *Call, P) (Instance, error)
	// update is nil for a type whose every property replaces.
	update func(_ context.Context, _ *Call, now, before P) (Instance, error)
	delete func(context.Context, *Call, P) error
}

func newType[P any](name string, attributes []string, h handler[P]) Type {
	return Type{
		Name:       name,
		Attributes: attributes,
		Named:      strings.HasPrefix(name, "AWS::IAM::"),
		schema:     reflect.TypeFor[P](),
		create:     func(ctx context.Context, c *Call, p any) (Instance, error) { return h.create(ctx, c, p.(P)) },
		update: func(ctx context.Context, c *Call, now, before any) (Instance, error) {
			if h.update == nil {
				return Instance{}, fmt.Errorf("%s cannot be updated in place", name)
			}
			return h.update(ctx, c, now.(P), before.(P))
		},
		delete: func(ctx context.Context, c *Call, p any) error { return h.delete(ctx, c, p.(P)) },
	}
}

// Types are the resource types that can be deployed, by name.
func Types() map[string]Type {
	out := map[string]Type{}
	for _, t := range slices.Concat(iamTypes(), lambdaTypes(), logsTypes(), s3Types(), ssmTypes(), ecrTypes(), sqsTypes(), cloudwatchTypes(), schedulerTypes(), statesTypes(), cdkTypes()) {
		out[t.Name] = t
	}
	return out
}

// Check validates properties against the type's schema.
func (t Type) Check(logicalID string, properties map[string]any) error {
	_, err := t.decode(logicalID, properties)
	return err
}

// Create makes the resource that properties describe.
func (t Type) Create(ctx context.Context, c *Call, properties map[string]any) (Instance, error) {
	p, err := t.decode(c.LogicalID, properties)
	if err != nil {
		return Instance{}, err
	}
	c.properties = properties
	i, err := t.create(ctx, c, p)
	return i, explain(err)
}

// Update changes the existing resource c.PhysicalID in place.
func (t Type) Update(ctx context.Context, c *Call, now, before map[string]any) (Instance, error) {
	p, err := t.decode(c.LogicalID, now)
	if err != nil {
		return Instance{}, err
	}
	old, err := t.decode(c.LogicalID, before)
	if err != nil {
		return Instance{}, err
	}
	c.properties = now
	i, err := t.update(ctx, c, p, old)
	return i, explain(err)
}

// Delete deletes the resource c.PhysicalID. One that is gone already counts as
// deleted.
func (t Type) Delete(ctx context.Context, c *Call, properties map[string]any) error {
	p, err := t.decode(c.LogicalID, properties)
	if err != nil {
		return err
	}
	if err := t.delete(ctx, c, p); !notFound(err) {
		return explain(err)
	}
	return nil
}

// Replaces reports whether a change of the property makes a new resource.
func (t Type) Replaces(property string) bool {
	f, ok := t.schema.FieldByName(property)
	return ok && (has(f, "replace") || has(f, "name"))
}

// NameProperty is the property that holds the resource's custom name, if the
// type has one.
func (t Type) NameProperty() string {
	for f := range fields(t.schema) {
		if has(f, "name") {
			return f.Name
		}
	}
	return ""
}

// WithTags adds the stack's tags to a resource's properties; the resource's own
// tags win. Types without tags keep their properties.
func (t Type) WithTags(properties map[string]any, tags map[string]string) map[string]any {
	f, ok := t.schema.FieldByName("Tags")
	if !ok || len(tags) == 0 {
		return properties
	}
	out := maps.Clone(properties)
	if f.Type.Kind() == reflect.Map {
		own, _ := out["Tags"].(map[string]any)
		merged := map[string]any{}
		for k, v := range tags {
			merged[k] = v
		}
		maps.Copy(merged, own)
		out["Tags"] = merged
		return out
	}
	own, _ := out["Tags"].([]any)
	merged := slices.Clone(own)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		taken := slices.ContainsFunc(own, func(v any) bool { m, _ := v.(map[string]any); return m["Key"] == key })
		if !taken {
			merged = append(merged, map[string]any{"Key": key, "Value": tags[key]})
		}
	}
	out["Tags"] = merged
	return out
}
