package environment

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// The limits of both clouds, each with the page that states it. Those of the names
// of the federation are in names.
const (
	maxFunction = 64 // Lambda API reference, "CreateFunction"

	minBucket, maxBucket = 3, 63 // "Bucket naming rules" (S3)
	maxObject            = 1024  // "Object names" (Cloud Storage) and "Naming Amazon S3 objects", bytes of UTF-8

	minTimeout, maxTimeout = 1, 900     // "Lambda quotas", seconds
	minMemory, maxMemory   = 128, 10240 // "Lambda quotas", MB
	minBulkMemory          = 256        // MB

	minLifetime, maxLifetime = 600, 43200 // "Create a credential configuration" (gcloud create-cred-config), seconds

	// DefaultAsyncRetries is Lambda's default, and its maximum: Lambda API
	// reference, "PutFunctionEventInvokeConfig".
	DefaultAsyncRetries = 2

	// MaxSubject is the longest google.subject, in bytes.
	MaxSubject = names.MaxSubject
)

var (
	namePattern     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	suffixPattern   = regexp.MustCompile(`^(-[a-z0-9]+)+$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2}-[a-z]+-[0-9]$`)
	ownerPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`)
	functionPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	pubsubPattern   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`) // Pub/Sub documentation, "Create a topic"
	s3BucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`)

	// The values that CloudWatch Logs accepts: API reference, "PutRetentionPolicy".
	retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

// The default service account, and the one to which a suffix is added.
const (
	defaultServiceAccount = "gcs-to-s3-service-account"
	shortServiceAccount   = "gcs-to-s3-sa"
)

// maxName leaves room in a description for the mark of an owner and an expiry.
const maxName = 40

var nameRule = fmt.Sprintf("must be lower-case letters and digits in parts joined by single hyphens, starting with a letter, at most %d characters", maxName)

type check = func(*Environment) (rule, hint string, ok bool)

func oneOf(value func(*Environment) string, allowed ...string) check {
	return func(e *Environment) (string, string, bool) {
		return "must be one of " + strings.Join(allowed, ", "), "default: " + allowed[0], slices.Contains(allowed, value(e))
	}
}

func between(value func(*Environment) int, low, high int, hint string) check {
	return func(e *Environment) (string, string, bool) {
		v := value(e)
		return fmt.Sprintf("must be from %d to %d", low, high), hint, low <= v && v <= high
	}
}

// sized reports whether a name matches a pattern and has a length, in
// bytes, from low to high.
func sized(value string, pattern *regexp.Regexp, low, high int) bool {
	return low <= len(value) && len(value) <= high && pattern.MatchString(value)
}

func checkAccount(e *Environment) (string, string, bool) { return names.Account(e.AWSAccount) }

func isAccount(id string) bool {
	_, _, ok := names.Account(id)
	return ok
}

func checkRegion(e *Environment) (string, string, bool) {
	if strings.HasPrefix(e.AWSRegion, "cn-") || strings.HasPrefix(e.AWSRegion, "us-gov-") {
		return "must be a region of the standard partition", "the trust between the clouds is based on ARNs that start with arn:aws:", false
	}
	return "must be a region such as ap-northeast-1", "`aws ec2 describe-regions` lists them", regionPattern.MatchString(e.AWSRegion)
}

func checkProject(e *Environment) (string, string, bool) { return names.Project(e.GoogleProject) }

func checkBillingProject(e *Environment) (string, string, bool) {
	if e.BillingProject == "" {
		return "", "", true
	}
	return names.Project(e.BillingProject)
}

func checkSuffix(e *Environment) (string, string, bool) {
	return "must be empty, or a hyphen and lower-case letters or digits, such as -pr7", "it is appended to names; start it with a hyphen", e.Suffix == "" || suffixPattern.MatchString(e.Suffix)
}

// maxOwner keeps the mark within the 256 characters of a description: IAM API
// reference, "projects.locations.workloadIdentityPools".
const maxOwner = 64

func checkOwner(e *Environment) (string, string, bool) {
	return fmt.Sprintf("must be empty, or up to %d letters, digits and ._@+-", maxOwner), "a name or an e-mail address", e.Owner == "" || sized(e.Owner, ownerPattern, 1, maxOwner)
}

func checkExpires(e *Environment) (string, string, bool) {
	_, err := parseExpiry(e.Expires)
	return "must be empty, a day such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z", "`gcs-to-s3 init --ttl 72h` calculates it", err == nil
}

func checkRole(e *Environment) (string, string, bool) { return names.Role(e.Role) }

func checkFunction(e *Environment) (string, string, bool) {
	most := maxFunction
	for _, name := range append(e.Functions(), e.Schedules()...) {
		most = min(most, maxFunction-(len(name)-len(e.Function))) // for what is added to the name
	}
	return fmt.Sprintf("must be 1 to %d letters, digits, hyphens and underscores", most), "give only the name, not the ARN", sized(e.Function, functionPattern, 1, most)
}

func checkDeletes(e *Environment) (string, string, bool) {
	return "must be false if keyTemplate has {date}", "a copy is under the key of the day on which it was made, which nothing tells afterwards", !e.EventDeletes || !strings.Contains(e.KeyTemplate, "{date}")
}

func checkAny(*Environment) (string, string, bool) { return "", "", true }

func checkDrains(e *Environment) (string, string, bool) {
	return "must not be negative", "`aws lambda get-account-settings` prints the account's limit; 100 must stay unreserved", e.EventsReservedConcurrency >= 0
}

func checkReserved(e *Environment) (string, string, bool) {
	const hint = "`aws lambda get-account-settings` prints the account's limit; 100 must stay unreserved"
	if e.BulkReservedConcurrency != 0 && !e.Bulk {
		return "must be 0 if bulk is false", "set bulk to true, or leave it out", false
	}
	return "must not be negative", hint, e.BulkReservedConcurrency >= 0
}

func checkEvents(e *Environment) (string, string, bool) {
	const rule = "must be empty, or " + string(PullEvents)
	if e.Events == PullEvents && (!pubsubPattern.MatchString(e.Drain()) || strings.HasPrefix(e.Drain(), "goog")) {
		return "must be empty if function is no name for a topic", "function must start with a letter, and not with goog: Google's topics must, and bear its name", false
	}
	return rule, "push is not supported: it needs a public URL", e.Events == "" || e.Events == PullEvents
}

// withEvents is the rule of a setting that has no effect without events.
func withEvents(unset func(*Environment) bool, value string, of check) check {
	return func(e *Environment) (string, string, bool) {
		if e.Events == "" && !unset(e) {
			return "must be " + value + " without events", "set events to pull, or leave it out", false
		}
		return of(e)
	}
}

func checkEventsPrefix(e *Environment) (string, string, bool) {
	return fmt.Sprintf("must be at most %d bytes of UTF-8 without line breaks", maxObject), "end a folder with a slash: incoming/",
		len(e.EventsPrefix) <= maxObject && utf8.ValidString(e.EventsPrefix) && !strings.ContainsAny(e.EventsPrefix, "\r\n")
}

func checkServiceAccount(e *Environment) (string, string, bool) {
	if e.DirectAccess {
		return "", "", true // checkDirect rejects any that is named
	}
	return names.ServiceAccount(e.ServiceAccount)
}

func checkPool(e *Environment) (string, string, bool)     { return names.Pool(e.Pool) }
func checkProvider(e *Environment) (string, string, bool) { return names.Pool(e.Provider) }

func checkSourceBucket(e *Environment) (string, string, bool) { return names.Bucket(e.SourceBucket) }

func checkDestinationBucket(e *Environment) (string, string, bool) {
	return checkS3Bucket(e.DestinationBucket)
}

func checkJobsBucket(e *Environment) (string, string, bool) {
	switch {
	case !e.Bulk && e.JobsBucket != "":
		return "must be empty if bulk is false", "set bulk to true, or leave the bucket out", false
	case !e.Bulk:
		return "", "", true
	case e.JobsBucket == "":
		return "must be given if bulk is true", "`aws s3 mb` makes a bucket; its files are needed until a job is done", false
	}
	return checkS3Bucket(e.JobsBucket)
}

// checkS3Bucket holds a name against the rules of S3.
func checkS3Bucket(name string) (string, string, bool) {
	ok := sized(name, s3BucketPattern, minBucket, maxBucket) && !isIP(name) && !strings.Contains(name, "..")
	for _, reserved := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		ok = ok && !strings.HasPrefix(name, reserved)
	}
	for _, reserved := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		ok = ok && !strings.HasSuffix(name, reserved)
	}
	return fmt.Sprintf("must be an S3 bucket name: %d to %d lower-case letters, digits, hyphens and dots, starting and ending with a letter or digit, and no reserved prefix or suffix", minBucket, maxBucket),
		"give only the name, without s3://", ok
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func checkObject(e *Environment) (string, string, bool) {
	name := e.Object
	ok := name != "" && len(name) <= maxObject && utf8.ValidString(name) && !strings.ContainsAny(name, "\r\n") && name != "." && name != ".." && !strings.HasPrefix(name, ".well-known/acme-challenge/")
	if template, err := objectkey.Parse(e.KeyTemplate); ok && err == nil && !template.KeepsNames() {
		longest := objectkey.Object{Name: name, Generation: math.MaxInt64}
		if n := len(e.DestinationPrefix) + len(template.Key(longest)); n > maxObject {
			return fmt.Sprintf("must give an S3 key of at most %d bytes with prefix and template", maxObject), fmt.Sprintf("the key can have %d bytes", n), false
		}
	} else if ok && len(e.DestinationPrefix)+len(name) > maxObject {
		return fmt.Sprintf("must give an S3 key of at most %d bytes with the prefix", maxObject), fmt.Sprintf("prefix %d + object %d = %d bytes", len(e.DestinationPrefix), len(name), len(e.DestinationPrefix)+len(name)), false
	}
	return fmt.Sprintf("must be an object name: 1 to %d bytes of UTF-8 without line breaks, not . or ..", maxObject), "give only the name, without gs:// and bucket", ok
}

func checkPrefix(e *Environment) (string, string, bool) {
	p := e.DestinationPrefix
	if at := strings.IndexFunc(p, outsidePolicies); at >= 0 && utf8.ValidString(p) && e.RolePolicies != ArticlePolicies {
		other, _ := utf8.DecodeRuneInString(p[at:])
		return fmt.Sprintf("must have only characters that an IAM policy can contain, U+0020 to U+00FF, because the role's policy names it; it has %U", other),
			"choose a prefix in Latin letters; keyTemplate can add the others to it: " + p + "{object}", false
	}
	return fmt.Sprintf("must be at most %d bytes of UTF-8 without line breaks, * and ?, and not start with a slash", maxObject),
		"end a folder with a slash: incoming/", len(p) <= maxObject && utf8.ValidString(p) && !strings.ContainsAny(p, "\r\n*?$") && !strings.HasPrefix(p, "/")
}

// outsidePolicies reports whether IAM refuses policy documents with a character: IAM API
// Reference, "PutRolePolicy". No wildcard can stand for it: ? would also allow any other.
func outsidePolicies(c rune) bool {
	return c > '\u00ff' || c < ' ' && !strings.ContainsRune("\t\n\r", c)
}

func checkTemplate(e *Environment) (string, string, bool) {
	if _, err := objectkey.Parse(e.KeyTemplate); err != nil {
		rule, hint, found := strings.Cut(err.Error(), "; hint: ")
		if !found {
			hint = "default: " + objectkey.Default
		}
		return rule, hint, false
	}
	return "must be UTF-8", "default: " + objectkey.Default, utf8.ValidString(e.KeyTemplate)
}

// checkDirect rejects settings that have no meaning without a service account.
func checkDirect(e *Environment) (string, string, bool) {
	const rule = "must be false if there are settings for a service account"
	switch {
	case !e.DirectAccess:
		return "", "", true
	case e.ServiceAccount != defaultServiceAccount && e.ServiceAccount != shortServiceAccount+e.Suffix:
		return rule, "serviceAccount is set; leave it out", false
	case e.TokenLifetimeSeconds != 0:
		return rule, "tokenLifetimeSeconds is set; leave it out: the lifetime of a federated token cannot be chosen", false
	}
	return "", "", true
}

func checkRetention(e *Environment) (string, string, bool) {
	return "must be a number of days that CloudWatch Logs supports", fmt.Sprintf("one of %v", retentions), slices.Contains(retentions, e.LogRetentionDays)
}

func checkLifetime(e *Environment) (string, string, bool) {
	n := e.TokenLifetimeSeconds
	return fmt.Sprintf("must be empty, or from %d to %d seconds", minLifetime, maxLifetime), "above 3600 the organization policy iam.allowServiceAccountCredentialLifetimeExtension must name the service account", n == 0 || (minLifetime <= n && n <= maxLifetime)
}

func endpointRule(value func(*Environment) string) check {
	return func(e *Environment) (string, string, bool) {
		u, err := url.Parse(value(e))
		if err == nil {
			err = credential.CheckEndpoint(u, e.AllowLoopbackEndpoints)
		}
		if err == nil {
			return "", "", true
		}
		return "must be an https URL of googleapis.com", err.Error(), false
	}
}

// checkSubject checks the two names against the one limit that neither cloud
// reports before the first token request.
func checkSubject(e *Environment) []Problem {
	for _, function := range e.Functions() {
		if rule, hint, ok := names.Subject(e.AWSAccount, e.Role, function, "function"); !ok {
			return []Problem{{Field: "role", Value: e.Role, Rule: rule, Hint: hint}}
		}
	}
	return nil
}
