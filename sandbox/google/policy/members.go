package policy

import (
	"regexp"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// The forms of members: IAM documentation, "Principal identifiers".
var (
	emailPattern     = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	domainPattern    = regexp.MustCompile(`^[a-z0-9.-]+\.[a-z]+$`)
	poolPattern      = `iam\.googleapis\.com/projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+`
	subjectPattern   = regexp.MustCompile(`^principal://` + poolPattern + `/subject/.+$`)
	setPattern       = regexp.MustCompile(`^principalSet://` + poolPattern + `/(\*|group/.+|attribute\.[a-z0-9_]+/.+)$`)
	deletedPattern   = regexp.MustCompile(`^deleted:(user|serviceAccount|group):[^?\s]+\?uid=[0-9]+$`)
	poolMember       = regexp.MustCompile(`^principal(?:Set)?://iam\.googleapis\.com/(projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+)/`)
	deletedPrincipal = regexp.MustCompile(`^deleted:principal(Set)?://.+$`)
)

func checkMember(m string) error {
	kind, value, _ := strings.Cut(m, ":")
	ok := false
	switch kind {
	case "allUsers", "allAuthenticatedUsers":
		ok = value == ""
	case "user", "serviceAccount", "group":
		ok = emailPattern.MatchString(value)
	case "domain":
		ok = domainPattern.MatchString(value)
	case "projectOwner", "projectEditor", "projectViewer":
		ok = value != ""
	case "principal":
		ok = subjectPattern.MatchString(m)
	case "principalSet":
		ok = setPattern.MatchString(m)
	case "deleted":
		ok = deletedPattern.MatchString(m) || deletedPrincipal.MatchString(m)
	default:
		return api.InvalidArgument("The member %s is of an unknown type. Please set a valid type prefix for the member.", m)
	}
	switch {
	case ok:
		return nil
	case kind == "principalSet" || kind == "principal":
		return api.InvalidArgument("Invalid %s member (%s).", kind, m)
	}
	return api.InvalidArgument("Invalid member: %s", m)
}

// PoolOf is the name of the workload identity pool that a member is of, or empty.
func PoolOf(member string) string {
	m := poolMember.FindStringSubmatch(member)
	if m == nil {
		return ""
	}
	return m[1]
}

// unknown refuses a member that does not exist. The words about a pool are those about
// pools of GKE (terraform-google-modules/terraform-google-kubernetes-engine, issue 916);
// that pools of federation are refused so, too, and only where a policy newly names
// them, is believed.
func unknown(member string) error {
	if pool := PoolOf(member); pool != "" {
		return api.InvalidArgument("Identity Pool does not exist (%s). "+
			"Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API.", pool)
	}
	return api.InvalidArgument("Service account %s does not exist.", strings.TrimPrefix(member, "serviceAccount:"))
}
