// Package disk asks the system what the standard library does not: how much room
// a file system has, how much a file takes there, and for a file of one's own.
package disk

import "errors"

// ErrLocked says that another process has locked the file.
var ErrLocked = errors.New("another process has locked it")
