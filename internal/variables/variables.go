// Package variables names the environment variables with which the function's
// stack configures the function. It is all that the two share.
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

	// StorageEndpoint is the custom API endpoint of Cloud Storage.
	StorageEndpoint = "STORAGE_ENDPOINT"
	// AllowLoopback is "true" where endpoints may be on this machine.
	AllowLoopback = "ALLOW_LOOPBACK_ENDPOINTS"
)
