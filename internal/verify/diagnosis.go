package verify

import (
	"slices"
	"strings"
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
	names := strings.NewReplacer(v.names()...)
	for _, id := range ids {
		c := causes[id]
		f.Causes = append(f.Causes, Cause{ID: id, Text: names.Replace(c.text), Check: names.Replace(c.check), Remedy: names.Replace(c.remedy), Found: id == found.cause})
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
	pool := "iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/" + v.Environment.Pool
	if _, identity, ok := strings.Cut(v.answer.identity(HopPrincipal), "://"); ok {
		if at := strings.Index(identity, "/workloadIdentityPools/"); at > 0 {
			pool = identity[:at] + "/workloadIdentityPools/" + v.Environment.Pool
		}
	}
	return "principalSet://" + pool + "/attribute.aws_role/" + v.Environment.AssumedRole()
}
