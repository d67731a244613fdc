//go:build linux || darwin || freebsd

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free gives the bytes that this user may still write to the file system of the
// folder dir, and whether that is known.
func Free(dir string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Bsize <= 0 || s.Blocks == 0 {
		return 0, false // file systems without a size of their own say 0 blocks
	}
	return int64(s.Bavail) * int64(s.Bsize), true // the types differ between systems
}

// Allocated gives the bytes that a file takes on its disk: fewer than its size
// where it has holes.
func Allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(s.Blocks) * 512 // the types differ between systems
	}
	return info.Size()
}

// Lock locks f against other processes that call Lock, until it is closed. If
// one of them was first, the error is ErrLocked. Where the file system knows no
// locks, nothing is locked.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS):
		return nil
	}
	return err
}

// RenameOpen is whether a file can be renamed while it is open.
const RenameOpen = true
