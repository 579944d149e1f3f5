package states

import (
	"slices"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// shape of counts.
type countShape struct {
	Pending               int64 `json:"pending"`
	Running               int64 `json:"running"`
	Succeeded             int64 `json:"succeeded"`
	Failed                int64 `json:"failed"`
	TimedOut              int64 `json:"timedOut"`
	Aborted               int64 `json:"aborted"`
	Total                 int64 `json:"total"`
	ResultsWritten        int64 `json:"resultsWritten"`
	FailuresNotRedrivable int64 `json:"failuresNotRedrivable"`
	PendingRedrive        int64 `json:"pendingRedrive"`
}

type mapRunShape struct {
	MapRunArn                  string         `json:"mapRunArn"`
	ExecutionArn               string         `json:"executionArn"`
	Status                     string         `json:"status"`
	StartDate                  api.Timestamp  `json:"startDate"`
	StopDate                   *api.Timestamp `json:"stopDate,omitempty"`
	MaxConcurrency             int            `json:"maxConcurrency"`
	ToleratedFailurePercentage float64        `json:"toleratedFailurePercentage"`
	ToleratedFailureCount      int64          `json:"toleratedFailureCount"`
	ItemCounts                 countShape     `json:"itemCounts"`
	ExecutionCounts            countShape     `json:"executionCounts"`
	RedriveCount               int            `json:"redriveCount"`
	RedriveDate                *api.Timestamp `json:"redriveDate,omitempty"`
}

func (r *mapRun) shape() mapRunShape {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := countShape{
		Running: int64(len(r.live)), Succeeded: r.counts.succeeded, Failed: r.counts.failed, TimedOut: r.counts.timedOut,
		Aborted: r.counts.aborted, ResultsWritten: r.written, PendingRedrive: int64(len(r.again)),
	}
	if r.items != nil {
		c.Total, c.Pending = r.items.total, r.items.total-r.items.taken
	}
	shape := mapRunShape{
		MapRunArn: r.arn, ExecutionArn: r.parent.arn, Status: r.status, StartDate: api.Timestamp(r.start),
		MaxConcurrency: r.limits.concurrency, ToleratedFailurePercentage: r.limits.percentage, ToleratedFailureCount: r.limits.count,
		ItemCounts: c, ExecutionCounts: c, RedriveCount: r.redrives,
	}
	if r.status != statusRunning {
		at := api.Timestamp(r.stop)
		shape.StopDate = &at
	}
	if r.redrives > 0 {
		at := api.Timestamp(r.redriven)
		shape.RedriveDate = &at
	}
	return shape
}

func (s *Server) findMapRun(r *api.Request, action, arn string) (*mapRun, error) {
	if err := s.authorize(r, action, arn, "mapRun"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.mapRuns[arn]
	if run == nil {
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", arn)
	}
	return run, nil
}

func (s *Server) describeMapRun(r *api.Request, in *struct{ MapRunArn string }) (any, error) {
	run, err := s.findMapRun(r, "DescribeMapRun", in.MapRunArn)
	if err != nil {
		return nil, err
	}
	return run.shape(), nil
}

type updateMapRunInput struct {
	MapRunArn                  string
	MaxConcurrency             *int
	ToleratedFailureCount      *int64
	ToleratedFailurePercentage *float64
}

// updateMapRun changes what a Map Run that is running may do.
func (s *Server) updateMapRun(r *api.Request, in *updateMapRunInput) (any, error) {
	run, err := s.findMapRun(r, "UpdateMapRun", in.MapRunArn)
	if err != nil {
		return nil, err
	}
	switch {
	case in.MaxConcurrency != nil && *in.MaxConcurrency < 0:
		return nil, invalid(*in.MaxConcurrency, "maxConcurrency", "Member must have value greater than or equal to 0")
	case in.ToleratedFailureCount != nil && *in.ToleratedFailureCount < 0:
		return nil, invalid(*in.ToleratedFailureCount, "toleratedFailureCount", "Member must have value greater than or equal to 0")
	case in.ToleratedFailurePercentage != nil && (*in.ToleratedFailurePercentage < 0 || *in.ToleratedFailurePercentage > 100):
		return nil, invalid(strconv.FormatFloat(*in.ToleratedFailurePercentage, 'f', -1, 64), "toleratedFailurePercentage",
			"Member must have value between 0 and 100")
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.status != statusRunning {
		return nil, wrong("CANNOT_UPDATE_COMPLETED_MAP_RUN", "Cannot update a Map Run that has completed: '"+in.MapRunArn+"'")
	}
	if in.MaxConcurrency != nil {
		run.limits.concurrency = *in.MaxConcurrency
	}
	if in.ToleratedFailureCount != nil {
		run.limits.count, run.limits.byCount = *in.ToleratedFailureCount, true
	}
	if in.ToleratedFailurePercentage != nil {
		run.limits.percentage, run.limits.byPercent = *in.ToleratedFailurePercentage, true
	}
	run.changed.Broadcast()
	return nil, nil
}

type mapRunItem struct {
	ExecutionArn    string         `json:"executionArn"`
	MapRunArn       string         `json:"mapRunArn"`
	StateMachineArn string         `json:"stateMachineArn"`
	StartDate       api.Timestamp  `json:"startDate"`
	StopDate        *api.Timestamp `json:"stopDate,omitempty"`
}

type listMapRunsInput struct {
	ExecutionArn, NextToken string
	MaxResults              *int
}

func (s *Server) listMapRuns(r *api.Request, in *listMapRunsInput) (any, error) {
	e, err := s.execution(r, "ListMapRuns", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	var runs []*mapRun
	for _, run := range s.mapRuns {
		if run.parent == e {
			runs = append(runs, run)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(runs, func(a, b *mapRun) int { return b.start.Compare(a.start) })
	items := []mapRunItem{}
	for _, run := range runs {
		shape := run.shape()
		items = append(items, mapRunItem{e.arn, run.arn, run.machineARN(), shape.StartDate, shape.StopDate})
	}
	page, next, err := cut(items, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return struct {
		MapRuns   []mapRunItem `json:"mapRuns"`
		NextToken string       `json:"nextToken,omitempty"`
	}{page, next}, nil
}
