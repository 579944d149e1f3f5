package clouds

import (
	"errors"
	"testing"

	"github.com/aws/smithy-go"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	for _, tt := range []struct {
		name          string
		answer        Answer[string]
		there, absent bool
		err           string
	}{
		{"there", askAWS("x", "thing", nil), true, false, ""},
		{"absent", askAWS("x", "", &smithy.GenericAPIError{Code: "NoSuchEntity"}), false, true, ""},
		{"absent stack", askAWS("x", "", &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id x does not exist"}), false, true, ""},
		{"another validation", askAWS("x", "", &smithy.GenericAPIError{Code: "ValidationError", Message: "1 validation error detected"}), false, false, "cannot see x: ValidationError: 1 validation error detected"},
		{"denied", askAWS("x", "", denied), false, false, "cannot see x: no permission to read it: AccessDenied: no"},
		{"expired", askAWS("x", "", &smithy.GenericAPIError{Code: "ExpiredToken", Message: "old"}), false, false, "cannot see x: the credentials are not accepted: ExpiredToken: old; hint: `aws sso login`, or new keys in your shell"},
		{"not asked", Answer[string]{}, false, false, "cannot see what was not asked for: "},
	} {
		err := tt.answer.Err()
		if tt.answer.There() != tt.there || tt.answer.Absent() != tt.absent || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: there %v, absent %v, %v", tt.name, tt.answer.There(), tt.answer.Absent(), err)
		}
	}
	if err := askAWS("x", "", denied).Err(); !errors.Is(err, denied) {
		t.Errorf("%v does not wrap the client's error", err)
	}
}

// TestJoin: what cannot be seen for one reason is one sentence.
func TestJoin(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	unseen := func(what string) error { return askAWS(what, "", denied).Err() }
	other := errors.New("something else")
	got := Join(unseen("a"), nil, errors.Join(other, unseen("b")), unseen("a"))
	if want := "cannot see a, b: no permission to read it: AccessDenied: no\nsomething else"; got == nil || got.Error() != want {
		t.Errorf("Join() = %v, want %q", got, want)
	}
	var u *Unseen
	if !errors.As(got, &u) || !errors.Is(got, other) || !errors.Is(got, denied) {
		t.Errorf("%v has lost its parts", got)
	}
	if err := Join(nil, nil); err != nil {
		t.Errorf("Join() of nothing = %v", err)
	}
}
