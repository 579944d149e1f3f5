package longtest

import "testing"

func TestSkip(t *testing.T) {
	for value, skips := range map[string]bool{"": true, "1": false} {
		t.Setenv(Variable, value)
		skipped := true
		t.Run("asked "+value, func(t *testing.T) {
			Skip(t)
			skipped = false
		})
		if skipped != skips {
			t.Errorf("with %s=%q a long test is skipped: %v", Variable, value, skipped)
		}
	}
}
