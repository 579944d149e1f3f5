package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda/runner"
)

type deadLetterConfig struct{ TargetArn string }

var queueRule = regexp.MustCompile(`^arn:aws:sqs:([a-z0-9-]+):(\d{12}):([A-Za-z0-9_-]+)$`)

// maxErrorMessage is how much of an error a dead letter tells, in bytes; see
// "Adding a dead-letter queue".
const maxErrorMessage = 1 << 10

// checkDeadLetters checks that the function's role may send to the queue, which
// Lambda does before it takes the configuration. The queue's own policy could allow
// it, too; that is not modelled.
func (s *Server) checkDeadLetters(c configuration, function string) error {
	if c.deadLetters == "" {
		return nil
	}
	if !queueRule.MatchString(c.deadLetters) {
		return api.NotModelled("DeadLetterConfig.TargetArn=" + c.deadLetters)
	}
	creds, err := s.ServiceRole(c.role, principal, function, sessionLength)
	if err != nil {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	if s.May == nil || !s.May(creds.AccessKeyID, "sqs:SendMessage", c.deadLetters) {
		return invalid("The provided execution role does not have permissions to call SendMessage on SQS")
	}
	return nil
}

// bury sends an event that failed for good to the dead-letter queue, with the
// rights that the role has now. What is refused is lost, as it is with the real
// service; the refusal is in the journal.
func (s *Server) bury(f *function, in runner.Invocation, result runner.Result, failure error) {
	s.mu.Lock()
	c, name := f.configuration, f.name
	s.mu.Unlock()
	target := queueRule.FindStringSubmatch(c.deadLetters)
	if target == nil {
		return
	}
	creds, err := s.ServiceRole(c.role, principal, name, sessionLength)
	if err != nil {
		return
	}
	status, message := describe(result, failure)
	ctx, cancel := context.WithTimeout(s.ctx, deliveryLimit)
	defer cancel()
	text := func(kind, value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
	}
	url, body := s.URL+"/"+target[2]+"/"+target[3], string(in.Payload)
	_, _ = sqs.NewFromConfig(s.Config(creds)).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageAttributes: map[string]types.MessageAttributeValue{
		"RequestID":    text("String", in.RequestID),
		"ErrorCode":    text("Number", strconv.Itoa(status)),
		"ErrorMessage": text("String", message[:min(len(message), maxErrorMessage)]),
	}})
}

// describe is the status and the error of an invocation that failed: 200 with what
// the function says of its error, or that of a refusal of Lambda's.
func describe(result runner.Result, failure error) (int, string) {
	if refused, ok := errors.AsType[*api.Error](failure); ok {
		return refused.Status, refused.Message
	}
	if failure != nil {
		return http.StatusInternalServerError, failure.Error()
	}
	var said struct{ ErrorMessage string }
	if json.Unmarshal(result.Payload, &said) == nil && said.ErrorMessage != "" {
		return http.StatusOK, said.ErrorMessage
	}
	return http.StatusOK, fmt.Sprintf("The function failed: %s", result.ErrorType)
}
