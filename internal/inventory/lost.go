package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// RemoveLost takes down an environment whose file is lost, so that no engine can:
// its stacks through CloudFormation, and Google's side through its APIs, bindings
// first. env tells account and project, no more. say is told of each removal.
func RemoveLost(ctx context.Context, c Clouds, env environment.Environment, f Found, say func(Item)) error {
	project, err := c.Google.Projects.Projects.Get(env.GoogleProject).Context(ctx).Do()
	if err != nil {
		return fmt.Errorf("asking for the project %s: %w", env.GoogleProject, err)
	}
	// Nobody remembers which bucket it read.
	var buckets []string
	if err := c.Google.Storage.Buckets.List(env.GoogleProject).Pages(ctx, func(page *storage.Buckets) error {
		for _, b := range page.Items {
			buckets = append(buckets, b.Name)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("listing the buckets of %s: %w", env.GoogleProject, err)
	}
	search := grants{g: c.Google, project: env.GoogleProject, number: fmt.Sprint(project.ProjectNumber), buckets: buckets}
	for _, i := range f.Items {
		switch i.Kind {
		case KindServiceAccount:
			search.email = i.Name
		case KindPool:
			search.pool = i.Name
		}
	}
	bindings, err := search.find(ctx)
	if err != nil {
		return err
	}
	items := append(bindings, Left(f.Items)...)
	client := cloudformation.NewFromConfig(c.AWS)
	var stacks []cfntypes.Stack
	for _, i := range Left(f.Items) {
		if i.Kind != KindStack {
			continue
		}
		stack, err := Stack(ctx, client, i.Name)
		if err != nil {
			return err
		}
		if stack != nil { // or it went meanwhile
			stacks = append(stacks, *stack)
		}
	}
	files, err := readAssets(ctx, c.AWS, env, stacks)
	if err != nil {
		return err
	}
	for _, stack := range stacks {
		assets, err := files.of(ctx, client, stack)
		if err != nil {
			return err
		}
		items = append(items, assets...)
	}
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
