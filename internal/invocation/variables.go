package invocation

// Names of the environment variables with which the function's stack configures
// the function. Optional ones have a default.
const (
	// EnvGoogleCredentials is the credential configuration's file name in the bundle.
	EnvGoogleCredentials = "GOOGLE_APPLICATION_CREDENTIALS"
	// EnvGoogleProject is the id of the project to read from.
	EnvGoogleProject = "GOOGLE_CLOUD_PROJECT"

	EnvSourceBucket      = "SOURCE_BUCKET"      // on Cloud Storage
	EnvDestinationBucket = "DESTINATION_BUCKET" // on S3
	EnvObject            = "OBJECT"             // copied if the event names none
	EnvDestinationPrefix = "DESTINATION_PREFIX" // optional
	EnvBillingProject    = "BILLING_PROJECT"    // pays for the requests to a requester-pays bucket; optional

	// EnvJobsBucket is the bucket of bulk jobs. A function that has it does steps of such
	// jobs, and no other events.
	EnvJobsBucket = "JOBS_BUCKET"

	EnvKeyTemplate = "KEY_TEMPLATE" // see package objectkey; optional
	EnvKMSKey      = "KMS_KEY"      // ARN of the key that encrypts the copies; optional

	EnvOverwrite    = "OVERWRITE"     // one of Overwrites; optional
	EnvSourceChange = "SOURCE_CHANGE" // one of SourceChanges; optional
	EnvConcurrency  = "CONCURRENCY"   // objects copied in parallel; optional
	EnvStreams      = "STREAMS"       // ranges of one large object copied in parallel; optional

	// EnvStorageEndpoint is the custom API endpoint of Cloud Storage.
	EnvStorageEndpoint = "STORAGE_ENDPOINT"
	// EnvAllowLoopback is "true" if endpoints may be on this machine.
	EnvAllowLoopback = "ALLOW_LOOPBACK_ENDPOINTS"
)

// What happens to an object that is already at the destination.
const (
	OverwriteAlways    = "always"       // it is replaced
	OverwriteAbsent    = "if-absent"    // it stays, and the copy fails unless it is the same
	OverwriteDifferent = "if-different" // it stays if it is the same: size and CRC32C
	OverwriteNewer     = "if-newer"     // it stays unless the copy is of a newer generation than the one recorded with it
)

// Overwrites returns all policies for objects that are already at the destination.
func Overwrites() []string {
	return []string{OverwriteAlways, OverwriteAbsent, OverwriteDifferent, OverwriteNewer}
}

// What happens to a copy whose source changes while it is read.
const (
	ChangeFails    = "fail"
	ChangeRestarts = "restart" // on the new generation
)

// SourceChanges returns both policies for sources that change.
func SourceChanges() []string { return []string{ChangeFails, ChangeRestarts} }

// Which of many objects an answer lists. A list of all can fill the answer before
// the time is used up.
const (
	ResultsAll    = "all"
	ResultsFailed = "failed" // those that failed or were interrupted; the others are counted
)

// ResultsChoices returns both choices of what an answer lists.
func ResultsChoices() []string { return []string{ResultsAll, ResultsFailed} }

// How much is copied in parallel: objects, and ranges of one large object.
const (
	DefaultConcurrency, MaxConcurrency = 16, 64
	DefaultStreams, MaxStreams         = 4, 16
)
