package bulk

import "encoding/json"

// Machine is what the definition of the state machine refers to.
type Machine struct {
	Function string // ARN of the function, or a token for it
	Bucket   string // of the jobs
}

// Input is the input of an execution: of its first state, and of every state of a round.
type Input struct {
	Phase       string `json:"phase"` // one of the phases
	Job         string `json:"job"`
	Run         int    `json:"run"`         // which execution of the job this is, from 1
	Concurrency int    `json:"concurrency"` // of the map; 0 would mean 10,000, and is never used
}

// Phases of a job, which are executions of their own.
const (
	PhasePlan   = "plan"
	PhaseRun    = "run"
	PhaseVerify = "verify"

	// PhaseReconcile makes a job of its input, which is that of ReconcileInput, and then does
	// the others' work in the same execution.
	PhaseReconcile = "reconcile"
)

// MaxConcurrency is how many children a map run has at most: AWS Step Functions Developer
// Guide, "Using Map state in Distributed mode".
const MaxConcurrency = 10_000

// Definition returns the state machine in the Amazon States Language (Amazon States
// Language specification, states-language.net):
//
//	plan:   Divide → List (map over ranges) → Further → … → Planned
//	run:    Advance → Copy (map over shards) → Advance → … → Report → Proven, or NotProven
//	verify: Recheck → Check (map over shards) → Verified → Proven, or NotProven
//	reconcile: Make → as plan → as run
//
// States hold the input and the last answer only; everything else is in the job's files.
func Definition(m Machine) string {
	type object = map[string]any
	// AWS Step Functions Developer Guide, "Handle transient Lambda service exceptions". A
	// function that dies or takes too long is tried again, too, but less often: what a shard
	// leaves undone is also left to the next round.
	retry := []object{{
		"ErrorEquals": []string{"Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException",
			"Lambda.SdkClientException", "Lambda.TooManyRequestsException"},
		"IntervalSeconds": 2, "MaxAttempts": 6, "BackoffRate": 2, "MaxDelaySeconds": 60, "JitterStrategy": "FULL",
	}, {
		"ErrorEquals": []string{"States.ALL"}, "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 4, "JitterStrategy": "FULL",
	}}
	step := func(step string, payload object) object {
		payload["step"], payload["job.$"], payload["run.$"], payload["retry.$"] = step, "$.job", "$.run", "$$.State.RetryCount"
		return object{
			"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
			"Parameters": object{"FunctionName": m.Function, "Payload": payload},
			"Retry":      retry,
		}
	}
	task := func(name, next string, payload object) object {
		t := step(name, payload)
		t["ResultSelector"] = object{"answer.$": "$.Payload"}
		t["ResultPath"], t["Next"] = "$.last", next
		return t
	}
	overItems := func(label, name, next, concurrency string) object {
		child := step(name, object{"round.$": "$.round", "of.$": "$.of", "item.$": "$.item"})
		child["ResultSelector"], child["End"] = object{}, true
		return object{
			"Type": "Map", "Label": label,
			"ItemReader": object{
				"Resource":     "arn:aws:states:::s3:getObject",
				"ReaderConfig": object{"InputType": "JSONL"},
				"Parameters":   object{"Bucket": m.Bucket, "Key.$": "$.last.answer.index"},
			},
			"ItemSelector": object{
				"job.$": "$.job", "run.$": "$.run", "round.$": "$.last.answer.round", "of.$": "$.last.answer.items", "item.$": "$$.Map.Item.Value",
			},
			"ItemProcessor": object{
				"ProcessorConfig": object{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
				"StartAt":         label + "One",
				"States":          object{label + "One": child},
			},
			// A child that fails leaves no result, and its item goes to the next round.
			"ToleratedFailurePercentage": 100,
			"MaxConcurrencyPath":         concurrency,
			"ResultWriter": object{
				"Resource":   "arn:aws:states:::s3:putObject",
				"Parameters": object{"Bucket": m.Bucket, "Prefix.$": "States.Format('" + Folder + "{}/maps', $.job)"},
			},
			"ResultPath": nil,
			"Next":       next,
		}
	}
	more := func(path, yes, no string) object {
		return object{"Type": "Choice", "Choices": []object{{"Variable": path, "BooleanEquals": true, "Next": yes}}, "Default": no}
	}
	advance := func(round any, key string) object { return object{key: round, "concurrency.$": "$.concurrency"} }
	const given, set = "$.concurrency", "$.last.answer.concurrency"
	made := object{
		"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
		"Parameters": object{"FunctionName": m.Function, "Payload": object{
			"step": StepMake, "execution.$": "$$.Execution.Id", "started.$": "$$.Execution.StartTime", "item.$": "$",
		}},
		"Retry":          retry,
		"ResultSelector": object{"phase": PhaseReconcile, "job.$": "$.Payload.job", "run": 1, "concurrency.$": "$.Payload.concurrency"},
		"Next":           "Divide",
	}
	definition := object{
		"Comment": "Plans and runs bulk jobs",
		"StartAt": "Phase",
		"States": object{
			"Phase": object{
				"Type": "Choice",
				"Choices": []object{
					{"Variable": "$.phase", "StringEquals": PhasePlan, "Next": "Divide"},
					{"Variable": "$.phase", "StringEquals": PhaseRun, "Next": "Begin"},
					{"Variable": "$.phase", "StringEquals": PhaseVerify, "Next": "Recheck"},
					{"Variable": "$.phase", "StringEquals": PhaseReconcile, "Next": "Make"},
				},
				"Default": "WrongPhase",
			},
			"WrongPhase": object{"Type": "Fail", "Error": "WrongPhase", "Cause": "phase must be plan, run, verify or reconcile"},

			"Make": made,

			"Divide":  task(StepDivide, "Ranges", object{"round": 0}),
			"Ranges":  more("$.last.answer.more", "List", "Listed"),
			"List":    overItems("List", StepList, "Further", given),
			"Further": task(StepDivide, "Ranges", object{"round.$": "$.last.answer.round"}),
			"Listed": object{
				"Type":    "Choice",
				"Choices": []object{{"Variable": "$.phase", "StringEquals": PhaseReconcile, "Next": "Begin"}},
				"Default": "Planned",
			},
			"Planned": object{"Type": "Succeed"},

			"Begin":   task(StepAdvance, "Shards", advance(0, "round")),
			"Shards":  more("$.last.answer.more", "Copy", "Report"),
			"Copy":    overItems("Copy", StepCopy, "Advance", set),
			"Advance": task(StepAdvance, "Shards", advance("$.last.answer.round", "round.$")),

			"Report":   task(StepReport, "Verdict", object{}),
			"Recheck":  task(StepRecheck, "Checks", object{}),
			"Checks":   more("$.last.answer.more", "Check", "Verified"),
			"Check":    overItems("Check", StepCheck, "Verified", given),
			"Verified": task(StepVerified, "Verdict", object{}),

			"Verdict":   more("$.last.answer.proven", "Proven", "NotProven"),
			"Proven":    object{"Type": "Succeed"},
			"NotProven": object{"Type": "Fail", "Error": "NotProven", "Cause": "the job stopped, or not everything that was planned is at the destination; its report says why"},
		},
	}
	text, err := json.Marshal(definition)
	if err != nil {
		panic(err) // it has only strings, numbers and truth values
	}
	return string(text)
}
