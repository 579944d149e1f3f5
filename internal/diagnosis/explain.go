package diagnosis

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Cause is one thing that can be wrong.
type Cause struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Check  string `json:"check"`  // a command that distinguishes it from the others
	Remedy string `json:"remedy"` // what to do about it
	Found  bool   `json:"found"`  // the clouds say that it is this one
}

// Subject is what the texts of causes are about.
type Subject struct {
	Environment environment.Environment
	Object      string // of the source bucket; empty is the environment's
	Key         string // of the destination bucket; empty is the object's
	Number      string // of the project, as far as it is known
}

// Explain is a cause by its id, in words for an environment.
func Explain(env environment.Environment, id string) Cause {
	return Subject{Environment: env}.Explain(id)
}

// Explain is a cause by its id, in words for the subject.
func (s Subject) Explain(id string) Cause {
	c, names := causes[id], strings.NewReplacer(s.names()...)
	return Cause{ID: id, Text: names.Replace(c.text), Check: names.Replace(c.check), Remedy: names.Replace(c.remedy)}
}

// names are the placeholders in the texts of causes, and their values.
func (s Subject) names() []string {
	e := s.Environment
	principalSet := "principalSet://iam.googleapis.com/projects/" + cmp.Or(s.Number, "NUMBER") + "/locations/global/workloadIdentityPools/" + e.Pool + "/attribute.aws_role/" + e.AssumedRole()
	return []string{
		"{environment}", e.Name, "{project}", e.GoogleProject, "{pool}", e.Pool, "{provider}", e.Provider,
		"{account}", e.ServiceAccountEmail(), "{bucket}", e.SourceBucket, "{object}", cmp.Or(s.Object, e.Object), "{principalSet}", principalSet,
		"{awsAccount}", e.AWSAccount, "{region}", e.AWSRegion, "{role}", e.Role, "{roleARN}", e.RoleARN(), "{function}", e.Function,
		"{destination}", e.DestinationBucket, "{key}", cmp.Or(s.Key, e.DestinationPrefix+e.Object),
	}
}

// IDs are those of all causes, sorted.
func IDs() []string { return slices.Sorted(maps.Keys(causes)) }

// Template is a cause as it is written for every environment, with names in braces.
func Template(id string) Cause {
	c := causes[id]
	return Cause{ID: id, Text: c.text, Check: c.check, Remedy: c.remedy}
}

// Placeholders are the names in braces that templates can have.
func Placeholders() []string {
	var out []string
	for i, name := range (Subject{}).names() {
		if i%2 == 0 {
			out = append(out, name)
		}
	}
	return out
}

// CauseOf is the cause that something cannot be seen, where the cloud's answer is clear
// about it; otherwise it is empty.
func CauseOf(err error) string {
	var unseen *clouds.Unseen
	if !errors.As(err, &unseen) {
		return ""
	}
	switch {
	case unseen.Reason == clouds.APIDisabled && unseen.Foreign:
		return "quota-api"
	case unseen.Reason == clouds.QuotaProject && unseen.Project == "":
		return "quota-missing"
	case unseen.Reason == clouds.QuotaProject:
		return "quota-denied"
	case unseen.Reason == clouds.Billing:
		return "billing"
	}
	return ""
}
