package invocation

// Names of the environment variables with which the function's stack configures the
// function. Those that may be absent have a default.
const (
	// EnvGoogleCredentials is the credential configuration's file name in the bundle.
	EnvGoogleCredentials = "GOOGLE_APPLICATION_CREDENTIALS"
	// EnvGoogleProject is the id of the project that is read.
	EnvGoogleProject = "GOOGLE_CLOUD_PROJECT"

	EnvSourceBucket      = "SOURCE_BUCKET"      // on Cloud Storage
	EnvDestinationBucket = "DESTINATION_BUCKET" // on S3
	EnvObject            = "OBJECT"             // copied when the event names none
	EnvDestinationPrefix = "DESTINATION_PREFIX" // may be absent

	EnvKeyTemplate = "KEY_TEMPLATE" // of package objectkey; may be absent
	EnvKMSKey      = "KMS_KEY"      // ARN of the key that encrypts what is written; may be absent

	EnvOverwrite    = "OVERWRITE"     // one of Overwrites; may be absent
	EnvSourceChange = "SOURCE_CHANGE" // one of SourceChanges; may be absent
	EnvConcurrency  = "CONCURRENCY"   // objects copied in parallel; may be absent
	EnvStreams      = "STREAMS"       // ranges of one large object copied in parallel; may be absent

	// EnvStorageEndpoint is the custom API endpoint of Cloud Storage.
	EnvStorageEndpoint = "STORAGE_ENDPOINT"
	// EnvAllowLoopback is "true" where endpoints may be on this machine.
	EnvAllowLoopback = "ALLOW_LOOPBACK_ENDPOINTS"
)

// What becomes of an object that is at the destination already.
const (
	OverwriteAlways    = "always"       // it is replaced
	OverwriteAbsent    = "if-absent"    // it stays, and the copy fails unless it is the same
	OverwriteDifferent = "if-different" // it stays if it is the same: size and CRC32C
)

// Overwrites are all policies for objects that are at the destination already.
func Overwrites() []string { return []string{OverwriteAlways, OverwriteAbsent, OverwriteDifferent} }

// What becomes of a copy whose source changes while it is read.
const (
	ChangeFails    = "fail"
	ChangeRestarts = "restart" // on the new generation
)

// SourceChanges are both policies for sources that change.
func SourceChanges() []string { return []string{ChangeFails, ChangeRestarts} }

// How much is copied in parallel: objects, and ranges of one large object.
const (
	DefaultConcurrency, MaxConcurrency = 16, 64
	DefaultStreams, MaxStreams         = 4, 16
)
