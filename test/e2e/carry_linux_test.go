//go:build e2e && linux

package e2e

import "syscall"

// dieWithParent ends a process with the test that started it, also when that is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
