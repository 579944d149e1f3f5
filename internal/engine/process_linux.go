package engine

import "syscall"

// attributes put a command into a process group of its own, and have the kernel
// kill it when this process dies: nobody would read what it does any more.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
