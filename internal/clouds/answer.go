package clouds

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Answer is what a cloud says about a thing: it is there, it is absent, or it cannot
// be seen. The third is never the second. The zero value cannot be seen: it was not
// asked for.
type Answer[T any] struct {
	Thing T // what is there; of a list that broke off, what was seen of it; otherwise the zero value

	state   state
	unseen  *Unseen
	refusal error // by which the cloud said that it is absent
}

type state int

const (
	notAsked state = iota
	there
	absent
	hidden
)

// There reports whether the thing is there.
func (a Answer[T]) There() bool { return a.state == there }

// Absent reports whether the cloud says that the thing does not exist.
func (a Answer[T]) Absent() bool { return a.state == absent }

// Err is the *Unseen that says why the thing cannot be seen, or nil.
func (a Answer[T]) Err() error {
	switch a.state {
	case there, absent:
		return nil
	case hidden:
		return a.unseen
	}
	return &Unseen{What: "what was not asked for"}
}

// Cause is the error by which the cloud answered, or nil: it also says what is absent.
func (a Answer[T]) Cause() error {
	if a.state == absent {
		return a.refusal
	}
	return a.Err()
}

// Unopened is the answer about everything of a cloud for which there are no clients.
func Unopened[T any](cloud string, why error) Answer[T] {
	return hide[T](
		&Unseen{What: "anything of " + cloud, Reason: Credentials, Reply: Reply{Code: NoCredentials, Message: why.Error()}, err: why},
	)
}

func found[T any](thing T) Answer[T] { return Answer[T]{Thing: thing, state: there} }

func missing[T any](refusal error) Answer[T] { return Answer[T]{state: absent, refusal: refusal} }

func hide[T any](why *Unseen) Answer[T] { return Answer[T]{state: hidden, unseen: why} }

// listed is the answer about a list, whose pages end with err.
func listed[T any](all []T, end Answer[[]T]) Answer[[]T] {
	end.Thing = all
	return end
}

// Then is the answer about a part of a thing: there if the thing is.
func Then[T, P any](a Answer[T], part func(T) P) Answer[P] {
	out := Answer[P]{state: a.state, unseen: a.unseen, refusal: a.refusal}
	if a.There() {
		out.Thing = part(a.Thing)
	}
	return out
}

// Reason is why something cannot be seen.
type Reason int

const (
	Unclear      Reason = iota // for another reason, which the cloud's answer says
	Denied                     // the caller has no permission to read it
	APIDisabled                // the API is disabled in Unseen.Project
	QuotaProject               // the credentials' quota project is missing, or cannot be used
	Billing                    // Unseen.Project has no billing
	Credentials                // there are none, or the cloud does not accept them
	RegionOff                  // the account has not enabled Unseen.Region
	Busy                       // the cloud cannot answer now
	Unreachable                // there was no answer
)

// Unseen is the error of what cannot be seen. It says nothing about whether it exists.
type Unseen struct {
	What   string // such as "the service account readers"
	Reason Reason
	Reply  Reply

	// API is the name of a disabled API. Project is the one in which the API is disabled,
	// which has no billing, or which is the quota project that cannot be used; it is an id
	// or a number, as the cloud says it, or empty.
	API, Project string
	// Foreign is that Project is not the environment's, but one that the caller's
	// credentials bring.
	Foreign bool

	Region string // of AWS, that is not enabled

	own string // the environment's project
	err error
}

func (u *Unseen) Error() string {
	text := "cannot see " + u.What + ": " + u.Why()
	if hint := u.Hint(); hint != "" {
		text += "; hint: " + hint
	}
	return text
}

func (u *Unseen) Unwrap() error { return u.err }

// Why describes why it cannot be seen.
func (u *Unseen) Why() string {
	switch u.Reason {
	case Denied:
		return "no permission to read it: " + u.Reply.String()
	case APIDisabled:
		text := fmt.Sprintf("the API %s is disabled in the project %s", u.API, cmp.Or(u.Project, u.own))
		if u.Foreign {
			text += ", the quota project of your credentials, not in " + u.own
		}
		return text
	case QuotaProject:
		if u.Project == "" {
			return "your credentials name no quota project, and this API requires one"
		}
		return fmt.Sprintf("your credentials name the quota project %s, which they are not allowed to use", u.Project)
	case Billing:
		return fmt.Sprintf("the project %s has no billing: %s", cmp.Or(u.Project, u.own), u.Reply)
	case Credentials:
		return "the credentials are not accepted: " + u.Reply.String()
	case RegionOff:
		return fmt.Sprintf(
			"AWS accepts the credentials in %s, but not in %s, which the account seems not to have enabled: %s",
			home,
			u.Region,
			u.Reply,
		)
	case Busy:
		return "the service is busy: " + u.Reply.String()
	case Unreachable:
		return "no answer: " + u.Reply.String()
	}
	return u.Reply.String()
}

// Hint says what to do about it; it is empty where only the answer itself can say it.
func (u *Unseen) Hint() string {
	setQuota := "`gcloud auth application-default set-quota-project " + u.own + "`"
	switch u.Reason {
	case APIDisabled:
		enable := fmt.Sprintf("`gcloud services enable %s --project %s`", u.API, cmp.Or(u.Project, u.own))
		if u.Foreign {
			return setQuota + ", or " + enable
		}
		return enable
	case QuotaProject:
		if u.Project == "" {
			return setQuota
		}
		return fmt.Sprintf("%s, or have roles/serviceusage.serviceUsageConsumer granted to you on %s", setQuota, u.Project)
	case Billing:
		return "`gcloud billing projects describe " + cmp.Or(u.Project, u.own) + "`"
	case Credentials:
		if strings.Contains(u.Reply.Message, "hint: ") { // there are no clients, and the reason says what to do
			return ""
		}
		if strings.Contains(u.Reply.Message, cannotImpersonate) {
			return "have roles/iam.serviceAccountTokenCreator granted to you on the service account, or name another one"
		}
		if u.own != "" {
			return "`gcloud auth application-default login`, or a new token in GOOGLE_OAUTH_ACCESS_TOKEN"
		}
		return "`aws sso login`, or new keys in your shell"
	case RegionOff:
		return fmt.Sprintf(
			"`aws account enable-region --region-name %s --region %s`; `aws account get-region-opt-status` with the same flags shows "+
				"whether it is; if it is, the session is of the global endpoint of STS: set AWS_STS_REGIONAL_ENDPOINTS=regional and get a new one",
			u.Region,
			home,
		)
	case Busy, Unreachable:
		return "try again"
	}
	return ""
}

// Join joins errors into one, or nil. What cannot be seen for the same reason is said
// together.
func Join(errs ...error) error {
	var out []error
	places := map[string]int{} // in out, by reason
	var flat func(error)
	flat = func(err error) {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range several.Unwrap() {
				flat(one)
			}
			return
		}
		unseen, ok := err.(*Unseen)
		if !ok {
			if err != nil {
				out = append(out, err)
			}
			return
		}
		key := unseen.Why() + unseen.Hint()
		i, known := places[key]
		if !known {
			places[key] = len(out)
			out = append(out, unseen)
			return
		}
		both := *out[i].(*Unseen)
		if !slices.Contains(strings.Split(both.What, ", "), unseen.What) {
			both.What += ", " + unseen.What
		}
		out[i] = &both
	}
	for _, err := range errs {
		flat(err)
	}
	return errors.Join(out...)
}
