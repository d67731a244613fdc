package disk

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// Free gives the bytes that this user may still write to the file system of the
// folder dir, and whether that is known.
func Free(dir string) (int64, bool) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(min(free, math.MaxInt64)), true
}

// Allocated gives the bytes that a file takes on its disk: Windows sets aside
// the whole size.
func Allocated(info fs.FileInfo) int64 { return info.Size() }

// Lock locks f against other processes that call Lock, until it is closed. If
// one of them was first, the error is ErrLocked.
func Lock(f *os.File) error {
	// A lock keeps others from the bytes themselves: take one that no file has.
	at := windows.Overlapped{OffsetHigh: 1 << 30}
	const now = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), now, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

// RenameOpen is whether a file can be renamed while it is open.
const RenameOpen = false
