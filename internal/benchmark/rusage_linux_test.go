package benchmark

import (
	"os"
	"syscall"
)

// peakOf is the most memory that a process had that has ended.
func peakOf(p *os.ProcessState) int64 { return p.SysUsage().(*syscall.Rusage).Maxrss << 10 }
