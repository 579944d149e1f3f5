package sandbox_test

// awsDenials are the rows of the AWS cloud.
func awsDenials() []denial { return nil }
