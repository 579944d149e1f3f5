package progress

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Act is an action to perform as a step.
type Act struct {
	Name string
	Run  func(context.Context) (detail string, err error)
}

// Step is a step that was performed.
type Step struct {
	Name    string  `json:"name"`
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// StepError is a failed step.
type StepError struct {
	Step string
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

// Perform runs the stages one after another, up to the first that fails, and
// shows their acts as steps; the acts of a stage run in parallel, each to its
// end. Its error joins the *StepErrors of the failed stage.
func (r *Reporter) Perform(ctx context.Context, stages ...[]Act) ([]Step, error) {
	var steps []Step
	for _, acts := range stages {
		done, errs := make([]Step, len(acts)), make([]error, len(acts))
		var running sync.WaitGroup
		for i, a := range acts {
			running.Go(func() { done[i], errs[i] = r.perform(ctx, a) })
		}
		running.Wait()
		steps = append(steps, done...)
		if err := errors.Join(errs...); err != nil {
			return steps, err
		}
	}
	return steps, nil
}

func (r *Reporter) perform(ctx context.Context, a Act) (Step, error) {
	step := Step{Name: a.Name}
	took, err := r.Step(a.Name, func() (detail string, err error) {
		detail, err = a.Run(ctx)
		if err == nil {
			step.Detail = detail
		}
		return detail, err
	})
	step.Seconds = took.Seconds()
	if err != nil {
		step.Error = err.Error()
		return step, &StepError{a.Name, err}
	}
	return step, nil
}
