package blob

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"slices"

	"github.com/minio/crc64nvme"
)

// Algorithm is a checksum's name, as S3 writes it in its headers.
type Algorithm string

const (
	MD5       Algorithm = "md5"
	SHA1      Algorithm = "sha1"
	SHA256    Algorithm = "sha256"
	CRC32     Algorithm = "crc32"
	CRC32C    Algorithm = "crc32c"
	CRC64NVME Algorithm = "crc64nvme"
)

// New returns the algorithm's hash, or nil for an unknown one.
func (a Algorithm) New() hash.Hash {
	switch a {
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case CRC64NVME:
		return crc64nvme.New()
	}
	return nil
}

// Sums are checksums in network byte order, by algorithm.
type Sums map[Algorithm][]byte

// summer computes several checksums of one stream.
type summer struct{ hashes map[Algorithm]hash.Hash }

func newSummer(algorithms []Algorithm) *summer {
	s := &summer{hashes: map[Algorithm]hash.Hash{}}
	for _, a := range algorithms {
		if h := a.New(); h != nil {
			s.hashes[a] = h
		}
	}
	return s
}

func (s *summer) Write(p []byte) (int, error) {
	for _, h := range s.hashes {
		h.Write(p)
	}
	return len(p), nil
}

func (s *summer) sums() Sums {
	out := Sums{}
	for a, h := range s.hashes {
		out[a] = h.Sum(nil)
	}
	return out
}

// combine turns s into the checksums of its content followed by another of the
// given size; what cannot be combined is dropped.
func (s Sums) combine(other Sums, size int64) {
	for _, a := range []Algorithm{MD5, SHA1, SHA256, CRC32, CRC32C, CRC64NVME} {
		combine, ok := combiner(a)
		if !ok || s[a] == nil || other[a] == nil {
			delete(s, a)
			continue
		}
		s[a] = combine(s[a], other[a], size)
	}
}

// The reversed polynomials; that of CRC-64/NVME is in the NVM Express NVM
// Command Set Specification, section 5.2.1.3.4.
const polynomialCRC64NVME = 0x9a6c9329ac4bc9b5

// combiner returns how two CRCs of the algorithm are combined, if it is a CRC.
func combiner(a Algorithm) (func(first, second []byte, size int64) []byte, bool) {
	var polynomial uint64
	width := 32
	switch a {
	case CRC32:
		polynomial = crc32.IEEE
	case CRC32C:
		polynomial = crc32.Castagnoli
	case CRC64NVME:
		polynomial, width = polynomialCRC64NVME, 64
	default:
		return nil, false
	}
	return func(first, second []byte, size int64) []byte {
		sum := shift(polynomial, width, number(first), size) ^ number(second)
		return slices.Clone(binary.BigEndian.AppendUint64(nil, sum)[8-width/8:])
	}, true
}

func number(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// shift advances a CRC over size zero bytes, by squaring the operator that
// advances it over one bit, after Mark Adler's crc32_combine.
func shift(polynomial uint64, width int, crc uint64, size int64) uint64 {
	matrix := make([]uint64, width) // the operator for one zero bit
	matrix[0] = polynomial
	for i := 1; i < width; i++ {
		matrix[i] = 1 << (i - 1)
	}
	for range 3 { // eight bits
		matrix = square(matrix)
	}
	for ; size > 0; size >>= 1 {
		if size&1 != 0 {
			crc = times(matrix, crc)
		}
		matrix = square(matrix)
	}
	return crc
}

func times(matrix []uint64, vector uint64) uint64 {
	var sum uint64
	for i := 0; vector != 0; i, vector = i+1, vector>>1 {
		if vector&1 != 0 {
			sum ^= matrix[i]
		}
	}
	return sum
}

func square(matrix []uint64) []uint64 {
	out := make([]uint64, len(matrix))
	for i := range matrix {
		out[i] = times(matrix, matrix[i])
	}
	return out
}
