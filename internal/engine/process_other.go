//go:build !linux

package engine

import "syscall"

// attributes puts a command into its own process group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ended is not implemented on this system.
func ended(int) bool { return false }
