package sigv4

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// minChunk is the smallest chunk but the last, in bytes; see "Signature
// Calculations for the Authorization Header: Transferring Payload in Multiple
// Chunks". Its refusal is in versity/versitygw, issue 1683.
const minChunk = 8 << 10

// maxChunkLine bounds a chunk's header and a trailer line.
const maxChunkLine = 4 << 10

// chunked reads an aws-chunked body and checks the signature of every chunk
// and of the trailer; see "Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks".
type chunked struct {
	r      *api.Request
	sig    *signature
	key    []byte
	signed bool
	body   io.ReadCloser
	in     *bufio.Reader

	trailers []string // the names that x-amz-trailer declares
	previous string   // the signature before the current chunk's
	claimed  string   // the current chunk's signature as sent
	hash     hash.Hash
	chunk    int   // the current one's number
	size     int64 // of the current chunk
	left     int64 // of the current chunk
	open     bool  // a chunk's data is not at its end
	missing  int64 // of the decoded length
	err      error
}

func newChunked(r *api.Request, sig *signature, key []byte, payload string, length int64) *chunked {
	c := &chunked{
		r: r, sig: sig, key: key, signed: payload != streamingUnsignedTrailer,
		body: r.Body, in: bufio.NewReaderSize(r.Body, 64<<10),
		previous: sig.hex, hash: sha256.New(), missing: length,
	}
	if payload != streamingPayload {
		for _, v := range r.Header.Values("X-Amz-Trailer") {
			for _, name := range strings.Split(v, ",") {
				c.trailers = append(c.trailers, strings.ToLower(strings.TrimSpace(name)))
			}
		}
	}
	return c
}

func (c *chunked) Close() error { return c.body.Close() }

func (c *chunked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !c.open {
		if c.err = c.next(); c.err != nil {
			return 0, c.err
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	if c.signed {
		c.hash.Write(p[:n])
	}
	c.left -= int64(n)
	if c.missing -= int64(n); c.missing < 0 {
		err = incompleteBody()
	}
	if err == nil && c.left == 0 {
		err = c.endChunk()
	}
	if errors.Is(err, io.EOF) {
		err = incompleteBody()
	}
	c.err = err
	return n, err
}

// next reads a chunk's header; at the last chunk it reads the trailer and
// returns io.EOF.
func (c *chunked) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	before := c.size
	c.size, err = strconv.ParseInt(size, 16, 64)
	if err != nil || c.size < 0 {
		return incompleteBody()
	}
	c.left = c.size
	if c.chunk++; c.left > 0 && c.chunk > 1 && before < minChunk {
		e := api.Errorf(http.StatusForbidden, "InvalidChunkSizeError",
			"Only the last chunk is allowed to have a size less than %d bytes", minChunk)
		e.Members = map[string]string{"Chunk": strconv.Itoa(c.chunk), "BadChunkSize": strconv.FormatInt(before, 10)}
		return e
	}
	if c.signed {
		var ok bool
		if c.claimed, ok = strings.CutPrefix(extension, "chunk-signature="); !ok {
			return incompleteBody()
		}
		c.hash.Reset()
	}
	if c.left > 0 {
		c.open = true
		return nil
	}
	if err := c.checkChunk(); err != nil {
		return err
	}
	if c.missing != 0 {
		return incompleteBody()
	}
	if err := c.trailer(); err != nil {
		return err
	}
	return io.EOF
}

func (c *chunked) endChunk() error {
	c.open = false
	var end [2]byte
	if _, err := io.ReadFull(c.in, end[:]); err != nil || string(end[:]) != "\r\n" {
		return incompleteBody()
	}
	return c.checkChunk()
}

func (c *chunked) checkChunk() error {
	if !c.signed {
		return nil
	}
	return c.check(Algorithm+"-PAYLOAD", c.claimed, hexSHA256(nil)+"\n"+hex.EncodeToString(c.hash.Sum(nil)))
}

// check verifies one link of the chain of signatures.
func (c *chunked) check(algorithm, claimed, hashes string) error {
	toSign := strings.Join([]string{algorithm, c.sig.time.Format(timeFormat), c.sig.scope(), c.previous, hashes}, "\n")
	want := hex.EncodeToString(hmacSHA256(c.key, toSign))
	if subtle.ConstantTimeCompare([]byte(want), []byte(claimed)) != 1 {
		return mismatch(c.r, c.sig, "", toSign)
	}
	c.previous = want
	return nil
}

// trailer reads the trailing headers, which must be those that were declared.
func (c *chunked) trailer() error {
	got := http.Header{}
	var canonical strings.Builder
	claimed := ""
	for {
		line, err := c.line()
		if err != nil {
			if len(c.trailers) == 0 { // some clients end the body with the last chunk's line
				break
			}
			return err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok:
			return malformedTrailer()
		case name == "x-amz-trailer-signature" && c.signed:
			claimed = value
		case slices.Contains(c.trailers, name):
			got.Set(name, value)
			canonical.WriteString(name + ":" + value + "\n")
		default:
			return malformedTrailer()
		}
	}
	if len(got) != len(c.trailers) {
		return malformedTrailer()
	}
	if c.signed && len(c.trailers) > 0 {
		if err := c.check(Algorithm+"-TRAILER", claimed, hexSHA256([]byte(canonical.String()))); err != nil {
			return err
		}
	}
	if len(got) > 0 {
		c.r.Trailer = got
	}
	// Read what is left, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, c.in, maxChunkLine)
	return nil
}

func (c *chunked) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) > maxChunkLine {
		return "", incompleteBody()
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}

func incompleteBody() error {
	return api.Errorf(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
}

func malformedTrailer() error {
	return api.Errorf(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
