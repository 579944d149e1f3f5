//go:build !linux

package engine

import "syscall"

// attributes puts a command into its own process group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ended reports false: only Linux says by proc_pid_stat(5) that a process is a zombie.
func ended(int) bool { return false }
