package environment

import (
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/variables"
)

// Variables are the environment variables of the function, by name.
func (e Environment) Variables() map[string]string {
	all := map[string]string{
		variables.GoogleCredentials: e.CredentialFileName(),
		variables.GoogleProject:     e.GoogleProject,
		variables.SourceBucket:      e.SourceBucket,
		variables.DestinationBucket: e.DestinationBucket,
		variables.Object:            e.Object,
		variables.DestinationPrefix: e.DestinationPrefix,
		variables.KeyTemplate:       e.KeyTemplate,
		variables.Overwrite:         e.Overwrite,
		variables.SourceChange:      e.SourceChange,
		variables.Concurrency:       strconv.Itoa(e.Concurrency),
		variables.Streams:           strconv.Itoa(e.Streams),
		variables.StorageEndpoint:   e.StorageEndpoint,
		variables.AllowLoopback:     strconv.FormatBool(e.AllowLoopbackEndpoints),
	}
	if e.KMSKey != "" {
		all[variables.KMSKey] = e.KMSKey
	}
	return all
}
