package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
)

// An API that was enabled a moment ago refuses as if it were not: "Enable and disable
// services" (Service Usage documentation) speaks of a few minutes. The plugin enables the
// APIs of a new project and reads the project at once, through one of them, with the
// credentials of a service account as a caller whose requests count on the project.
const (
	enabling   = 10 * time.Minute
	everyProbe = 5 * time.Second
)

// disabled matches what the plugin says of an API that refuses.
var disabled = regexp.MustCompile(`SERVICE_DISABLED|has not been used in project`)

// unpublished matches what the plugin says when a bucket's notification is refused, as it is
// while its service agent cannot publish to the topic.
var unpublished = regexp.MustCompile(`creating notification config for bucket [^:]*: googleapi: Error 40[03]`)

// publishes reports whether the topic's policy lets a service agent of Cloud Storage publish.
// Until that takes effect, minutes can pass: IAM documentation, "Access change propagation".
func (l Lifecycle) publishes(ctx context.Context) bool {
	for _, b := range l.Clouds.Google.TopicPolicy(ctx, l.Env.Drain()).Thing {
		if b.Role == "roles/pubsub.publisher" && slices.ContainsFunc(b.Members, func(m string) bool { return strings.HasSuffix(m, "@gs-project-accounts.iam.gserviceaccount.com") }) {
			return true
		}
	}
	return false
}

// answering runs do, which needs the project's APIs, and runs it again if it failed only
// because they did not answer yet, or because a right that it has granted had no effect yet.
func (l Lifecycle) answering(ctx context.Context, do func() error) error {
	deadline := time.Now().Add(enabling)
	for {
		err := do()
		if err == nil {
			return nil
		}
		said := err.Error() + engine.Printed(err)
		if unpublished.MatchString(said) && l.publishes(ctx) && time.Now().Before(deadline) {
			l.Progress.Milestone(fmt.Sprintf("the right to publish has been granted, but does not take effect yet; waiting, %s at most", enabling))
			if clouds.Pause(ctx, everyProbe) != nil {
				return err
			}
			continue
		}
		if !disabled.MatchString(said) || !l.enabled(ctx) {
			return err
		}
		l.Progress.Milestone(fmt.Sprintf("the APIs have been enabled, but do not answer yet; waiting, %s at most", enabling))
		for l.silent(ctx) {
			if time.Now().After(deadline) {
				return err
			}
			if clouds.Pause(ctx, everyProbe) != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// enabled reports whether Service Usage lists all APIs that the environment needs.
func (l Lifecycle) enabled(ctx context.Context) bool {
	answer := l.Clouds.Google.APIs(ctx, clouds.RequiredAPIs(l.Env)...)
	if !answer.There() {
		return false
	}
	for _, service := range answer.Thing {
		if service.State != "ENABLED" {
			return false
		}
	}
	return true
}

// silent reports whether an API that the plugin uses refuses because it is disabled in the
// environment's own project. In another one, a quota project, waiting does not help.
func (l Lifecycle) silent(ctx context.Context) bool {
	for _, err := range []error{l.Clouds.Google.Project(ctx).Err(), l.Clouds.Google.PoolByID(ctx, l.Env.Pool).Err()} {
		var unseen *clouds.Unseen
		if errors.As(err, &unseen) && unseen.Reason == clouds.APIDisabled && !unseen.Foreign {
			return true
		}
	}
	return false
}
