package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// commitTime is how long a registry may take to store a blob that it has: some
// read it once more, from far away.
const commitTime = 10 * time.Minute

// An upload is one blob on its way into a repository. Each try sends it from the
// first byte on.
type upload struct {
	remote *Remote
	ref    image.Ref
	desc   Descriptor
	open   Opener
	at     *url.URL // where to send it, if an upload was begun already
	tried  bool
	last   *sending
}

func (u *upload) request(method string) request {
	return request{ref: u.ref, method: method, path: "blobs/uploads/", write: true, what: blobName(u.ref, u.desc.Digest)}
}

func (u *upload) run(ctx context.Context) error {
	err := resume.Do(ctx, u.remote.policy, blobName(u.ref, u.desc.Digest), u.once)
	if err == nil {
		return nil
	}
	if u.last != nil && u.last.broken.Err() != nil {
		return u.last.broken.Err() // it is not the registry that is to blame
	}
	return u.remote.explain(ctx, u.request(http.MethodPost), err)
}

// once tries it once.
func (u *upload) once(ctx context.Context) error {
	if u.tried { // the answer may be all that was lost
		q := u.request(http.MethodHead)
		q.path = "blobs/" + u.desc.Digest.String()
		if _, err := u.remote.exchangeOnce(ctx, q); err == nil {
			return nil
		}
	}
	u.tried = true
	if u.at == nil {
		begun, err := u.remote.exchangeOnce(ctx, u.request(http.MethodPost))
		if err != nil {
			return err
		}
		if u.at, err = begun.location(); err != nil {
			return err
		}
	}
	at := *u.at
	u.at = nil
	query := at.Query()
	query.Set("digest", u.desc.Digest.String())
	at.RawQuery = query.Encode()
	return u.put(ctx, &at)
}

// put sends the content.
func (u *upload) put(ctx context.Context, at *url.URL) error {
	ctx, watch := resume.NewWatch(ctx, u.remote.opts.Stall)
	defer watch.End()
	q := u.request(http.MethodPut)
	q.at, q.size = at, u.desc.Size
	q.header = http.Header{"Content-Type": {"application/octet-stream"}}
	q.body = func() (io.ReadCloser, error) { return u.content(ctx, watch) }
	resp, err := u.remote.send(ctx, q)
	if err != nil {
		if u.last != nil && u.last.broken.Err() != nil {
			return resume.Final(u.last.broken.Err())
		}
		if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusRequestedRangeNotSatisfiable) {
			return fmt.Errorf("%s does not know the upload any more: %w", u.ref.Registry, io.ErrUnexpectedEOF)
		}
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing in it is needed
	if resp.StatusCode >= 300 {
		return resume.Status(resp)
	}
	return nil
}

// content opens the content anew. Only one reader of it is open at a time.
func (u *upload) content(ctx context.Context, watch *resume.Watch) (io.ReadCloser, error) {
	if u.last != nil {
		select {
		case <-u.last.closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	watch.Pause()
	from, err := u.open(ctx)
	watch.Wait()
	if err != nil {
		u.last = &sending{closed: make(chan struct{})}
		close(u.last.closed)
		return nil, u.last.broken.Because(err)
	}
	u.last = &sending{from: from, watch: watch, desc: u.desc, left: u.desc.Size, closed: make(chan struct{})}
	if v, ok := from.(*verified); !ok || v.flow.desc.Digest != u.desc.Digest { // whose bytes are checked already
		u.last.hash = u.desc.Digest.Algorithm().Hash()
	}
	return u.last, nil
}

// A sending is content on its way to a registry. The last byte goes out only if
// all of them are what they should be, so that nothing else can become a blob.
type sending struct {
	from   io.ReadCloser
	watch  *resume.Watch
	desc   Descriptor
	left   int64
	hash   hash.Hash // nil where somebody else checks
	shut   sync.Once
	closed chan struct{}
	broken resume.Failure
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	if s.left == 0 {
		s.watch.WaitFor(commitTime)
		return 0, io.EOF
	}
	s.watch.Pause() // the source looks after itself
	n, err := s.from.Read(p[:min(int64(len(p)), s.left)])
	s.watch.Wait()
	s.left -= int64(n)
	if s.hash != nil {
		s.hash.Write(p[:n])
	}
	switch {
	case s.left == 0:
		s.watch.WaitFor(commitTime)
		if err := s.check(); err != nil {
			return 0, s.broken.Because(err)
		}
		return n, nil
	case errors.Is(err, io.EOF):
		return n, s.broken.Because(fmt.Errorf("%s ends after %d of %d bytes: %w", s.desc.Digest, s.desc.Size-s.left, s.desc.Size, io.ErrUnexpectedEOF))
	case err != nil:
		return n, s.broken.Because(err)
	}
	return n, nil
}

func (s *sending) check() error {
	if s.hash == nil {
		return nil
	}
	if got := digest.NewDigest(s.desc.Digest.Algorithm(), s.hash); got != s.desc.Digest {
		return fmt.Errorf("what should be %s is %s", s.desc.Digest, got)
	}
	if n, _ := s.from.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%s has more than %d bytes", s.desc.Digest, s.desc.Size)
	}
	return nil
}

// Close implements io.Closer.
func (s *sending) Close() (err error) {
	s.shut.Do(func() {
		err = s.from.Close()
		close(s.closed)
	})
	return err
}

// bytesBody is a body that can be sent again.
func bytesBody(raw []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
}
