package environment

import (
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// BulkVariables returns the environment variables of the function for bulk jobs.
func (e Environment) BulkVariables() map[string]string {
	all := e.Variables()
	all[invocation.EnvJobsBucket] = e.JobsBucket
	return all
}

// DrainVariables returns the environment variables of the function for events.
func (e Environment) DrainVariables() map[string]string {
	all := e.Variables()
	all[invocation.EnvOverwrite] = invocation.OverwriteNewer
	all[invocation.EnvEventsSubscription] = e.Subscription(e.Drain())
	all[invocation.EnvEventsTopic] = e.Topic(e.Drain())
	all[invocation.EnvEventsDeadLetters] = e.Subscription(e.EventDeadLetters())
	all[invocation.EnvEventDeletes] = strconv.FormatBool(e.EventDeletes)
	all[invocation.EnvEventMetadata] = strconv.FormatBool(e.EventMetadata)
	all[invocation.EnvEventsContinuous] = strconv.FormatBool(e.EventsEvery == Continuous)
	all[invocation.EnvPubSubEndpoint] = e.PubSubEndpoint
	return all
}

// Variables returns the environment variables of the function, by name.
func (e Environment) Variables() map[string]string {
	all := map[string]string{
		invocation.EnvGoogleCredentials: e.CredentialFileName(),
		invocation.EnvGoogleProject:     e.GoogleProject,
		invocation.EnvSourceBucket:      e.SourceBucket,
		invocation.EnvDestinationBucket: e.DestinationBucket,
		invocation.EnvObject:            e.Object,
		invocation.EnvDestinationPrefix: e.DestinationPrefix,
		invocation.EnvKeyTemplate:       e.KeyTemplate,
		invocation.EnvOverwrite:         e.Overwrite,
		invocation.EnvSourceChange:      e.SourceChange,
		invocation.EnvConcurrency:       strconv.Itoa(e.Concurrency),
		invocation.EnvStreams:           strconv.Itoa(e.Streams),
		invocation.EnvStorageEndpoint:   e.StorageEndpoint,
		invocation.EnvAllowLoopback:     strconv.FormatBool(e.AllowLoopbackEndpoints),
	}
	if e.KMSKey != "" {
		all[invocation.EnvKMSKey] = e.KMSKey
	}
	if e.BillingProject != "" {
		all[invocation.EnvBillingProject] = e.BillingProject
	}
	return all
}
