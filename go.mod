module github.com/gcs-to-s3/gcs-to-s3

go 1.26.0

// The CDK CLI brings Go project templates, which are not packages of this module.
ignore ./node_modules
