package rewrite

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Collisions gives an error for every two images in all results that would go to
// the same place (image.CollisionError), and for every target there whose name no
// registry takes. m is the mapping that made the results; ask before anything
// is written.
//
// Few images share a place with another. The others, of which there may be very
// many, are told apart by hashes alone.
func Collisions(m image.Mapping, results []*Result) error {
	seed := maphash.MakeSeed()
	names := map[uint64]uint64{} // hashes: the name of the first image that goes to a place
	shared := map[uint64]bool{}  // places where images of other names go as well
	each := func(do func(place uint64, p image.Pair)) {
		for _, r := range results {
			m := m.InGroup(r.group)
			r.images.each(func(ref image.Ref) {
				target, _ := m.Target(ref)
				at := target
				at.Digest = ""
				do(maphash.Comparable(seed, at), image.Pair{Source: ref, Target: target})
			})
		}
	}
	each(func(place uint64, p image.Pair) {
		name := maphash.Comparable(seed, image.Ref{Registry: p.Source.Registry, Repository: p.Source.Repository})
		if first, ok := names[place]; !ok {
			names[place] = name
		} else if first != name {
			shared[place] = true
		}
	})
	if len(shared) == 0 {
		return nil
	}
	var pairs []image.Pair
	each(func(place uint64, p image.Pair) {
		if shared[place] {
			pairs = append(pairs, p)
		}
	})
	return image.CheckPairs(pairs)
}

// images are the images of a file, without ties to it, packed into a few blocks of bytes:
// they stay in memory until all files are done, and a list may name very many.
type images struct {
	blocks [][]byte // of each ref its fields, each behind its length
	recent map[image.Ref]bool
}

const (
	maxBlock  = 64 << 10 // bytes
	maxRecent = 4 << 10  // images
)

// add adds ref, unless it was added recently. It may be there twice.
func (s *images) add(ref image.Ref) {
	if s.recent[ref] {
		return
	}
	if s.recent == nil || len(s.recent) >= maxRecent {
		s.recent = map[image.Ref]bool{}
	}
	s.recent[ref] = true
	last := len(s.blocks) - 1
	if last < 0 || len(s.blocks[last]) >= maxBlock {
		s.blocks, last = append(s.blocks, nil), last+1
	}
	for _, field := range []string{ref.Registry, ref.Repository, ref.Tag, ref.Digest} {
		s.blocks[last] = append(binary.AppendUvarint(s.blocks[last], uint64(len(field))), field...)
	}
}

// each calls do with every image.
func (s *images) each(do func(image.Ref)) {
	for _, block := range s.blocks {
		for len(block) > 0 {
			var fields [4]string
			for i := range fields {
				length, n := binary.Uvarint(block)
				end := n + int(length)
				fields[i], block = string(block[n:end]), block[end:]
			}
			do(image.Ref{Registry: fields[0], Repository: fields[1], Tag: fields[2], Digest: fields[3]})
		}
	}
}
