package resume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Content is something that HTTP GET gives.
type Content struct {
	// What names it in Wait and in errors that are ours.
	What string
	// Get asks for it once, with header added to the request. It gives every answer
	// that it gets, or an error of its own making; Reader closes the body.
	Get func(ctx context.Context, header http.Header) (*http.Response, error)
	// Size is its size in bytes if Known.
	Size  int64
	Known bool
	// Immutable is content that is the same bytes whenever it is asked for, because
	// its digest is its name. What is not is asked for with If-Range and checked to
	// be the same.
	Immutable bool
	// Stall is how long nothing may come; 0 means 60 s.
	Stall time.Duration
}

// A Reader reads a Content and goes on where it was cut. It is an io.ReadCloser
// for one goroutine.
type Reader struct {
	content Content
	ctx     context.Context //nolint:containedctx // a reader is one call, its Read takes none
	tries   *Tries
	header  http.Header // of the first answer
	off     int64       // bytes given so far
	whole   bool        // the server cannot give a part of it

	body io.ReadCloser // nil where it was cut
	w    *Watch
}

// Open asks for a content and gives its reader once the answer has begun. ctx is
// the reader's: it ends when ctx does. Close it.
func Open(ctx context.Context, policy Policy, content Content) (*Reader, error) {
	r := &Reader{content: content, ctx: ctx, tries: policy.Begin(content.What)}
	for {
		err := r.connect(ctx)
		if err == nil {
			return r, nil
		}
		if err := r.tries.Again(ctx, err); err != nil {
			return nil, err
		}
	}
}

// Header is the header of the first answer.
func (r *Reader) Header() http.Header { return r.header }

// Size is the size of the content in bytes, -1 if it is not known.
func (r *Reader) Size() int64 {
	if !r.content.Known {
		return -1
	}
	return r.content.Size
}

// Read gives the content byte by byte without a gap, however often the connection
// is lost. Its errors are final.
func (r *Reader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if r.content.Known {
			if r.off >= r.content.Size {
				return 0, io.EOF
			}
			p = p[:min(int64(len(p)), r.content.Size-r.off)]
		}
		n, err := r.read(p)
		r.off += int64(n)
		if n > 0 {
			r.tries.Progress()
			return n, nil // an error comes back with the next call
		}
		if errors.Is(err, io.EOF) && !r.content.Known {
			return 0, io.EOF
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.hangUp()
		if err := r.tries.Again(r.ctx, err); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// read reads from the connection, a new one if there is none.
func (r *Reader) read(p []byte) (int, error) {
	if r.body == nil {
		if err := r.connect(r.ctx); err != nil {
			return 0, err
		}
	}
	r.w.Wait()
	n, err := r.body.Read(p)
	r.w.Pause()
	return n, err // of a watch that has ended: ErrStalled, net/http gives the cause
}

// Close ends the reader.
func (r *Reader) Close() error {
	r.hangUp()
	return nil
}

func (r *Reader) hangUp() {
	if r.body != nil {
		_ = r.body.Close() // nothing was written
		r.w.End()
		r.body = nil
	}
}

// connect asks for what is still missing.
func (r *Reader) connect(ctx context.Context) error {
	conn, w := NewWatch(ctx, r.content.Stall)
	resp, err := r.content.Get(conn, r.ask())
	w.Pause()
	if err != nil {
		w.End()
		return err
	}
	r.body, r.w = resp.Body, w
	if err := r.accept(resp); err != nil {
		r.hangUp()
		return err
	}
	return nil
}

// ask is the header of a request for what is still missing. The range is a closed
// one: servers that say nothing of Accept-Ranges take it, some that take it answer
// 416 to an open one.
func (r *Reader) ask() http.Header {
	h := http.Header{"Accept-Encoding": {"identity"}} // offsets are those of the bytes that we give
	if r.off == 0 || r.whole {
		return h
	}
	end := ""
	if r.content.Known {
		end = strconv.FormatInt(r.content.Size-1, 10)
	}
	h.Set("Range", fmt.Sprintf("bytes=%d-%s", r.off, end))
	if v := validator(r.header); v != "" && !r.content.Immutable {
		h.Set("If-Range", v)
	}
	return h
}

// validator is what tells a version of a content from another: a strong ETag, or
// the date (RFC 9110, 13.1.5).
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// accept takes an answer, from the byte on that is wanted.
func (r *Reader) accept(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK:
		return r.acceptWhole(resp)
	case http.StatusPartialContent:
		if start, size, ok := contentRange(resp.Header); ok && start == r.off && (!r.content.Known || size < 0 || size == r.content.Size) {
			return r.same(resp.Header)
		}
		r.whole = true
		return fmt.Errorf("%s gave another part than the one asked for: %w", host(resp), io.ErrUnexpectedEOF)
	case http.StatusRequestedRangeNotSatisfiable:
		if !r.whole && r.off > 0 {
			r.whole = true
			return fmt.Errorf("%s gives no parts: %w", host(resp), io.ErrUnexpectedEOF)
		}
	}
	return Status(resp)
}

// acceptWhole takes the whole content, and skips what was given already.
func (r *Reader) acceptWhole(resp *http.Response) error {
	if r.content.Known && resp.ContentLength >= 0 && resp.ContentLength != r.content.Size {
		return Final(fmt.Errorf("%s has %d bytes, not %d as was said before", host(resp), resp.ContentLength, r.content.Size))
	}
	if r.header == nil {
		r.header = resp.Header
		if !r.content.Known && resp.ContentLength >= 0 {
			r.content.Known, r.content.Size = true, resp.ContentLength
		}
		return nil
	}
	if err := r.same(resp.Header); err != nil {
		return err
	}
	for left := r.off; left > 0; {
		r.w.Wait()
		n, err := io.CopyN(io.Discard, r.body, min(left, 1<<20))
		r.w.Pause()
		left -= n
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// same refuses to go on with another version of the content.
func (r *Reader) same(h http.Header) error {
	before, now := validator(r.header), validator(h)
	if r.content.Immutable || before == "" || now == "" || before == now {
		return nil
	}
	return Final(fmt.Errorf("%s has changed while it was being read", r.content.What))
}

// contentRange reads Content-Range: bytes START-END/SIZE; size is -1 where it is *.
func contentRange(h http.Header) (start, size int64, ok bool) {
	rest, ok := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, total, _ := strings.Cut(rest, "/")
	from, _, _ := strings.Cut(span, "-")
	start, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if total == "*" {
		return start, -1, true
	}
	size, err = strconv.ParseInt(total, 10, 64)
	return start, size, err == nil
}

func host(resp *http.Response) string {
	if resp.Request == nil {
		return "the server"
	}
	return resp.Request.URL.Host
}
