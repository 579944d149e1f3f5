package copy

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// crc32c is a CRC32C, the one checksum that both clouds compute.
type crc32c uint32

// castagnoli makes hash/crc32 use the processor's instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseCRC32C reads base64 of the big-endian sum, as both clouds write it.
func parseCRC32C(text string) (crc32c, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) != 4 {
		return 0, fmt.Errorf("reading crc32c %q: must be base64 of 4 bytes", text)
	}
	return crc32c(binary.BigEndian.Uint32(data)), nil
}

func (c crc32c) String() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(c)))
}

// add returns the sum of the bytes so far followed by p.
func (c crc32c) add(p []byte) crc32c { return crc32c(crc32.Update(uint32(c), castagnoli, p)) }

// join returns the sum of the bytes so far followed by n more, of which only the
// sum is known. A CRC is the remainder of a polynomial: appending n bytes
// multiplies it by x to the 8n.
func (c crc32c) join(next crc32c, n int64) crc32c {
	shift, power := uint32(1)<<31, uint32(1)<<23 // x⁰ and x⁸, lowest power in the highest bit
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = multiply(shift, power)
		}
		power = multiply(power, power)
	}
	return crc32c(multiply(shift, uint32(c))) ^ next
}

// multiply multiplies polynomials modulo the one of CRC32C.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry == 1 {
			b ^= crc32.Castagnoli
		}
	}
	return product
}
