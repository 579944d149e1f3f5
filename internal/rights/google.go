package rights

// Google is the table of the permissions of Google Cloud, as the IAM documentation calls
// them ("IAM roles and permissions index"), with the predefined role that has each.
func Google() []Right {
	var (
		checks   = []Command{Doctor, Up, Drift}
		surveys  = []Command{Status, Drift, Up, Down, Prune}
		looks    = []Command{Doctor, Status, Drift, Up, Down, Prune}
		engines  = []Command{Up, Down, Prune}
		lists    = []Command{List, Prune}
		accounts = "roles/iam.serviceAccountAdmin"
		pools    = "roles/iam.workloadIdentityPoolAdmin"
		pool     = "roles/iam.workloadIdentityPoolViewer"
		services = "roles/serviceusage.serviceUsageAdmin"
		service  = "roles/serviceusage.serviceUsageViewer"
		reviewer = "roles/iam.securityReviewer"
		owner    = "roles/storage.legacyBucketOwner"
		reader   = "roles/storage.legacyBucketReader"
		viewer   = "roles/storage.objectViewer"
		pubsub   = "roles/pubsub.admin"

		observer = "roles/pubsub.viewer"
	)
	return []Right{
		{Actions: []string{"resourcemanager.projects.get"}, On: Project, For: looks, Role: pools, LookRole: pool,
			Why: "the project's number, which is in every principal of a pool"},
		{Actions: []string{"resourcemanager.projects.getIamPolicy"}, On: Project, For: looks, Role: reviewer, LookRole: reviewer,
			Why: "grants on the project to what is the environment's"},
		{Actions: []string{"resourcemanager.projects.setIamPolicy"}, On: Project, For: engines, When: onProject,
			Role: "roles/resourcemanager.projectIamAdmin", Why: "the grant is on the project"},
		{Actions: []string{"serviceusage.services.get"}, On: Project, For: checks, Role: services, LookRole: service,
			Why: "which APIs are enabled"},
		{Actions: []string{"serviceusage.services.list"}, On: Project, For: []Command{Up, Drift}, Role: services,
			Why: "Pulumi's plugin asks for all of them"},
		{Actions: []string{"serviceusage.services.enable"}, On: Project, For: []Command{Up}, When: "APIs are not enabled yet", Role: services,
			Why: "enables them"},

		{Actions: []string{"iam.serviceAccounts.get", "iam.serviceAccounts.getIamPolicy"}, On: Project, For: looks, Role: accounts, LookRole: reviewer,
			Why: "the service account, and who can impersonate it"},
		{Actions: []string{"iam.serviceAccounts.list"}, On: Project, For: lists, Role: accounts, LookRole: reviewer,
			Why: "finds environments by the marks on their accounts"},
		{Actions: []string{"iam.serviceAccounts.create"}, On: Project, For: []Command{Up}, Role: accounts, Why: "makes the service account"},
		{Actions: []string{"iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.delete"}, On: Project, For: engines, Role: accounts,
			Why: "lets the role impersonate it; a changed name replaces it"},
		{Actions: []string{"iam.workloadIdentityPools.get"}, On: Project, For: looks, Role: pools, LookRole: pool, Why: "the pool"},
		{Actions: []string{"iam.workloadIdentityPools.list"}, On: Project, For: lists, Role: pools, LookRole: reviewer,
			Why: "finds environments by the marks on their pools"},
		{Actions: []string{"iam.workloadIdentityPools.create", "iam.workloadIdentityPools.update", "iam.workloadIdentityPools.undelete"}, On: Project,
			For: []Command{Up}, Role: pools, Why: "makes the pool; Google keeps a deleted one for 30 days, and it is restored"},
		{Actions: []string{"iam.workloadIdentityPools.delete", "iam.workloadIdentityPoolProviders.delete"}, On: Project, For: engines, Role: pools,
			Why: "removes both; a changed name replaces them"},
		{Actions: []string{"iam.workloadIdentityPoolProviders.get"}, On: Project, For: checks, Role: pools, LookRole: pool, Why: "whom it admits"},
		{Actions: []string{"iam.workloadIdentityPoolProviders.list"}, On: Project, For: append(surveys, List), Role: pools, LookRole: reviewer,
			Why: "all providers of the pool: they go with it"},
		{Actions: []string{"iam.workloadIdentityPoolProviders.create", "iam.workloadIdentityPoolProviders.update", "iam.workloadIdentityPoolProviders.undelete"},
			On: Project, For: []Command{Up}, Role: pools, Why: "the same for the provider"},

		{Actions: []string{"iam.serviceAccounts.list"}, On: Project, For: []Command{Adopt}, Role: accounts,
			Why: "who else has grants to the pool's principals"},
		{Actions: []string{"iam.serviceAccounts.update"}, On: Project, For: []Command{Adopt}, Role: accounts, Why: "gives the service account its description"},

		{Actions: []string{"storage.buckets.list"}, On: Project, For: []Command{Prune}, When: lost, Role: reviewer,
			Why: "nothing says which bucket it read"},
		{Actions: []string{"storage.buckets.getIamPolicy"}, On: Project, For: []Command{Prune}, When: lost, Role: reviewer,
			Why: "grants on any bucket of the project"},
		{Actions: []string{"storage.buckets.get"}, On: SourceBucket, For: checks, Role: owner, LookRole: reader, Why: "it exists, and how it gives access"},
		{Actions: []string{"storage.buckets.getIamPolicy"}, On: SourceBucket, For: looks, Role: owner, LookRole: "",
			Why: "grants on it to what is the environment's"},
		{Actions: []string{"storage.buckets.setIamPolicy"}, On: SourceBucket, For: engines, Role: owner, Why: "lets the service account read"},
		{Actions: []string{"storage.objects.create", "storage.objects.delete"}, On: SourceBucket, For: []Command{Verify, Up}, Role: owner,
			Why: "the test object"},
		{Actions: []string{"storage.objects.get"}, On: SourceBucket, For: checks, Role: viewer, LookRole: viewer,
			Why: "the object that is copied if an event names none"},
		{Actions: []string{"storage.objects.list"}, On: SourceBucket, For: []Command{Invoke}, When: "with `--prefix`", Optional: true, Role: viewer,
			Why: "how many objects there are, for the progress"},
		{Actions: []string{"pubsub.topics.get", "pubsub.subscriptions.get"}, On: Project, For: looks, When: events, Role: pubsub, LookRole: observer,
			Why: "the topics and subscriptions of the events"},
		{Actions: []string{"pubsub.topics.getIamPolicy", "pubsub.subscriptions.getIamPolicy"}, On: Project, For: surveys, When: events, Role: pubsub, LookRole: reviewer,
			Why: "grants on them to what is the environment's"},
		{Actions: []string{"pubsub.topics.create", "pubsub.topics.attachSubscription", "pubsub.subscriptions.create", "pubsub.subscriptions.update"}, On: Project,
			For: []Command{Up}, When: events, Role: pubsub, Why: "makes them"},
		{Actions: []string{"pubsub.topics.setIamPolicy", "pubsub.subscriptions.setIamPolicy", "pubsub.topics.delete", "pubsub.subscriptions.delete"}, On: Project,
			For: engines, When: events, Role: pubsub, Why: "lets the bucket publish and the function pull"},
		{Actions: []string{"storage.buckets.get"}, On: SourceBucket, For: []Command{Status, Down, Prune}, When: events, Role: owner, LookRole: reader,
			Why: "the bucket's notifications"},
		{Actions: []string{"storage.buckets.update"}, On: SourceBucket, For: engines, When: events, Role: owner, Why: "makes and removes the bucket's notification"},

		{Actions: []string{"orgpolicy.policy.get"}, On: Project, For: checks, Optional: true, Role: "roles/orgpolicy.policyViewer",
			LookRole: "roles/orgpolicy.policyViewer", Why: "organization policies that would stop the deployment"},
	}
}
