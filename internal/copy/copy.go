// Package copy is the copy engine: it serves the Lambda's invocations by copying
// objects from Cloud Storage to S3, and proves every copy by both clouds' CRC32C.
//
// Objects are streamed without a buffer. Broken requests are made again from where
// they broke, on the same generation; large objects go in parts, several at a time;
// an invocation ends before its deadline, and says what became of every object.
// Clients and tokens are made once and kept for the life of the execution environment.
//
// What an event and an answer are, package invocation says; who the function is, the
// credential configuration in its bundle and the credentials that Lambda gives it.
package copy
