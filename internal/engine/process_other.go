//go:build !linux

package engine

import "syscall"

// attributes put a command into a process group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ended is not known here.
func ended(int) bool { return false }
