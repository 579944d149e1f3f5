package blob

import (
	"bytes"
	"crypto/md5"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sum(a Algorithm, b []byte) []byte {
	h := a.New()
	h.Write(b)
	return h.Sum(nil)
}

func TestPutKeepsContentAndSums(t *testing.T) {
	t.Parallel()
	algorithms := []Algorithm{MD5, SHA1, SHA256, CRC32, CRC32C, CRC64NVME}
	for _, size := range []int{0, 1, memoryLimit, memoryLimit + 1, 3*copyBuffer + 7} {
		data := pattern(size)
		b, err := open(t).Put(iotest.OneByteReader(bytes.NewReader(data[:min(size, 10)])), algorithms...)
		if size > 10 {
			b, err = open(t).Put(bytes.NewReader(data), algorithms...)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := Sums{}
		for _, a := range algorithms {
			want[a] = sum(a, data)
		}
		if diff := cmp.Diff(want, b.Sums); diff != "" {
			t.Errorf("size %d: sums (-want +got):\n%s", size, diff)
		}
		if b.Size != int64(size) {
			t.Errorf("size: got %d, want %d", b.Size, size)
		}
	}
}

// The check values of the CRC catalogue for "123456789".
func TestCheckValues(t *testing.T) {
	t.Parallel()
	for a, want := range map[Algorithm][]byte{
		CRC32:     {0xcb, 0xf4, 0x39, 0x26},
		CRC32C:    {0xe3, 0x06, 0x92, 0x83},
		CRC64NVME: {0xae, 0x8b, 0x14, 0x86, 0x0a, 0x79, 0x98, 0x88},
	} {
		if got := sum(a, []byte("123456789")); !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", a, got, want)
		}
	}
}

func TestConcatCombinesCRCs(t *testing.T) {
	t.Parallel()
	s := open(t)
	data := pattern(400_000)
	var parts []*Blob
	from := 0
	for _, to := range []int{100, 100, 150_000, 399_999, 400_000} {
		b, err := s.Put(bytes.NewReader(data[from:to]), MD5, CRC32, CRC32C, CRC64NVME)
		if err != nil {
			t.Fatal(err)
		}
		parts, from = append(parts, b), to
	}
	whole := Concat(parts...)
	want := Sums{CRC32: sum(CRC32, data), CRC32C: sum(CRC32C, data), CRC64NVME: sum(CRC64NVME, data)}
	if diff := cmp.Diff(want, whole.Sums); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
	for _, p := range parts {
		p.Release() // the whole keeps its own hold
	}
	for _, c := range []struct{ offset, length int }{{0, 400_000}, {99, 2}, {100, 0}, {149_990, 20}, {399_998, 2}, {5, 399_000}} {
		r := whole.Reader(int64(c.offset), int64(c.length))
		got, err := io.ReadAll(struct{ io.Reader }{r})
		if err != nil || !bytes.Equal(got, data[c.offset:c.offset+c.length]) {
			t.Errorf("reading %d+%d: got %d bytes (%v)", c.offset, c.length, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		var buffer bytes.Buffer
		r = whole.Reader(int64(c.offset), int64(c.length))
		if _, err := r.(io.WriterTo).WriteTo(&buffer); err != nil || !bytes.Equal(buffer.Bytes(), data[c.offset:c.offset+c.length]) {
			t.Errorf("writing %d+%d: got %d bytes (%v)", c.offset, c.length, buffer.Len(), err)
		}
	}
	whole.Release()
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 0 {
		t.Errorf("after release: got %d files (%v), want none", len(left), err)
	}
}

// What memory has no room for goes to files, and what is released makes room.
func TestRoom(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.room = 100
	put := func(size int) *Blob {
		t.Helper()
		b, err := s.Put(bytes.NewReader(pattern(size)), CRC32C)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Bytes(); err != nil || !bytes.Equal(got, pattern(size)) || !bytes.Equal(b.Sums[CRC32C], sum(CRC32C, got)) {
			t.Errorf("%d bytes: got %d back (%v)", size, len(got), err)
		}
		return b
	}
	check := func(held int64, files int) {
		t.Helper()
		have, err := os.ReadDir(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		if s.held.Load() != held || len(have) != files {
			t.Errorf("%d bytes in memory and %d files, want %d and %d", s.held.Load(), len(have), held, files)
		}
	}
	first, second, third := put(60), put(60), put(40)
	check(100, 1)
	shared := first.Share()
	first.Release()
	check(100, 1)
	shared.Release()
	check(40, 1)
	fourth := put(60)
	check(100, 1)
	for _, b := range []*Blob{second, third, fourth} {
		b.Release()
	}
	check(0, 0)
}

func TestPutOfFailingReaderLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	broken := errors.New("broken")
	_, err := s.Put(io.MultiReader(bytes.NewReader(pattern(3*memoryLimit)), iotest.ErrReader(broken)), MD5)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 0 {
		t.Errorf("got %d files (%v), want none", len(left), err)
	}
}

func TestShareKeepsSums(t *testing.T) {
	t.Parallel()
	s := open(t)
	b, err := s.Put(bytes.NewReader([]byte("hello")), MD5, CRC32C)
	if err != nil {
		t.Fatal(err)
	}
	shared := b.Share()
	b.Release()
	if diff := cmp.Diff(Sums{MD5: sum(MD5, []byte("hello")), CRC32C: sum(CRC32C, []byte("hello"))}, shared.Sums); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
	got, err := shared.Bytes()
	if err != nil || string(got) != "hello" {
		t.Errorf("got %q (%v), want hello", got, err)
	}
	if len(md5.New().Sum(nil)) != len(shared.Sums[MD5]) {
		t.Error("md5 has the wrong length")
	}
}
