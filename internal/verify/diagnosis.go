package verify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// symptomOf is the row of a problem.
func symptomOf(p problem) symptom {
	for _, s := range symptoms {
		if s.matches(p) {
			return s
		}
	}
	return symptom{hop: p.hop, causes: []string{"unknown"}}
}

// diagnose says what may have caused a problem, for this environment. What the
// clouds were found to say comes first.
func (v *verification) diagnose(p problem, found verdict) *Failure {
	f := &Failure{Hop: p.hop, Status: p.status, Code: p.code, Error: p.message, Found: found.reason}
	ids := slices.Clone(symptomOf(p).causes)
	first := found.cause
	if found.state == granted {
		first = "not-yet"
	}
	if first != "" {
		ids = slices.Insert(slices.DeleteFunc(ids, func(id string) bool { return id == first }), 0, first)
	}
	for _, id := range ids {
		c := v.explain(id)
		c.Found = id == found.cause
		f.Causes = append(f.Causes, c)
	}
	return f
}

// names are what stands for what in the texts of causes.
func (v *verification) names() []string {
	e := v.Environment
	return []string{
		"{environment}", e.Name, "{project}", e.GoogleProject, "{pool}", e.Pool, "{provider}", e.Provider,
		"{account}", e.ServiceAccountEmail(), "{bucket}", e.SourceBucket, "{object}", v.shown(), "{principalSet}", v.principalSet(),
		"{awsAccount}", e.AWSAccount, "{region}", e.AWSRegion, "{role}", e.Role, "{roleARN}", e.RoleARN(), "{function}", e.Function,
		"{roleStack}", e.RoleStack(), "{functionStack}", e.FunctionStack(), "{destination}", e.DestinationBucket, "{key}", v.key,
	}
}

// shown is the object that commands name: the probe will be gone.
func (v *verification) shown() string {
	if v.Object != "" {
		return v.Object
	}
	return v.Environment.Object
}

// principalSet is the member that the binding must have, with the project's number
// as far as a trace has told it.
func (v *verification) principalSet() string {
	return "principalSet://iam.googleapis.com/projects/" + cmp.Or(v.number(), "NUMBER") + "/locations/global/workloadIdentityPools/" + v.Environment.Pool +
		"/attribute.aws_role/" + v.Environment.AssumedRole()
}

// Explain is a cause by its id, in words for an environment.
func Explain(env environment.Environment, id string) Cause {
	v := &verification{Options: Options{Environment: env}, key: env.DestinationPrefix + env.Object}
	return v.explain(id)
}

func (v *verification) explain(id string) Cause {
	c, names := causes[id], strings.NewReplacer(v.names()...)
	return Cause{ID: id, Text: names.Replace(c.text), Check: names.Replace(c.check), Remedy: names.Replace(c.remedy)}
}
