package resume

import "sync"

// A Failure keeps why content that is sent could not be read, so that the other side is
// not blamed. It is shared with net/http, which may still read when it has answered. The
// zero Failure is none.
type Failure struct {
	lock sync.Mutex
	err  error
}

// Because notes err, and gives it back for whoever reads.
func (f *Failure) Because(err error) error {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.err = err
	return err
}

// Err is what was noted last; nil if nothing was.
func (f *Failure) Err() error {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.err
}
