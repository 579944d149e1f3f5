package runner

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// attributes put a child into a process group of its own, and have the kernel
// kill it when this process dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// memory is the resident memory of a process and its peak, in bytes. Both are
// zero when the process is gone.
func memory(pid int) (now, peak int64) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0
	}
	return field(status, "VmRSS:"), field(status, "VmHWM:")
}

func field(status []byte, name string) int64 {
	_, rest, ok := bytes.Cut(status, []byte("\n"+name))
	if !ok {
		return 0
	}
	words := bytes.Fields(rest[:min(len(rest), 64)])
	if len(words) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(string(words[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

// peakOf is the peak of a process that has exited. Linux counts in kilobytes.
func peakOf(usage *syscall.Rusage) int64 { return usage.Maxrss << 10 }
