package engine

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// attributes puts a command into its own process group, and makes the kernel kill
// it when this process dies: no one would read its output any more.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ended reports whether a process is a zombie, not yet reaped by its parent:
// proc_pid_stat(5).
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err)
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(state, []byte("Z")) || bytes.HasPrefix(state, []byte("X"))
}
