package benchmark

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is the resource usage of a process so far.
type usage struct {
	wall time.Duration // a point in time
	cpu  time.Duration // user and system time of all threads
	peak int64         // peak memory in bytes
}

func (u usage) since(before usage) usage {
	return usage{u.wall - before.wall, u.cpu - before.cpu, u.peak}
}

var started = time.Now()

// look reads Linux's accounting of a process: schedstat has a thread's time in
// nanoseconds, whereas stat has ticks of 10 ms.
func look(pid int) (usage, error) {
	u := usage{wall: time.Since(started)}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "schedstat"))
	if err != nil || len(threads) == 0 {
		return u, fmt.Errorf("looking at process %d: no threads, %v", pid, err)
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		on, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(on, 10, 64)
		if err != nil {
			return u, fmt.Errorf("reading %s: %w", file, err)
		}
		u.cpu += time.Duration(ns)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return u, err
			}
			u.peak = kib << 10
		}
	}
	return u, nil
}
