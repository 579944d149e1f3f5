// Package names holds the rules that both clouds state for the names of a
// federation, once for the environment's settings and the Pulumi component. A rule
// returns what a name must be, what to do about one that breaks it, and whether it
// keeps it. The package asks no cloud: whether a name is taken is not its business.
package names

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The limits of both clouds, each with the page that states it.
const (
	MaxRole = 64 // "IAM and AWS STS quotas"

	minServiceAccount, maxServiceAccount = 6, 30 // IAM API reference, "projects.serviceAccounts.create"
	minProject, maxProject               = 6, 30 // "Creating and managing projects"

	// MaxPool is the longest id of a pool or a provider: IAM API reference,
	// "projects.locations.workloadIdentityPools.create".
	MaxPool = 32
	minPool = 4

	minBucket, maxBucket = 3, 63 // "Bucket names" (Cloud Storage)
	maxDottedBucket      = 222   // "Bucket names" (Cloud Storage): names with dots

	minSession, maxSession = 2, 64 // AWS STS API reference, "AssumeRole", RoleSessionName

	// MaxSubject is the longest google.subject, in bytes: IAM API reference,
	// "projects.locations.workloadIdentityPools.providers", attributeMapping.
	MaxSubject = 127
)

var (
	accountPattern        = regexp.MustCompile(`^[0-9]{12}$`)
	projectPattern        = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)
	rolePattern           = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]+$`)
	serviceAccountPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])$`)
	poolPattern           = regexp.MustCompile(`^[a-z0-9-]+$`)
	bucketPattern         = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*[a-z0-9]$`)
)

// Rule is the rule of one kind of name.
type Rule func(name string) (rule, hint string, ok bool)

// sized is the common rule of names: a pattern and a length in bytes.
func sized(value string, pattern *regexp.Regexp, low, high int) bool {
	return low <= len(value) && len(value) <= high && pattern.MatchString(value)
}

// Account is the rule of AWS account ids.
func Account(id string) (string, string, bool) {
	return "must be 12 digits", "an account ID has no hyphens; quote it in the file, or a leading zero is lost", accountPattern.MatchString(id)
}

// Project is the rule of Google Cloud project ids.
func Project(id string) (string, string, bool) {
	hint := "`gcloud projects list` prints the IDs"
	if _, err := strconv.Atoi(id); err == nil {
		hint = "this looks like a project number; " + hint
	}
	return fmt.Sprintf("must be a project ID: %d to %d lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen", minProject, maxProject), hint,
		sized(id, projectPattern, minProject, maxProject)
}

// Role is the rule of the names of IAM roles.
func Role(name string) (string, string, bool) {
	return fmt.Sprintf("must be 1 to %d letters, digits and _+=,.@-", MaxRole), "give only the name, without path or ARN", sized(name, rolePattern, 1, MaxRole)
}

// Session is the rule of the names of a role's sessions.
func Session(name string) (string, string, bool) {
	return fmt.Sprintf("must be %d to %d letters, digits and _+=,.@-", minSession, maxSession), "the sessions of a Lambda function have the function's name", sized(name, rolePattern, minSession, maxSession)
}

// ServiceAccount is the rule of service account ids.
func ServiceAccount(id string) (string, string, bool) {
	return fmt.Sprintf("must be a service account ID: %d to %d lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen", minServiceAccount, maxServiceAccount),
		fmt.Sprintf("it has %d characters; give the part before the @; with a suffix, give a shorter name here", len(id)),
		sized(id, serviceAccountPattern, minServiceAccount, maxServiceAccount)
}

// Pool is the rule of the ids of workload identity pools and their providers.
func Pool(id string) (string, string, bool) {
	return fmt.Sprintf("must be %d to %d lower-case letters, digits and hyphens, and not start with gcp-, which Google reserves", minPool, MaxPool),
		"the ID of a deleted pool or provider stays reserved for 30 days; use a new one for a test environment",
		sized(id, poolPattern, minPool, MaxPool) && !strings.HasPrefix(id, "gcp-")
}

// Bucket is the rule of the names of Cloud Storage buckets.
func Bucket(name string) (string, string, bool) {
	longest := maxBucket
	if strings.Contains(name, ".") {
		longest = maxDottedBucket
	}
	_, err := netip.ParseAddr(name)
	ok := sized(name, bucketPattern, minBucket, longest) && err != nil && !strings.HasPrefix(name, "goog") && !strings.Contains(name, "google")
	for _, part := range strings.Split(name, ".") {
		ok = ok && part != "" && len(part) <= maxBucket
	}
	return fmt.Sprintf("must be a Cloud Storage bucket name: %d to %d lower-case letters, digits, hyphens, underscores and dots, starting and ending with a letter or digit, without google in it", minBucket, maxBucket),
		"give only the name, without gs://", ok
}

// AssumedRole is the ARN that all sessions of a role share.
func AssumedRole(account, role string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role
}

// Subject is the rule of the google.subject of a role's sessions, which is the
// session's ARN. Neither cloud reports it until the first token is asked for. what is
// what gives the sessions their name, such as a function.
func Subject(account, role, session, what string) (string, string, bool) {
	subject := AssumedRole(account, role) + "/" + session
	n := len(subject)
	return fmt.Sprintf("must keep google.subject to at most %d bytes: %s has %d", MaxSubject, subject, n),
		fmt.Sprintf("%d (arn:aws:sts::%s:assumed-role/) + %d (role) + 1 + %d (%s) = %d; shorten role or %s by %d",
			n-len(role)-len(session)-1, account, len(role), len(session), what, n, what, n-MaxSubject),
		n <= MaxSubject
}
