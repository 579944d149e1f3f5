package copy

import (
	"errors"
	"fmt"
)

// TransferError is a failed copy; the object that was at the destination is still
// there, unless Err is an *UnknownError. Lambda reports its type's name as the error's
// type and its text as the message.
type TransferError struct {
	Operation   string // planning, reading, verifying, writing, deleting
	Source      string
	Destination string
	Reached     int64 // bytes sent to the destination; with parts, bytes it stored
	Attempts    int   // 1 plus one for every retry
	Err         error
}

func (e *TransferError) Error() string {
	reached := ""
	if e.Reached > 0 || e.Attempts > 1 {
		reached = fmt.Sprintf(" (%d bytes far, in attempt %d)", e.Reached, e.Attempts)
	}
	return fmt.Sprintf("%s: copying %s to %s%s: %v", e.Operation, e.Source, e.Destination, reached, e.Err)
}

func (e *TransferError) Unwrap() error { return e.Err }

// Cause returns the kind of a failure, for counting, and whether another attempt may
// succeed.
func (e *TransferError) Cause() (cause string, passing bool) {
	var (
		answer    *AnswerError
		exists    *ExistsError
		changed   *SourceChangedError
		overtaken *overtakenError
		operation *OperationError
		exhausted *ExhaustedError
	)
	passing = transient(e.Err) || errors.As(e.Err, &exhausted)
	switch {
	case errors.As(e.Err, &exists):
		return "destination exists", false
	case errors.As(e.Err, &changed):
		return "source changed", false
	case errors.As(e.Err, &overtaken):
		return "source changed", true
	case errors.Is(e.Err, ErrDeadline):
		return "deadline", true
	case errors.As(e.Err, &answer):
		return fmt.Sprintf("%s %d %s", answer.Service, answer.Status, answer.Code), passing
	case errors.As(e.Err, &operation) && operation.Operation == "planning":
		return "cannot be copied", false
	case passing:
		return "connection broken", true
	}
	return e.Operation + " failed", false
}

// OperationError is an error in a step of a copy other than writing.
type OperationError struct {
	Operation string
	Err       error
}

func (e *OperationError) Error() string { return e.Err.Error() }

func (e *OperationError) Unwrap() error { return e.Err }

// SpoiledError reports that what was sent so far is useless: bytes were corrupted
// in transit, or someone wrote to the destination. Only starting over may help.
type SpoiledError struct{ Err error }

func (e *SpoiledError) Error() string { return e.Err.Error() }

func (e *SpoiledError) Unwrap() error { return e.Err }

// ExistsError reports that an object is at the destination that is different, or may
// be, and which the policy protects.
type ExistsError struct {
	Found   string // its size and sum
	Unknown bool   // whether it is different cannot be known
}

func (e *ExistsError) Error() string {
	if e.Unknown {
		return "the destination exists and may be different (" + e.Found + "); overwriting it is not allowed"
	}
	return "the destination exists and is different (" + e.Found + "); overwriting it is not allowed"
}

// UnknownError reports that it is not known what a failed copy leaves at the destination:
// the answer to a write was lost, and looking at the destination failed or did not show
// the object, which S3 may still be writing.
type UnknownError struct {
	Generation int64 // that may be at the destination
	Looking    error // why looking failed, or nil
	Err        error // why the copy failed
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("%v; the answer to a write was lost: generation %d ", e.Err, e.Generation)
	if e.Looking == nil {
		return text + "was not at the destination right after it, and may still arrive"
	}
	return text + fmt.Sprintf("may be at the destination or not, and looking at it failed: %v", e.Looking)
}

func (e *UnknownError) Unwrap() error { return e.Err }
