package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// kinds are the resource types, by the real plugin's tokens.
var kinds = map[string]kind{
	"gcp:projects/service:Service": {
		required: []string{"service"},
		optional: []string{"project", "disableOnDestroy", "disableDependentServices", "checkIfServiceHasUsageOnDestroy"},
		defaults: fields{"disableOnDestroy": true, "checkIfServiceHasUsageOnDestroy": false},
		replace:  []string{"service", "project"},
		valid:    map[string]func(string) error{"service": checkService},
		create:   createService,
		read:     readService,
		update:   keepService,
		delete:   deleteService,
	},
	"gcp:projects/serviceIdentity:ServiceIdentity": {
		required: []string{"service"},
		optional: []string{"project"},
		replace:  []string{"service", "project"},
		computed: []string{"email", "member"},
		create:   createIdentity,
		read:     readIdentity,
		delete:   keepIdentity,
	},
	"gcp:serviceaccount/account:Account": {
		required: []string{"accountId"},
		optional: []string{"project", "displayName", "description", "disabled", "createIgnoreAlreadyExists"},
		defaults: fields{"disabled": false},
		replace:  []string{"accountId", "project"},
		computed: []string{"email", "member", "name", "uniqueId"},
		valid:    map[string]func(string) error{"accountId": checkAccountID, "description": atMost(256)},
		create:   createAccount,
		read:     readAccount,
		update:   updateAccount,
		delete:   deleteAccount,
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {
		required: []string{"workloadIdentityPoolId"},
		optional: []string{"project", "displayName", "description", "disabled"},
		replace:  []string{"workloadIdentityPoolId", "project"},
		computed: []string{"name", "state"},
		valid:    map[string]func(string) error{"workloadIdentityPoolId": checkPoolID},
		create:   createPool,
		read:     readPool,
		update:   updatePool("displayName", "description", "disabled"),
		delete:   deletePool,
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
		required: []string{"workloadIdentityPoolId", "workloadIdentityPoolProviderId", "aws"},
		optional: []string{"project", "displayName", "description", "disabled", "attributeMapping", "attributeCondition"},
		replace:  []string{"workloadIdentityPoolId", "workloadIdentityPoolProviderId", "project"},
		computed: []string{"name", "state"},
		valid:    map[string]func(string) error{"workloadIdentityPoolProviderId": checkPoolID},
		create:   createProvider,
		read:     readPool,
		update:   updatePool("displayName", "description", "disabled", "attributeMapping", "attributeCondition", "aws"),
		delete:   deletePool,
	},
	"gcp:pubsub/topic:Topic":                                 topicKind,
	"gcp:pubsub/subscription:Subscription":                   subscriptionKind,
	"gcp:storage/notification:Notification":                  notificationKind,
	"gcp:serviceaccount/iAMMember:IAMMember":                 iamMember(serviceAccountPolicy),
	"gcp:projects/iAMMember:IAMMember":                       iamMember(projectPolicy),
	"gcp:storage/bucketIAMMember:BucketIAMMember":            iamMember(bucketPolicy),
	"gcp:pubsub/topicIAMMember:TopicIAMMember":               iamMember(topicPolicy),
	"gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": iamMember(subscriptionPolicy),
}

// functions are the functions, by the real plugin's tokens.
var functions = map[string]func(ctx context.Context, c *client, args fields) (fields, error){
	"gcp:storage/getProjectServiceAccount:getProjectServiceAccount": getProjectServiceAccount,
}

// The rules for inputs are those of the real plugin, which are not always the cloud's.

var (
	accountIDPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{4,28}[a-z0-9])$`)
	poolIDPattern    = regexp.MustCompile(`^[0-9a-z-]{4,32}$`)
	memberPattern    = regexp.MustCompile(`.+:.+|projectOwners|projectReaders|projectWriters|allUsers|allAuthenticatedUsers`)
)

func checkService(name string) error {
	if !strings.Contains(name, ".") {
		return fmt.Errorf("expected %s to be a domain like serviceusage.googleapis.com", name)
	}
	return nil
}

func checkAccountID(id string) error {
	if !accountIDPattern.MatchString(id) {
		return fmt.Errorf("%q must be 6 to 30 lower-case letters, digits and hyphens, begin with a letter, and not end with a hyphen", id)
	}
	return nil
}

func checkPoolID(id string) error {
	if !poolIDPattern.MatchString(id) || strings.HasPrefix(id, "gcp-") {
		return fmt.Errorf("%q must be 4 to 32 lower-case letters, digits and hyphens, and not begin with gcp-", id)
	}
	return nil
}

func checkMember(member string) error {
	if strings.HasPrefix(member, "deleted") || !memberPattern.MatchString(member) {
		return fmt.Errorf("%q is no principal such as user:alice@example.com", member)
	}
	return nil
}

func atMost(n int) func(string) error {
	return func(text string) error {
		if len(text) > n {
			return fmt.Errorf("is longer than %d bytes", n)
		}
		return nil
	}
}
