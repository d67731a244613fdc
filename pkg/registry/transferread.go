package registry

import (
	"bytes"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

// Bytes are reported when there are so many that this costs nothing beside moving them, or
// after some time: on a slow line they are long in coming, and nothing has stalled.
const (
	advanceBytes = 1 << 20
	advanceAfter = 200 * time.Millisecond
)

// A verified reader gives the content of a descriptor or an error: as many bytes as
// it has, and where the sink does not look, with its digest. What is checked is
// checked before the last byte is handed on, so that even a reader who counts instead
// of waiting for io.EOF never has the whole of wrong content.
type verified struct {
	flow *flow
	from io.ReadCloser
	hash hash.Hash // nil where the sink compares the digest
	left int64     // bytes to come
	told int64     // bytes read and not reported yet
	last time.Time // when some were reported
	err  error     // what every further Read returns
	shut sync.Once
}

func newVerified(from io.ReadCloser, f *flow) *verified {
	v := &verified{flow: f, from: from, left: f.desc.Size, last: time.Now()}
	if checker, ok := f.transfer.to.(Checker); !ok || !checker.ChecksDigests() {
		v.hash = f.desc.Digest.Algorithm().Hash()
	}
	return v
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.err == nil && v.left == 0 { // an empty blob
		v.finish()
	}
	if v.err != nil {
		return 0, v.err
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.from.Read(p)
	v.left -= int64(n)
	if v.hash != nil {
		v.hash.Write(p[:n])
	}
	if v.left == 0 {
		if v.finish(); v.err != io.EOF { //nolint:errorlint // finish sets io.EOF itself
			return 0, v.err
		}
	} else if err != nil {
		v.err = v.broken(err)
	}
	v.advance(int64(n))
	if v.err == io.EOF { //nolint:errorlint // as above
		return n, nil
	}
	return n, v.err
}

// finish compares what came with what should have.
func (v *verified) finish() {
	desc := v.flow.desc
	v.err = io.EOF
	if v.hash == nil {
		v.flow.whole.Store(true)
		return
	}
	if got := digest.NewDigest(desc.Digest.Algorithm(), v.hash); got != desc.Digest {
		v.err = fmt.Errorf("reading it from %s: %w", v.flow.source, &wrongDigestError{want: desc.Digest, got: got})
		return
	}
	v.flow.whole.Store(true)
}

// broken says why the content ended too early.
func (v *verified) broken(err error) error {
	if err == io.EOF { //nolint:errorlint // readers return it as it is
		err = fmt.Errorf("it ends after %d of %d bytes: %w", v.flow.desc.Size-v.left, v.flow.desc.Size, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("reading it from %s: %w", v.flow.source, err)
}

func (v *verified) advance(n int64) {
	v.told += n
	now := time.Now()
	if v.told >= advanceBytes || v.err != nil || now.Sub(v.last) >= advanceAfter {
		v.flow.advance(v.told)
		v.told, v.last = 0, now
	}
}

// Close implements io.Closer. It may be called again, and while a Read hangs.
func (v *verified) Close() (err error) {
	v.shut.Do(func() { err = v.from.Close() })
	return err
}

// inline is content that is at hand.
func inline(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
