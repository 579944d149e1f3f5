package api

import "net/http"

// Invalid is the answer of AWS's common validation to one bad member; member is
// its name in lower camel case, constraint for example "Member must have length
// less than or equal to 64".
func Invalid(value any, member, constraint string) *Error {
	return Errorf(http.StatusBadRequest, "ValidationError",
		"1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}
