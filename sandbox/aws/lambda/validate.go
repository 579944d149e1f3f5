package lambda

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// Limits of "Lambda quotas" and "CreateFunction".
const (
	maxTimeout     = 900
	minMemory      = 128
	maxMemory      = 10240
	minStorage     = 512
	maxStorage     = 10240
	maxEnvironment = 4 << 10
	maxName        = 64
	maxDescription = 256
	maxZip         = 50 << 20 // in the request
)

var (
	nameRule     = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	roleRule     = regexp.MustCompile(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	variableRule = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)
)

func runtimes() []string { return []string{"provided.al2023", "provided.al2"} }

// reserved are the keys of "Defined runtime environment variables" that a
// function must not set.
func reservedKeys() []string {
	return []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
		"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
		"AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"}
}

func constraint(value any, member, rule string) error {
	return api.Errorf(400, "ValidationException", "1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, member, rule)
}

func (c configuration) validate() error {
	switch {
	case !slices.Contains(runtimes(), c.runtime) && c.runtime != "":
		return invalid("%s It runs %s.", unmodelled.Sentence(unmodelled.AWS("runtime", c.runtime)), strings.Join(runtimes(), " and "))
	case c.runtime == "" || c.handler == "":
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case c.timeout < 1:
		return constraint(c.timeout, "timeout", "have value greater than or equal to 1")
	case c.timeout > maxTimeout:
		return constraint(c.timeout, "timeout", "have value less than or equal to 900")
	case c.memory < minMemory:
		return constraint(c.memory, "memorySize", "have value greater than or equal to 128")
	case c.memory > maxMemory:
		return constraint(c.memory, "memorySize", "have value less than or equal to 10240")
	case c.storage < minStorage:
		return constraint(c.storage, "ephemeralStorage.size", "have value greater than or equal to 512")
	case c.storage > maxStorage:
		return constraint(c.storage, "ephemeralStorage.size", "have value less than or equal to 10240")
	case len(c.description) > maxDescription:
		return constraint(c.description, "description", "have length less than or equal to 256")
	case c.architecture != "x86_64" && c.architecture != "arm64":
		return constraint("["+c.architecture+"]", "architectures", "satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	case !roleRule.MatchString(c.role):
		return constraint(c.role, "role", "satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+")
	case c.logFormat != "Text" && c.logFormat != "JSON":
		return constraint(c.logFormat, "loggingConfig.logFormat", "satisfy enum value set: [JSON, Text]")
	case c.tracing != "PassThrough" && c.tracing != "Active":
		return constraint(c.tracing, "tracingConfig.mode", "satisfy enum value set: [Active, PassThrough]")
	}
	return c.validateVariables()
}

func (c configuration) validateVariables() error {
	size := 0
	var reserved []string
	for k, v := range c.variables {
		// The quota counts the variables as JSON: quotes, colon and comma.
		size += len(k) + len(v) + len(`"":"",`)
		if slices.Contains(reservedKeys(), k) {
			reserved = append(reserved, k)
		} else if !variableRule.MatchString(k) {
			return constraint(c.variables, "environment.variables", "satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if len(reserved) > 0 {
		slices.Sort(reserved)
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(reserved, ", "))
	}
	if size > maxEnvironment {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %d bytes", size)
	}
	return nil
}
