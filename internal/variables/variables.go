// Package variables names the environment variables with which the function's
// stack configures the function, and the values that some of them may have. It is
// all that the two share.
package variables

const (
	// GoogleCredentials is the credential configuration's file name in the bundle.
	GoogleCredentials = "GOOGLE_APPLICATION_CREDENTIALS"
	// GoogleProject is the id of the project that is read.
	GoogleProject = "GOOGLE_CLOUD_PROJECT"

	SourceBucket      = "SOURCE_BUCKET"      // on Cloud Storage
	DestinationBucket = "DESTINATION_BUCKET" // on S3
	Object            = "OBJECT"             // copied when the event names none
	DestinationPrefix = "DESTINATION_PREFIX" // may be absent

	KeyTemplate = "KEY_TEMPLATE" // of package objectkey; may be absent
	KMSKey      = "KMS_KEY"      // ARN of the key that encrypts what is written; may be absent

	// These four may be absent.
	Overwrite    = "OVERWRITE"
	SourceChange = "SOURCE_CHANGE"
	Concurrency  = "CONCURRENCY"
	Streams      = "STREAMS"

	// StorageEndpoint is the custom API endpoint of Cloud Storage.
	StorageEndpoint = "STORAGE_ENDPOINT"
	// AllowLoopback is "true" where endpoints may be on this machine.
	AllowLoopback = "ALLOW_LOOPBACK_ENDPOINTS"
)

// What becomes of an object that is at the destination already.
const (
	OverwriteAlways    = "always"       // it is replaced
	OverwriteAbsent    = "if-absent"    // it stays, and the copy fails unless it is the same
	OverwriteDifferent = "if-different" // it stays if it is the same: size and CRC32C
)

// Overwrites are all of them.
func Overwrites() []string { return []string{OverwriteAlways, OverwriteAbsent, OverwriteDifferent} }

// What becomes of a copy whose source changes while it is read.
const (
	ChangeFails    = "fail"
	ChangeRestarts = "restart" // on the new generation
)

// SourceChanges are both of them.
func SourceChanges() []string { return []string{ChangeFails, ChangeRestarts} }

// How much is done at a time: objects, and ranges of one large object.
const (
	DefaultConcurrency, MaxConcurrency = 16, 64
	DefaultStreams, MaxStreams         = 4, 16
)
