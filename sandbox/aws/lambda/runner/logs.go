package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// output collects what an environment's process writes, line by line, together
// with the lines that Lambda itself adds.
type output struct {
	f    *Function
	read *os.File // the reading end of the process's standard output and error

	mu      sync.Mutex
	partial []byte
	lines   []LogLine
}

// follow reads until the process and all that inherited its output are gone.
func (o *output) follow() {
	conn, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	// An error only means that the pipe was closed.
	_ = conn.Read(func(fd uintptr) bool { return o.available(fd) })
}

// drain reads what has been written up to now, so that the lines of an
// invocation are complete when it ends.
func (o *output) drain() {
	if conn, err := o.read.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { o.available(fd) })
	}
}

// available reads without waiting. It reports the end of the output.
func (o *output) available(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buf [16 << 10]byte
	for {
		n, err := syscall.Read(int(fd), buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil || n <= 0:
			return true
		default:
			o.write(buf[:n])
		}
	}
}

func (o *output) write(b []byte) {
	o.partial = append(o.partial, b...)
	for {
		i := bytes.IndexByte(o.partial, '\n')
		if i < 0 {
			return
		}
		o.lines = append(o.lines, LogLine{Time: o.f.now(), Message: string(o.partial[:i+1])})
		o.partial = o.partial[i+1:]
	}
}

// add adds a line of Lambda's own. A line that the process has not ended is
// ended first.
func (o *output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.write([]byte("\n"))
	}
	o.lines = append(o.lines, LogLine{Time: o.f.now(), Message: line})
}

// take returns the lines so far and clears them.
func (o *output) take() []LogLine {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.write([]byte("\n"))
	}
	lines := o.lines
	o.lines = nil
	return lines
}

// report is what the REPORT line says.
type report struct {
	requestID, status, errorType string
	duration, initDuration       time.Duration
	memoryMB, peakMB             int
}

func (o *output) start(id, version string) {
	if o.f.JSONLogs {
		o.platform("platform.start", map[string]any{"requestId": id, "version": version})
		return
	}
	o.add("START RequestId: " + id + " Version: " + version + "\n")
}

func (o *output) end(r report) {
	billed := (r.duration + r.initDuration + time.Millisecond - 1) / time.Millisecond
	if o.f.JSONLogs {
		metrics := map[string]any{"durationMs": ms(r.duration), "billedDurationMs": int(billed), "memorySizeMB": r.memoryMB, "maxMemoryUsedMB": r.peakMB}
		if r.initDuration > 0 {
			metrics["initDurationMs"] = ms(r.initDuration)
		}
		record := map[string]any{"requestId": r.requestID, "metrics": metrics, "status": r.status}
		if r.errorType != "" {
			record["errorType"] = r.errorType
		}
		o.platform("platform.report", record)
		return
	}
	o.add("END RequestId: " + r.requestID + "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.requestID, ms(r.duration), billed, r.memoryMB, r.peakMB)
	if r.initDuration > 0 {
		fmt.Fprintf(&b, "Init Duration: %.2f ms\t", ms(r.initDuration))
	}
	if r.status != "success" {
		fmt.Fprintf(&b, "Status: %s", r.status)
		if r.errorType != "" && r.status == "error" {
			fmt.Fprintf(&b, "\tError Type: %s", r.errorType)
		}
	}
	o.add(b.String() + "\n")
}

func (o *output) platform(kind string, record map[string]any) {
	text, err := json.Marshal(map[string]any{"time": o.f.now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": kind, "record": record})
	if err != nil {
		panic("marshalling a log record: " + err.Error())
	}
	o.add(string(text) + "\n")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
