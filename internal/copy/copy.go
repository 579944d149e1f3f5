// Package copy is the copy engine: it serves the Lambda's invocations by
// copying objects from Cloud Storage to S3, and verifies every copy against
// both clouds' CRC32C.
//
// Objects are streamed, not buffered. A broken download resumes where it broke off, on
// the same generation; large objects are uploaded in parts, in parallel; an invocation
// ends before its deadline and reports the outcome of every object. Clients and tokens
// are created once and kept for the life of the execution environment.
//
// Package invocation defines events and answers. The function's identity comes from
// the credential configuration in its bundle and the credentials that Lambda provides.
package copy
