package copy

import (
	"math/rand/v2"
	"testing"
)

func TestJoinedSumsAreThatOfTheWhole(t *testing.T) {
	t.Parallel()
	content := make([]byte, 1<<20)
	source := rand.NewChaCha8([32]byte{1})
	if _, err := source.Read(content); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 1, 7, 4096, 999_999, len(content)} {
		first, second := crc32c(0).add(content[:at]), crc32c(0).add(content[at:])
		if got, want := first.join(second, int64(len(content)-at)), crc32c(0).add(content); got != want {
			t.Errorf("parted at %d: %v, want %v", at, got, want)
		}
	}
}

func TestSumsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	// RFC 3720, section B.4: the sum of 32 zeros.
	want := crc32c(0).add(make([]byte, 32))
	if want != 0x8a9136aa {
		t.Errorf("the sum of 32 zeros is %#x", uint32(want))
	}
	if got, err := parseCRC32C(want.String()); got != want || err != nil {
		t.Errorf("parseCRC32C(%v) = %v, %v", want, got, err)
	}
	for _, bad := range []string{"", "AAAA", "AAAAAAA=", "?AAAAA=="} {
		if got, err := parseCRC32C(bad); err == nil {
			t.Errorf("parseCRC32C(%q) = %v, want an error", bad, got)
		}
	}
}
