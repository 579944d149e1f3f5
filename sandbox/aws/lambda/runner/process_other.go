//go:build unix && !linux

package runner

import "syscall"

// attributes put a child into a process group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// memory is not watched on this system; only the peak at exit is known.
func memory(int) (now, peak int64) { return 0, 0 }

// peakOf is the peak of a process that has exited, in bytes.
func peakOf(usage *syscall.Rusage) int64 { return usage.Maxrss }
