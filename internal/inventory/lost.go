package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// RemoveLost takes down an environment whose file is lost, so that no engine can do
// it: its stacks through CloudFormation, and Google's side through its APIs, bindings
// first. Of env only account, region and project are used. say is called with each item.
func RemoveLost(ctx context.Context, c clouds.Pair, env environment.Environment, f Found, say func(Item)) error {
	project, buckets := c.Google.Project(ctx), c.Google.Buckets(ctx) // which bucket it read is not recorded
	if err := clouds.Join(project.Err(), buckets.Err()); err != nil {
		return err
	}
	if project.Absent() {
		return fmt.Errorf("the project %s does not exist", env.GoogleProject)
	}
	search := grants{g: c.Google, project: env.GoogleProject, number: fmt.Sprint(project.Thing.ProjectNumber), buckets: buckets.Thing}
	for _, i := range f.Items {
		switch i.Kind {
		case KindServiceAccount:
			search.email = i.Name
		case KindPool:
			search.pool = i.Name
		}
	}
	var s survey
	search.find(ctx, &s)
	s.add(Left(f.Items)...)
	var stacks []cfntypes.Stack
	for _, i := range Left(f.Items) {
		if i.Kind != KindStack {
			continue
		}
		stack := clouds.Stack(ctx, c.AWS, i.Name)
		if !s.unknown("AWS", KindStack, i.Name, stack.Err()) && stack.There() { // unless it was deleted meanwhile
			stacks = append(stacks, stack.Thing)
		}
	}
	files := s.readAssets(ctx, c.AWS, env, stacks)
	for _, stack := range stacks {
		s.assetsOf(ctx, c.AWS, files, stack)
	}
	if err := clouds.Join(s.errs...); err != nil {
		return err
	}
	items := s.items
	slices.SortStableFunc(items, func(a, b Item) int { return lostRank(a) - lostRank(b) })
	var errs []error
	for _, i := range items {
		say(i)
		errs = append(errs, Remove(ctx, c, i))
	}
	return errors.Join(errs...)
}

// lostRank is the order of the removal.
func lostRank(i Item) int {
	switch i.Kind {
	case KindBinding:
		return 0
	case KindStack:
		if strings.HasSuffix(i.Name, "-role") {
			return 5
		}
		return 1
	case KindProvider:
		return 2
	case KindPool:
		return 3
	}
	return 4
}
