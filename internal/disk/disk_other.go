//go:build !linux && !darwin && !freebsd && !windows

package disk

import (
	"io/fs"
	"os"
)

// Free says that the room is not known.
func Free(string) (int64, bool) { return 0, false }

// Allocated gives the size of the file.
func Allocated(info fs.FileInfo) int64 { return info.Size() }

// Lock locks nothing.
func Lock(*os.File) error { return nil }

// RenameOpen is whether a file can be renamed while it is open.
const RenameOpen = false
