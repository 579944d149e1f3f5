package faults

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Syntax describes how to write a rule.
const Syntax = `[SERVICE] [METHOD] [/PATH*]: FAULT… [skip=N] [times=N], where a FAULT is ` +
	`status=CODE [code=NAME] [retry-after=DURATION] [after=BYTES] [after=all] [close], ` +
	`delay=DURATION, drop=BYTES, garble=BYTE, lose, cut=BYTES, corrupt=BYTE, stall=DURATION@BYTE, rate=BYTES, ` +
	`or of messages duplicate, shuffle=SEED or forget; ` +
	`for example "aws/s3 PUT: status=503 times=2"`

// Parse reads a rule as Syntax says.
func Parse(text string) (Rule, error) {
	bad := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("reading fault %q: %s; the syntax is %s", text, fmt.Sprintf(format, args...), Syntax)
	}
	// A path may have colons, too: /v1/*:pull.
	about, what, ok := strings.Cut(text, ": ")
	if !ok {
		about, what, ok = strings.Cut(text, ":")
	}
	if !ok {
		return bad("the colon is missing")
	}
	var rule Rule
	for _, word := range strings.Fields(about) {
		switch {
		case strings.HasPrefix(word, "/"):
			rule.Path = word
		case methods[word]:
			rule.Method = word
		case rule.Service == "":
			rule.Service = word
		default:
			return bad("%q is neither a method nor a path, and there is a service already", word)
		}
	}
	words := strings.Fields(what)
	if len(words) == 0 {
		return bad("it contains no fault")
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		set, known := settings[name]
		if !known {
			return bad("there is no fault %q", name)
		}
		if err := set(&rule, value); err != nil {
			return bad("%s: %v", word, err)
		}
	}
	if r := rule.Fault.Refuse; r != nil && r.Status == 0 {
		return bad("a refusal needs a status")
	}
	if rule.Fault == (Fault{}) {
		return bad("it contains no fault")
	}
	return rule, nil
}

var methods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true,
}

// settings are the words of a rule after its colon.
var settings = map[string]func(*Rule, string) error{
	"skip":  func(r *Rule, v string) error { return number(&r.Skip, v) },
	"times": func(r *Rule, v string) error { return number(&r.Times, v) },
	"delay": func(r *Rule, v string) error { return duration(&r.Fault.Delay, v) },
	"status": func(r *Rule, v string) error {
		if err := number(&r.refusal().Status, v); err != nil {
			return err
		}
		if s := r.refusal().Status; s < 200 || s > 599 {
			return fmt.Errorf("a status must be from 200 to 599")
		}
		return nil
	},
	"code":        func(r *Rule, v string) error { r.refusal().Code = v; return nil },
	"retry-after": func(r *Rule, v string) error { return duration(&r.refusal().RetryAfter, v) },
	"after": func(r *Rule, v string) error {
		at := At(WholeBody)
		if v != "all" {
			if err := offset(&at, v); err != nil {
				return err
			}
		}
		r.refusal().After = *at
		return nil
	},
	"close":   func(r *Rule, v string) error { r.refusal().Close = true; return alone(v) },
	"drop":    func(r *Rule, v string) error { return offset(&r.Fault.DropRequest, v) },
	"garble":  func(r *Rule, v string) error { return offset(&r.Fault.CorruptRequest, v) },
	"lose":    func(r *Rule, v string) error { r.Fault.LoseAnswer = true; return alone(v) },
	"cut":     func(r *Rule, v string) error { return offset(&r.Fault.CutAnswer, v) },
	"corrupt": func(r *Rule, v string) error { return offset(&r.Fault.CorruptAnswer, v) },
	"stall": func(r *Rule, v string) error {
		var s Stall
		span, at, _ := strings.Cut(v, "@")
		if err := duration(&s.For, span); err != nil {
			return err
		}
		var p *int64
		if at != "" {
			if err := offset(&p, at); err != nil {
				return err
			}
			s.At = *p
		}
		r.Fault.StallAnswer = &s
		return nil
	},
	"rate": func(r *Rule, v string) error {
		var n int
		err := number(&n, v)
		r.Fault.AnswerRate = int64(n)
		return err
	},
	"duplicate": func(r *Rule, v string) error { r.delivery().Duplicate = true; return alone(v) },
	"shuffle": func(r *Rule, v string) error {
		var n int
		err := number(&n, v)
		r.delivery().Shuffle = uint64(n)
		return err
	},
	"forget": func(r *Rule, v string) error { r.delivery().Forget = true; return alone(v) },
}

func (rule *Rule) delivery() *Delivery {
	if rule.Fault.Delivery == nil {
		rule.Fault.Delivery = &Delivery{}
	}
	return rule.Fault.Delivery
}

func (rule *Rule) refusal() *Refusal {
	if rule.Fault.Refuse == nil {
		rule.Fault.Refuse = &Refusal{}
	}
	return rule.Fault.Refuse
}

// alone refuses a value of a word that has none.
func alone(value string) error {
	if value != "" {
		return fmt.Errorf("it does not take a value")
	}
	return nil
}

func number(to *int, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is not a number above 0", text)
	}
	*to = n
	return nil
}

func offset(to **int64, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of bytes", text)
	}
	*to = &n
	return nil
}

func duration(to *time.Duration, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 1s or 300ms", text)
	}
	*to = d
	return nil
}
