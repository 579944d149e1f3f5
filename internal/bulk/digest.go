package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Digest is a digest of a set of objects that does not depend on their order: the sum,
// modulo 2^256, of the SHA-256 of every object's name, size and CRC32C. Two sets that
// differ have different digests, save by chance; who can choose names and sums at will can
// make equal ones, so it proves completeness, and is no signature.
type Digest [4]uint64 // lowest first

// Add adds an object.
func (d *Digest) Add(name string, size int64, crc32c string) {
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(size))
	h.Write(length[:])
	h.Write([]byte(crc32c))
	h.Write([]byte{0})
	h.Write([]byte(name))
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	var other Digest
	for i := range other {
		other[i] = binary.BigEndian.Uint64(sum[8*(3-i):])
	}
	d.Join(other)
}

// Join adds the objects of another set.
func (d *Digest) Join(other Digest) {
	var carry uint64
	for i := range d {
		d[i], carry = bits.Add64(d[i], other[i], carry)
	}
}

// Without returns the digest without the objects of another set, which it must contain.
func (d Digest) Without(other Digest) Digest {
	var borrow uint64
	for i := range d {
		d[i], borrow = bits.Sub64(d[i], other[i], borrow)
	}
	return d
}

// String returns 64 hexadecimal digits, the highest first.
func (d Digest) String() string {
	var b [32]byte
	for i, word := range d {
		binary.BigEndian.PutUint64(b[8*(3-i):], word)
	}
	return hex.EncodeToString(b[:])
}

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != 32 {
		return fmt.Errorf("digest %q: must be 64 hexadecimal digits", text)
	}
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*(3-i):])
	}
	return nil
}
