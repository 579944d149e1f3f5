// Package invocation is the Lambda's contract: the events that it accepts, the answers
// that it returns, the hops that a trace names, and the environment variables that
// configure it. The function, the stacks that deploy it and everything that invokes it
// share these types; no event, answer or hop is defined anywhere else.
//
// It decides nothing about how objects are copied, and depends only on the
// standard library, so it adds no weight to the Lambda.
package invocation
