package clouds

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Pair are the clients of both clouds.
type Pair struct {
	AWS    aws.Config
	Google *Google
}

// CRC32C is the checksum of data as both clouds write it, in base64: Cloud Storage
// documentation, "Data validation and change detection"; Amazon S3 User Guide,
// "Checking object integrity".
func CRC32C(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// Pause waits before a cloud is asked again, unless ctx ends: the error is its cause.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
