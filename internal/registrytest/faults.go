package registrytest

import (
	"io"
	"net/http"
	"time"
)

// Faults are what goes wrong. The zero value is nothing.
type Faults struct {
	// Cut ends the connection after so many bytes of a blob, the first CutTimes
	// times; 0 times means always, 0 bytes never.
	Cut      int64
	CutTimes int
	// Stall sends so many bytes of a blob and then nothing until the client goes
	// away, the first StallTimes times; 0 times means always, 0 bytes never.
	Stall      int64
	StallTimes int
	// CutUpload ends the connection after so many bytes of an upload, the first
	// CutUploadTimes times; 0 times means always, 0 bytes never.
	CutUpload      int64
	CutUploadTimes int
	// LoseUpload carries so many uploads out and cuts the connection instead of
	// answering them.
	LoseUpload int
	// StallUpload reads so many bytes of an upload and then nothing until the
	// client goes away; 0 means never.
	StallUpload int64
	// Status answers requests of StatusKinds with this status (429, 503, 500) the
	// first StatusTimes times, with RetryAfter as Retry-After if it is not empty;
	// 0 times means always, no kinds means all.
	Status      int
	StatusTimes int
	StatusKinds []Kind
	RetryAfter  string
	// Code is the code of the error in its body; empty means TOOMANYREQUESTS for
	// 429, else none.
	Code string
	// IgnoreRange answers requests for ranges with the whole and 200.
	IgnoreRange bool
	// Rate is how many bytes of a blob it sends in a second; 0 means no limit.
	Rate int64
	// Corrupt changes the first byte of each blob.
	Corrupt bool
}

// Fail replaces the faults. What has stalled is cut.
func (r *Registry) Fail(f Faults) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = f
	close(r.released)
	r.released = make(chan struct{})
}

// Stalled gives a value for each request that has stalled.
func (r *Registry) Stalled() <-chan struct{} { return r.stalls }

// take says whether a fault happens now, and counts it.
func (r *Registry) take(when bool, times *int) bool {
	switch {
	case !when || *times < 0:
		return false
	case *times == 1:
		*times = -1 // that was the last time
	case *times > 1:
		*times--
	}
	return true
}

// lose says whether the answer to an upload is to be lost.
func (r *Registry) lose() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.LoseUpload--
	return r.faults.LoseUpload >= 0
}

// nowhere is an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// misbehave is what happens before a request is looked at.
func (r *Registry) misbehave(w http.ResponseWriter, req *http.Request, kind Kind) bool {
	r.mu.Lock()
	f := &r.faults
	hit := len(f.StatusKinds) == 0
	for _, k := range f.StatusKinds {
		hit = hit || k == kind
	}
	status, after, code := f.Status, f.RetryAfter, f.Code
	if code == "" && status == http.StatusTooManyRequests {
		code = "TOOMANYREQUESTS"
	}
	refuse := r.take(hit && status != 0, &f.StatusTimes)
	if f.IgnoreRange {
		req.Header.Del("Range")
	}
	upload := kind == UploadPut || kind == UploadPatch
	body := &spoiledBody{ReadCloser: req.Body, r: r, req: req, released: r.released}
	if upload && r.take(f.CutUpload != 0, &f.CutUploadTimes) {
		body.cut = f.CutUpload
	}
	if upload {
		body.stall = f.StallUpload
	}
	r.mu.Unlock()
	if body.cut != 0 || body.stall != 0 {
		req.Body = body
	}
	if refuse {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		writeError(w, status, code, "not now, says the registry")
	}
	return refuse
}

// spoil wraps the answer to a request for a blob.
func (r *Registry) spoil(w http.ResponseWriter, req *http.Request, kind Kind) http.ResponseWriter {
	if kind != BlobGet {
		return w
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.faults
	out := &spoiledWriter{ResponseWriter: w, r: r, req: req, released: r.released, rate: f.Rate, corrupt: f.Corrupt, cut: -1, stall: -1}
	if r.take(f.Cut != 0, &f.CutTimes) {
		out.cut = f.Cut
	}
	if r.take(f.Stall != 0, &f.StallTimes) {
		out.stall = f.Stall
	}
	return out
}

// spoiledWriter is the body of an answer that goes wrong.
type spoiledWriter struct {
	http.ResponseWriter
	r                *Registry
	req              *http.Request
	released         <-chan struct{}
	n                int64
	cut, stall, rate int64
	corrupt          bool
}

const piece = 16 << 10 // what is sent at a time

func (s *spoiledWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		s.check()
		n := min(len(p)-done, piece, s.left())
		if err := s.send(p[done : done+n]); err != nil {
			return done, err
		}
		done += n
	}
	s.check()
	return done, nil
}

// left is how many bytes may be sent until something goes wrong.
func (s *spoiledWriter) left() int {
	left := int64(piece)
	for _, limit := range []int64{s.cut, s.stall} {
		if limit >= 0 {
			left = min(left, limit-s.n)
		}
	}
	return int(left)
}

func (s *spoiledWriter) send(p []byte) error {
	if s.corrupt && s.n == 0 && len(p) > 0 {
		p = append([]byte{p[0] ^ 1}, p[1:]...)
	}
	n, err := s.ResponseWriter.Write(p)
	s.n += int64(n)
	if s.rate > 0 {
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		s.r.opts.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate))
	}
	return err
}

// check ends the answer where it is to end.
func (s *spoiledWriter) check() {
	if s.n != s.cut && s.n != s.stall {
		return
	}
	control := http.NewResponseController(s.ResponseWriter)
	_ = control.Flush()
	if s.n == s.stall {
		s.r.hang(s.req, s.released)
	}
	panic(http.ErrAbortHandler)
}

// hang waits until the client has gone or other faults are set. Of a client that
// is still sending the server does not see that it has gone.
func (r *Registry) hang(req *http.Request, released <-chan struct{}) {
	r.stalls <- struct{}{}
	select {
	case <-req.Context().Done():
	case <-released:
	}
}

// spoiledBody is the body of an upload that goes wrong.
type spoiledBody struct {
	io.ReadCloser
	r             *Registry
	req           *http.Request
	released      <-chan struct{}
	n, cut, stall int64
}

func (s *spoiledBody) Read(p []byte) (int, error) {
	if s.cut > 0 && s.n >= s.cut {
		panic(http.ErrAbortHandler)
	}
	if s.stall > 0 && s.n >= s.stall {
		s.r.hang(s.req, s.released)
		panic(http.ErrAbortHandler)
	}
	limit := int64(len(p))
	for _, end := range []int64{s.cut, s.stall} {
		if end > 0 {
			limit = min(limit, end-s.n)
		}
	}
	n, err := s.ReadCloser.Read(p[:limit])
	s.n += int64(n)
	return n, err
}
