// Package invocation is the Lambda's contract: the events that it takes, the answers
// that it gives, the hops that a trace names, and the environment variables that
// configure it. The function, the stacks that deploy it and everything that invokes
// it share these types; no event, answer or hop is spelled anywhere else.
//
// It decides nothing about how objects are copied and depends on nothing but the
// standard library, so it weighs nothing in the Lambda.
package invocation
