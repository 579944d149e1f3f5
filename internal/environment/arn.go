package environment

import (
	"fmt"
	"regexp"
	"strings"
)

// arn is the format of all ARNs in settings: AWS General Reference, "Amazon
// Resource Names (ARNs)".
type arn struct{ service, region, account, resource string }

func parseARN(text string) (arn, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != "aws" {
		return arn{}, false
	}
	return arn{parts[2], parts[3], parts[4], parts[5]}, true
}

var (
	// Amazon SNS API Reference, "CreateTopic". A FIFO topic, whose name ends in
	// .fifo, cannot receive alarms.
	topicPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	// AWS KMS Developer Guide, "Key identifiers (KeyId)"; the id of a
	// multi-Region key starts with mrk-.
	keyPattern = regexp.MustCompile(`^key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$`)
	// IAM User Guide, "IAM and AWS STS quotas": a path of up to 512 characters, a
	// name of up to 128.
	policyPattern = regexp.MustCompile(`^policy/([!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,128}$`)
)

func checkTopic(e *Environment) (string, string, bool) {
	if e.AlarmTopic == "" {
		return "", "", true
	}
	if !e.Alarms {
		return "must be empty if alarms is false", "set alarms to true, or leave the topic out", false
	}
	a, ok := parseARN(e.AlarmTopic)
	ok = ok && a.service == "sns" && isAccount(a.account) && topicPattern.MatchString(a.resource)
	if ok && a.region != e.AWSRegion {
		return fmt.Sprintf("must be a topic in awsRegion, %s", e.AWSRegion), "an alarm can only notify topics in its own region", false
	}
	return fmt.Sprintf("must be the ARN of an SNS topic, such as arn:aws:sns:%s:%s:alerts", e.AWSRegion, e.AWSAccount), "`aws sns list-topics` prints them; alarms cannot notify FIFO topics", ok
}

func checkKMSKey(e *Environment) (string, string, bool) {
	if e.KMSKey == "" {
		return "", "", true
	}
	rule := fmt.Sprintf("must be the ARN of a KMS key, such as arn:aws:kms:%s:%s:key/1234abcd-12ab-34cd-56ef-1234567890ab", e.AWSRegion, e.AWSAccount)
	a, ok := parseARN(e.KMSKey)
	ok = ok && a.service == "kms" && isAccount(a.account)
	switch {
	case ok && strings.HasPrefix(a.resource, "alias/"):
		return rule, "permissions are granted on keys, not on aliases; `aws kms describe-key --key-id " + a.resource + " --query KeyMetadata.Arn` prints the key's ARN", false
	case ok && a.region != e.AWSRegion:
		return fmt.Sprintf("must be a key in awsRegion, %s", e.AWSRegion), "S3 can only use keys of the bucket's region", false
	}
	return rule, "`aws kms list-keys` prints the ARNs", ok && keyPattern.MatchString(a.resource)
}

func checkBoundary(e *Environment) (string, string, bool) {
	if e.PermissionsBoundary == "" {
		return "", "", true
	}
	a, ok := parseARN(e.PermissionsBoundary)
	ok = ok && a.service == "iam" && a.region == "" && policyPattern.MatchString(a.resource)
	if ok && a.account != "aws" && a.account != e.AWSAccount {
		return fmt.Sprintf("must be a policy of awsAccount, %s, or an AWS managed policy", e.AWSAccount), "a boundary must be in the role's own account", false
	}
	return fmt.Sprintf("must be the ARN of an IAM policy, such as arn:aws:iam::%s:policy/boundary", e.AWSAccount), "`aws iam list-policies --scope Local` prints them", ok
}
