package verify

import (
	"cmp"
	"context"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// state is what is known about a failure.
type state int

const (
	unknown state = iota // nothing
	granted              // what was denied is granted: the change is on its way
	missing              // it is a mistake
	passing              // the service is temporarily unavailable
)

// verdict is the answer to the question: a change on its way, or a mistake?
type verdict struct {
	state  state
	reason string
	cause  string // id of the cause, where the clouds name one
	aws    bool   // it is a change on AWS's side
}

func missed(cause, reason string) verdict { return verdict{missing, reason, cause, false} }

// hopAPIs are the APIs that the hops call, and the causes for their being disabled.
var hopAPIs = map[string][2]string{
	HopSource: {"storage.googleapis.com", "storage-api"}, invocation.HopPrincipal: {"sts.googleapis.com", "sts-api"},
	invocation.HopAccount: {"iamcredentials.googleapis.com", "credentials-api"}, invocation.HopRead: {"storage.googleapis.com", "storage-api"},
}

// ask asks the clouds about a failure.
func (v *verification) ask(ctx context.Context, p problem) verdict {
	a := diagnosis.Rights{Environment: v.Environment, AWS: v.AWS, Google: v.Google, Number: v.number()}
	if p.cause != "" { // the answer itself says it
		return missed(p.cause, p.why)
	}
	asks := symptomOf(p).asks
	switch asks {
	case askNothing:
		return verdict{state: missing}
	case askPasses:
		return verdict{state: passing, reason: "the service is temporarily unavailable"}
	case askAPI:
		api := hopAPIs[p.hop]
		found := a.API(ctx, api[0], api[1])
		if named := clouds.DisabledAPI(p.message); found.State == diagnosis.Granted && named != "" && named != api[0] {
			found = a.API(ctx, named, api[1])
		}
		return verdictOf(found)
	case askAccount:
		found := verdictOf(a.Account(ctx))
		found.state = missing // waiting does not help
		return found
	case askTrust:
		return verdictOf(a.Trust(ctx))
	case askVariables:
		return verdictOf(a.Variables(ctx))
	}
	if found, ok := v.disagreed(); ok {
		return found
	}
	switch asks {
	case askProvider:
		return verdictOf(a.Provider(ctx))
	case askBinding:
		return verdictOf(a.Binding(ctx))
	case askRequest:
		return verdictOf(a.Request(ctx))
	case askViewer:
		return verdictOf(a.Viewer(ctx))
	}
	return verdictOf(a.Writer(ctx, v.key))
}

func verdictOf(found diagnosis.Verdict) verdict {
	states := map[diagnosis.State]state{diagnosis.Unknown: unknown, diagnosis.Granted: granted, diagnosis.Missing: missing}
	return verdict{states[found.State], found.Reason, found.Cause, found.AWS}
}

// disagreed reports whether the function's own words show that its bundle or its role
// are not the environment's.
func (v *verification) disagreed() (verdict, bool) {
	if arn := v.answer.Identity(invocation.HopSession); arn != "" && !strings.HasPrefix(arn, v.Environment.AssumedRole()+"/") {
		return missed("other-role", "the function runs as "+arn+", not as "+v.Environment.AssumedRole()), true
	}
	if principal := v.answer.Identity(invocation.HopPrincipal); principal != "" && !strings.Contains(principal, "/workloadIdentityPools/"+v.Environment.Pool+"/") {
		return missed("other-configuration", "the function asks for "+principal+", which is not in the pool "+v.Environment.Pool), true
	}
	email, wanted := v.answer.Identity(invocation.HopAccount), v.Environment.ServiceAccountEmail()
	if passed := email != "" || v.answer.Identity(invocation.HopRead) != ""; passed && email != wanted {
		return missed("other-configuration", "the function asks for "+cmp.Or(email, "no service account")+", not for "+cmp.Or(wanted, "none")), true
	}
	return verdict{}, false
}

// number is the project's as the function's credential configuration has it, or empty.
func (v *verification) number() string {
	_, rest, _ := strings.Cut(v.answer.Identity(invocation.HopPrincipal), "iam.googleapis.com/projects/")
	number, _, _ := strings.Cut(rest, "/")
	return number
}
