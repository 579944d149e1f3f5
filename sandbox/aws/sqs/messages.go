package sqs

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// message is one message of a queue.
type message struct {
	id         string
	body       string
	attributes map[string]attribute
	sender     string
	sent       time.Time
	visible    time.Time // from then on it can be received
	first      time.Time // when it was received first
	received   int
	handle     string // of the last receipt
}

// attribute is an attribute of a message: its type, and a value.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// expire drops messages that were kept long enough.
func (q *queue) expire(now time.Time) {
	kept := q.seconds("MessageRetentionPeriod")
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return !now.Before(m.sent.Add(kept)) })
}

// count counts the messages that are visible, those that are received and hidden,
// and those that are delayed.
func (q *queue) count(now time.Time) (visible, hidden, delayed int) {
	for _, m := range q.messages {
		switch {
		case !now.Before(m.visible):
			visible++
		case m.received > 0:
			hidden++
		default:
			delayed++
		}
	}
	return visible, hidden, delayed
}

type sendInput struct {
	QueueURL          string `json:"QueueUrl"`
	MessageBody       string
	DelaySeconds      *int
	MessageAttributes map[string]attribute
}

func (s *SQS) sendMessage(r *api.Request, in *sendInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.at(r, "SendMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	size := len(in.MessageBody)
	for name, a := range in.MessageAttributes {
		if a.DataType == "" || (a.StringValue == nil) == (a.BinaryValue == nil) {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidParameterValue", "The message attribute '%s' must contain a non-empty message attribute value.", name)
		}
		size += len(name) + len(a.DataType) + len(a.value())
	}
	delay := q.seconds("DelaySeconds")
	if in.DelaySeconds != nil {
		if delay = time.Duration(*in.DelaySeconds) * time.Second; *in.DelaySeconds < 0 || *in.DelaySeconds > limits["DelaySeconds"][1] {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", *in.DelaySeconds)
		}
	}
	if in.MessageBody == "" {
		return nil, api.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter MessageBody.")
	}
	if limit := q.number("MaximumMessageSize"); size > limit {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
	}
	id, now := s.UUID(), s.Now()
	q.messages = append(q.messages, &message{id: id, body: in.MessageBody, attributes: in.MessageAttributes, sender: r.Caller.UserID, sent: now, visible: now.Add(delay)})
	close(q.arrived)
	q.arrived = make(chan struct{})
	answer := map[string]string{"MessageId": id, "MD5OfMessageBody": sumOf(in.MessageBody)}
	if len(in.MessageAttributes) > 0 {
		answer["MD5OfMessageAttributes"] = attributesSum(in.MessageAttributes)
	}
	return answer, nil
}

type receiveInput struct {
	QueueURL                    string `json:"QueueUrl"`
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

type received struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	Body                   string
	MD5OfBody              string
	Attributes             map[string]string    `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
}

const maxReceived = 10 // "ReceiveMessage"

func (s *SQS) receiveMessage(r *api.Request, in *receiveInput) (any, error) {
	most := 1
	if in.MaxNumberOfMessages != nil {
		if most = *in.MaxNumberOfMessages; most < 1 || most > maxReceived {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.at(r, "ReceiveMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	wait := q.seconds("ReceiveMessageWaitTimeSeconds")
	if in.WaitTimeSeconds != nil {
		wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	hide := q.seconds("VisibilityTimeout")
	if in.VisibilityTimeout != nil {
		hide = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	for {
		out, err := s.take(q, in, most, hide)
		if len(out) > 0 || err != nil || ctx.Err() != nil {
			return map[string]any{"Messages": out}, err
		}
		arrived := q.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
}

// take receives messages that can be. The caller holds the lock.
func (s *SQS) take(q *queue, in *receiveInput, most int, hide time.Duration) ([]received, error) {
	now := s.Now()
	out := []received{}
	for _, m := range q.messages {
		if len(out) == most || now.Before(m.visible) {
			continue
		}
		handle := s.UUID()
		if m.received++; m.received == 1 {
			m.first = now
		}
		m.handle, m.visible = handle, now.Add(hide)
		one := received{MessageID: m.id, ReceiptHandle: handle, Body: m.body, MD5OfBody: sumOf(m.body), Attributes: m.system(slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames))}
		for name, a := range m.attributes {
			if slices.Contains(in.MessageAttributeNames, "All") || slices.Contains(in.MessageAttributeNames, ".*") || slices.Contains(in.MessageAttributeNames, name) {
				if one.MessageAttributes == nil {
					one.MessageAttributes = map[string]attribute{}
				}
				one.MessageAttributes[name] = a
			}
		}
		if len(one.MessageAttributes) > 0 {
			one.MD5OfMessageAttributes = attributesSum(one.MessageAttributes)
		}
		out = append(out, one)
	}
	return out, nil
}

// system are the attributes that SQS itself gives a message, as far as asked for.
func (m *message) system(names []string) map[string]string {
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	all := map[string]string{
		"SenderId": m.sender, "SentTimestamp": millis(m.sent),
		"ApproximateReceiveCount": strconv.Itoa(m.received), "ApproximateFirstReceiveTimestamp": millis(m.first),
	}
	maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(names, name) && !slices.Contains(names, "All") })
	return all
}

type deleteInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string
}

func (s *SQS) deleteMessage(r *api.Request, in *deleteInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.at(r, "DeleteMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	if in.ReceiptHandle == "" {
		return nil, api.Errorf(http.StatusNotFound, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	}
	// An old receipt deletes nothing, without an error.
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.handle == in.ReceiptHandle })
	return nil, nil
}

func sumOf(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (a attribute) value() string {
	if a.StringValue != nil {
		return *a.StringValue
	}
	return string(a.BinaryValue)
}

// attributesSum is the sum of a message's attributes; see "Calculating the MD5
// message digest for message attributes".
func attributesSum(attributes map[string]attribute) string {
	var b []byte
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		text(name)
		text(a.DataType)
		kind := byte(1)
		if a.StringValue == nil {
			kind = 2
		}
		b = append(b, kind)
		text(a.value())
	}
	return sumOf(string(b))
}
