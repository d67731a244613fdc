package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// Write tells the system to write n bytes of f, from off on, to the disk now, and
// does not wait for it: the Sync at the end then finds less to do.
func Write(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) // Sync tells what went wrong
}
