package ownership

import (
	"regexp"

	"google.golang.org/api/iam/v1"

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
