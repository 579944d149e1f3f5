package remedies

import (
	"net/http"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// mendEvents mends what brings the messages of continuous replication.
func mendEvents(t *testing.T, s scene, env environment.Environment) {
	s.must(t, "gcs-to-s3 up "+env.Name)
	env = s.set(t, env, "eventsPrefix", "reports/")
	up := s.command(t, "`gcs-to-s3 up {}` replaces it", s.finds(t, env, "notification", doctor.Warning), 0)

	s.call(t, http.MethodDelete, "/v1/"+env.Topic(env.Drain()), nil, nil)
	const key = "`gcloud pubsub subscriptions delete {} --project {}`, then `gcs-to-s3 up {}`, which makes it again"
	advised := s.finds(t, env, "topics", doctor.Error)
	s.must(t, s.command(t, key, advised, 0))
	s.must(t, same(t, up, s.command(t, key, advised, 1)))
	for _, check := range []string{"topics", "notification"} {
		if c := s.examine(t, env).Get(check); c.Status != doctor.OK {
			t.Errorf("doctor says of %s: %s: %s", check, c.Status, c.Seen)
		}
	}
	s.works(t, env)
}
