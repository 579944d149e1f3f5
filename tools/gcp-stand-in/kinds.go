package main

// kinds are the resource types, by the real plugin's tokens.
var kinds = map[string]kind{
	"gcp:projects/service:Service": {
		required: []string{"service"},
		optional: []string{"project", "disableOnDestroy", "disableDependentServices"},
		replace:  []string{"service", "project"},
		create:   createService,
		read:     readService,
		update:   keepService,
		delete:   deleteService,
	},
	"gcp:serviceaccount/account:Account": {
		required: []string{"accountId"},
		optional: []string{"project", "displayName", "description", "disabled", "createIgnoreAlreadyExists"},
		replace:  []string{"accountId", "project"},
		computed: []string{"email", "member", "name", "uniqueId"},
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
		create:   createPool,
		read:     readPool,
		update:   updatePool,
		delete:   deletePool,
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
		required: []string{"workloadIdentityPoolId", "workloadIdentityPoolProviderId", "aws"},
		optional: []string{"project", "displayName", "description", "disabled", "attributeMapping", "attributeCondition"},
		replace:  []string{"workloadIdentityPoolId", "workloadIdentityPoolProviderId", "project"},
		computed: []string{"name", "state"},
		create:   createProvider,
		read:     readPool,
		update:   updateProvider,
		delete:   deletePool,
	},
	"gcp:serviceaccount/iAMMember:IAMMember":      iamMember(serviceAccountPolicy),
	"gcp:projects/iAMMember:IAMMember":            iamMember(projectPolicy),
	"gcp:storage/bucketIAMMember:BucketIAMMember": iamMember(bucketPolicy),
}
