package benchmark

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
)

// order is a copy for the floor's process, as a line of JSON.
type order struct {
	Origin, Sink string
	Objects      []string
	AtATime      int
}

// RunFloor copies as ordered and writes a line after each order. It is the least that
// a copy can do: one GET, whose body is the body of one PUT, summed on the way.
func RunFloor(orders io.Reader, done io.Writer) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.MaxIdleConnsPerHost = 64
	client := &http.Client{Transport: transport}
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if err := o.fill(client); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(done, "done"); err != nil {
			return err
		}
	}
	return nil
}

func (o order) fill(client *http.Client) error {
	var workers sync.WaitGroup
	names, errs := make(chan string), make(chan error, len(o.Objects))
	for range o.AtATime {
		workers.Go(func() {
			for name := range names {
				if err := o.copy(client, name); err != nil {
					errs <- err
				}
			}
		})
	}
	for _, name := range o.Objects {
		names <- name
	}
	close(names)
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func (o order) copy(client *http.Client, name string) error {
	got, err := client.Get(o.Origin + "/" + Bucket + "/" + name)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	s := &summed{Reader: got.Body}
	put, err := http.NewRequest(http.MethodPut, o.Sink+"/"+Bucket+"/"+name, s)
	if err != nil {
		return err
	}
	put.ContentLength = got.ContentLength
	answer, err := client.Do(put)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if sum := "crc32c=" + base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, s.sum)); answer.StatusCode != http.StatusOK || sum != got.Header.Get("X-Goog-Hash") {
		return fmt.Errorf("%s: status %d, sum %s", name, answer.StatusCode, sum)
	}
	return nil
}

type summed struct {
	io.Reader
	sum uint32
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}
