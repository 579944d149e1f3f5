package verify

import (
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
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

// diagnose lists the possible causes of a problem in this environment. What the clouds
// say comes first.
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
		c := v.subject().Explain(id)
		c.Found = id == found.cause
		f.Causes = append(f.Causes, c)
	}
	return f
}

// subject is what the texts of causes are about.
func (v *verification) subject() diagnosis.Subject {
	return diagnosis.Subject{Environment: v.Environment, Object: v.Object, Key: v.key, Number: v.number()}
}
