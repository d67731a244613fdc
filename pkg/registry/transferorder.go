package registry

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// carryAll moves every blob that is needed and writes every manifest. The first goes ahead
// until the sink takes it: so what keeps a sink from taking anything is said of the first.
func (t *transfer) carryAll(ctx context.Context) {
	all, bare := t.cargoes()
	writeBare := sync.OnceFunc(func() {
		for _, j := range bare {
			t.group.Go(func() { t.writeManifests(ctx, j) })
		}
	})
	q := newQueue(all, cap(t.blobs))
	for t.blobs.take(ctx) == nil {
		c := q.next()
		if c == nil {
			t.blobs.give()
			break
		}
		carried := make(chan struct{})
		t.group.Go(func() {
			defer t.blobs.give()
			defer close(carried)
			t.carry(ctx, c)
		})
		select {
		case <-t.taken:
			writeBare()
		case <-carried:
		}
	}
	writeBare()
	t.group.Wait()
}

// take notes that the sink takes what it is given.
func (t *transfer) take() { t.takes.Do(func() { close(t.taken) }) }

// cargoes are the blobs that are needed, each once, in the order of the plan, and the
// images that need none.
func (t *transfer) cargoes() (all []*cargo, bare []*job) {
	m := freight{byDigest: map[digest.Digest]*cargo{}, units: map[unitKey]*unit{}}
	for _, j := range t.jobs {
		if j.present || j.hopeless() {
			continue
		}
		blobs := j.blobs()
		if j.waiting = len(blobs); j.waiting == 0 {
			bare = append(bare, j)
		}
		for _, b := range blobs {
			m.add(b, j)
		}
	}
	t.noteHolders(m.byDigest)
	return m.all, bare
}

// A freight collects what is to be carried, and whither.
type freight struct {
	all      []*cargo
	byDigest map[digest.Digest]*cargo
	units    map[unitKey]*unit
}

type unitKey struct {
	digest     digest.Digest
	repository image.Ref
}

func (m *freight) add(b Descriptor, j *job) {
	c, ok := m.byDigest[b.Digest]
	if !ok {
		c = &cargo{desc: b}
		m.byDigest[b.Digest] = c
		m.all = append(m.all, c)
	}
	if c.desc.Data == nil {
		c.desc.Data = b.Data
	}
	key := unitKey{b.Digest, repositoryOf(j.image)}
	u, ok := m.units[key]
	if !ok {
		u = &unit{repository: key.repository}
		m.units[key] = u
		c.units = append(c.units, u)
	}
	u.jobs = append(u.jobs, j)
}

// blobs are those of the image that the manifests still to be written name.
func (j *job) blobs() []Descriptor {
	if len(j.manifests) == len(j.image.Manifests) {
		return j.image.Blobs
	}
	named := map[digest.Digest]bool{}
	for _, m := range j.manifests {
		if doc, err := parseDocument(m.MediaType, m.Raw); err == nil { // NewPlan has read it
			_, blobs, _ := doc.parts()
			for _, b := range blobs {
				named[b.Digest] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(j.image.Blobs), func(b Descriptor) bool { return !named[b.Digest] })
}

// noteHolders tells every cargo which repositories have it already: those of
// images that are there, and those that the caller knows.
func (t *transfer) noteHolders(cargoes map[digest.Digest]*cargo) {
	skipped := map[digest.Digest]bool{}
	for _, j := range t.jobs {
		if !j.present {
			continue
		}
		for _, b := range j.image.Blobs {
			if c, needed := cargoes[b.Digest]; needed {
				c.hold(repositoryOf(j.image))
			} else if !skipped[b.Digest] {
				skipped[b.Digest] = true
				t.report(Event{Kind: BlobSkipped, Name: string(b.Digest), Bytes: b.Size})
			}
		}
	}
	for d, c := range cargoes {
		if t.opts.Elsewhere != nil {
			for _, r := range t.opts.Elsewhere(d) {
				c.hold(image.Ref{Registry: r.Registry, Repository: r.Repository})
			}
		}
	}
}

func repositoryOf(img *Image) image.Ref {
	return image.Ref{Registry: img.Target.Registry, Repository: img.Target.Repository}
}

// A queue says which blob goes next: in the order of the images, so that they
// become complete one after the other, but a blob that alone would take as long
// as all that is left does on all ways together goes at once. So no large blob
// begins last and keeps everything waiting. (TestQueue, four ways: all is there
// within 1.01 of the time that beginning with the largest takes, where the order
// of images alone takes 1.25; images become complete on average 1.3 times as late
// as in that order, where largest first takes 2.1.)
type queue struct {
	inOrder, bySize []*cargo
	ways            int64
	left            int64 // bytes of what was not taken
}

func newQueue(all []*cargo, ways int) *queue {
	q := &queue{inOrder: all, bySize: slices.Clone(all), ways: int64(ways)}
	slices.SortStableFunc(q.bySize, func(a, b *cargo) int { return cmp.Compare(b.desc.Size, a.desc.Size) })
	for _, c := range all {
		q.left += c.desc.Size
	}
	return q
}

// next takes a blob, nil if there is none left.
func (q *queue) next() *cargo {
	q.inOrder, q.bySize = untaken(q.inOrder), untaken(q.bySize)
	if len(q.inOrder) == 0 {
		return nil
	}
	c := q.inOrder[0]
	if large := q.bySize[0]; large.desc.Size >= q.left/q.ways {
		c = large
	}
	c.taken = true
	q.left -= c.desc.Size
	return c
}

func untaken(list []*cargo) []*cargo {
	for len(list) > 0 && list[0].taken {
		list = list[1:]
	}
	return list
}
