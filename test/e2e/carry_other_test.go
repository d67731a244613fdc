//go:build e2e && !linux

package e2e

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
