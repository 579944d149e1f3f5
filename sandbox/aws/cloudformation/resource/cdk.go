package resource

import "context"

// cdkMetadata is what the CDK adds to stacks for its statistics. CloudFormation
// itself accepts it and does nothing.
type cdkMetadata struct {
	Analytics string
}

func cdkTypes() []Type {
	same := func(_ context.Context, c *Call, _, _ cdkMetadata) (Instance, error) {
		return Instance{PhysicalID: c.PhysicalID}, nil
	}
	return []Type{newType("AWS::CDK::Metadata", nil, handler[cdkMetadata]{
		create: func(_ context.Context, c *Call, _ cdkMetadata) (Instance, error) {
			return Instance{PhysicalID: c.Random(8) + "-" + c.Random(4) + "-" + c.Random(12)}, nil
		},
		update: same,
		delete: func(context.Context, *Call, cdkMetadata) error { return nil },
	})}
}
