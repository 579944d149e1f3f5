package ownership

import (
	"regexp"
	"strings"

	"google.golang.org/api/iam/v1"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// The descriptions that the Pulumi program writes, each before the mark. A mark behind
// another text was put there by somebody else.
var (
	accountText  = regexp.MustCompile(`^Read by the AWS role \S+ \[[^]]*\]$`)
	poolText     = regexp.MustCompile(`^Admits AWS account \d{12}( and \d+ more)? \[[^]]*\]$`)
	providerText = regexp.MustCompile(`^Admits (the role \S+|\S+ and \d+ more) \[[^]]*\]$`)
)

// described is the evidence of a description of Google's side.
func described(description string, form *regexp.Regexp) Evidence {
	mark, marked := environment.FindMark(description)
	e := Evidence{Mark: mark, Marked: marked}
	if marked && !form.MatchString(description) {
		e.Form = "its description was not written by this program"
	}
	return e
}

// labelled is the evidence of labels. Those of an environment's topics, subscriptions and
// notifications are alike; what has them carries its name, too, which the caller holds
// against the environment's.
func labelled(labels map[string]string) Evidence {
	mark, marked := environment.MarkOfLabels(labels)
	return Evidence{Mark: mark, Marked: marked}
}

// Topic is the evidence of a Pub/Sub topic.
func Topic(t *pubsub.Topic) Evidence { return labelled(t.Labels) }

// Subscription is the evidence of a Pub/Sub subscription. One that pushes was not made by
// this program.
func Subscription(s *pubsub.Subscription) Evidence {
	e := labelled(s.Labels)
	if s.PushConfig != nil && s.PushConfig.PushEndpoint != "" {
		e.Form = "it pushes to " + s.PushConfig.PushEndpoint
	}
	return e
}

// Notification is the evidence of a Pub/Sub notification of a bucket, which must be to the
// topic of a resource name.
func Notification(n *storage.Notification, topic string) Evidence {
	e := labelled(n.CustomAttributes)
	if !strings.HasSuffix(n.Topic, "/"+topic) {
		e.Form = "its topic is " + n.Topic
	}
	return e
}

// Account is the evidence of a service account.
func Account(a *iam.ServiceAccount) Evidence { return described(a.Description, accountText) }

// Pool is the evidence of a workload identity pool.
func Pool(p *iam.WorkloadIdentityPool) Evidence { return described(p.Description, poolText) }

// Provider is the evidence of a provider of a pool.
func Provider(p *iam.WorkloadIdentityPoolProvider) Evidence {
	e := described(p.Description, providerText)
	if e.Form == "" && p.Aws == nil {
		e.Form = "it is not a provider for AWS"
	}
	return e
}
