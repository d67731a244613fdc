package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A cargo is a blob and the repositories that need it.
type cargo struct {
	desc  Descriptor
	units []*unit // in the order of the plan
	taken bool

	lock    sync.Mutex
	holders []image.Ref // repositories that have it
}

// A unit is one blob in one repository.
type unit struct {
	repository image.Ref // neither tag nor digest
	jobs       []*job    // that need it there
}

// carry brings a blob into the first repository that takes it, then into the
// others, of which those in the same registry mount it.
func (t *transfer) carry(ctx context.Context, c *cargo) {
	rest := c.units
	for len(rest) > 0 && ctx.Err() == nil {
		lead := rest[0]
		rest = rest[1:]
		if t.put(ctx, c, lead, true) {
			break
		}
	}
	if len(rest) > 0 {
		t.group.Go(func() { t.spread(ctx, c, rest) })
	}
}

// spread brings a blob into further repositories. In a registry that lacks it
// one of them goes first.
func (t *transfer) spread(ctx context.Context, c *cargo, units []*unit) {
	byRegistry := map[string][]*unit{}
	for _, u := range units {
		byRegistry[u.repository.Registry] = append(byRegistry[u.repository.Registry], u)
	}
	for registry, rest := range byRegistry {
		t.group.Go(func() {
			for there := len(c.heldBeside(image.Ref{Registry: registry})) > 0; !there && len(rest) > 0; rest = rest[1:] {
				there = t.put(ctx, c, rest[0], false)
			}
			for _, u := range rest {
				t.group.Go(func() { t.put(ctx, c, u, false) })
			}
		})
	}
}

// maxHolders of a blob in one registry are enough to mount it from.
const maxHolders = 8

// hold notes that a repository has the blob.
func (c *cargo) hold(repository image.Ref) {
	c.lock.Lock()
	defer c.lock.Unlock()
	there := 0
	for _, h := range c.holders {
		if h == repository {
			return
		}
		if h.Registry == repository.Registry {
			there++
		}
	}
	if there < maxHolders {
		c.holders = append(c.holders, repository)
	}
}

// heldBeside are other repositories of ref's registry that have the blob.
func (c *cargo) heldBeside(ref image.Ref) []image.Ref {
	c.lock.Lock()
	defer c.lock.Unlock()
	var beside []image.Ref
	for _, h := range c.holders {
		if h.Registry == ref.Registry && h.Repository != ref.Repository {
			beside = append(beside, h)
		}
	}
	return beside
}

// put brings a blob into one repository and says whether it is there now. first
// says that this is the way by which its bytes come and that the caller has a
// slot for them.
func (t *transfer) put(ctx context.Context, c *cargo, u *unit, first bool) bool {
	if u.hopeless() {
		return false // for none of its images it would be of use
	}
	if !first {
		if t.asking.take(ctx) != nil {
			return false
		}
		defer t.asking.give()
	}
	f := &flow{transfer: t, desc: c.desc, source: u.source(c.desc), slot: first}
	beside := c.heldBeside(u.repository)
	if len(beside) == 0 && f.source.Registry == u.repository.Registry { // where it comes from is beside it
		beside = []image.Ref{{Registry: f.source.Registry, Repository: f.source.Repository}}
	}
	outcome, err := t.to.PutBlob(ctx, u.repository, c.desc, beside, f.open)
	f.end(outcome, first, err)
	if err == nil && outcome == Sent && f.opened && c.desc.Size > 0 && !f.whole.Load() { // of an empty one there is nothing to read
		err = errors.New("it was not read to its end")
	}
	if err != nil {
		for _, j := range u.jobs {
			t.fail(ctx, j, fmt.Sprintf("writing blob %s to %s", c.desc.Digest, u.repository.Name()), err)
		}
		return false
	}
	t.take()
	c.hold(u.repository)
	for _, j := range u.jobs {
		t.arrived(ctx, j)
	}
	return true
}

// source is where the bytes of the blob are read: from an image that can still succeed.
func (u *unit) source(blob Descriptor) image.Ref {
	from := u.jobs[0].image
	for _, j := range u.jobs {
		if !j.hopeless() {
			from = j.image
			break
		}
	}
	if place, ok := from.Elsewhere[blob.Digest]; ok {
		return place
	}
	return from.Source
}

func (u *unit) hopeless() bool {
	for _, j := range u.jobs {
		if !j.hopeless() {
			return false
		}
	}
	return true
}

// arrived notes that one more blob of an image is there.
func (t *transfer) arrived(ctx context.Context, j *job) {
	j.lock.Lock()
	j.waiting--
	complete := j.waiting == 0
	j.lock.Unlock()
	if complete {
		t.group.Go(func() { t.writeManifests(ctx, j) })
	}
}

// A flow is the bytes of one blob on their way into one repository, if they need
// to flow at all, however often the sink begins anew.
type flow struct {
	transfer *transfer
	desc     Descriptor
	source   image.Ref
	slot     bool // somebody holds a slot for it
	own      bool // it has taken that slot itself
	opened   bool
	whole    atomic.Bool  // all was read and is right
	moved    atomic.Int64 // bytes reported
}

// open implements Opener.
func (f *flow) open(ctx context.Context) (io.ReadCloser, error) {
	f.transfer.take()
	if !f.slot {
		if err := f.transfer.blobs.take(ctx); err != nil {
			return nil, err
		}
		f.slot, f.own = true, true
	}
	if !f.opened {
		f.opened = true
		f.transfer.report(Event{Kind: BlobBegin, Name: string(f.desc.Digest), Image: f.source.String(), Bytes: f.desc.Size})
	}
	f.advance(-f.moved.Load())
	r, err := f.content(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading it from %s: %w", f.source, err)
	}
	return newVerified(r, f), nil
}

func (f *flow) content(ctx context.Context) (io.ReadCloser, error) {
	if f.desc.Data != nil {
		return inline(f.desc.Data), nil
	}
	return f.transfer.from.Fetch(ctx, f.source, plain(f.desc))
}

// advance reports n more bytes.
func (f *flow) advance(n int64) {
	if n != 0 {
		f.moved.Add(n)
		f.transfer.report(Event{Kind: Advance, Name: string(f.desc.Digest), Bytes: n})
	}
}

// end reports what became of the blob. Of repositories after the first only
// those are told that wanted its bytes once more.
func (f *flow) end(outcome Outcome, first bool, err error) {
	if f.own {
		f.transfer.blobs.give()
	}
	if err != nil {
		f.advance(-f.moved.Load())
	}
	switch {
	case f.opened:
		f.transfer.report(Event{Kind: BlobEnd, Name: string(f.desc.Digest), Bytes: f.desc.Size})
	case first && err == nil && outcome != Sent:
		f.transfer.report(Event{Kind: BlobSkipped, Name: string(f.desc.Digest), Bytes: f.desc.Size})
	}
}
