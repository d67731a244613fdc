package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// RegistryOptions say what is asked of a registry.
type RegistryOptions struct {
	Platforms []string             // os/architecture[/variant] that nodes have; empty means that any will do
	Carried   *Carried             // what was carried, whose digests must be there; nil means that it is not known
	Parallel  int                  // requests at a time; 0 means 8
	Report    func(registry.Event) // told of each image that was looked at, from several goroutines; may be nil
}

// A Holding is what registries hold of what is wanted.
type Holding struct {
	Findings []Finding // in the order of the images
	Images   []Image   // every name that is wanted, sorted
	Bytes    int64     // of all images that are there, what several share counted once

	looks []*look
	opts  RegistryOptions
}

// Registry looks whether everything that is wanted can be pulled: each target once, by
// its tag and by its digest, every manifest of it, every wanted platform, and every blob
// once for each repository. It reads manifests, and configurations where they alone say
// for which platform an image is.
//
// What stands against reaching a registry is one finding, however many images it keeps
// from being looked at. The error is that of the options or of the context.
func Registry(ctx context.Context, site Site, wanted []Wanted, from registry.Source, opts RegistryOptions) (*Holding, error) {
	v := &visit{site: &site, from: &reached{from}, opts: opts}
	for i, p := range opts.Platforms {
		normal, err := registry.NormalizePlatform(p)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			v.opts.Platforms = nil
		}
		v.opts.Platforms = append(v.opts.Platforms, normal)
	}
	looks := byTarget(Merge(wanted))
	for _, group := range byRegistry(looks) {
		v.registry(ctx, group)
	}
	v.blobs(ctx, looks)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	v.together(looks)
	h := &Holding{Findings: v.without(looks), looks: looks, opts: v.opts}
	for _, l := range looks {
		l.locate()
		h.Findings = append(h.Findings, l.findings...)
		h.Images = append(h.Images, l.images(opts.Carried)...)
	}
	h.Findings = append(h.Findings, v.refusals(looks)...)
	h.Images = mergeImages(h.Images)
	h.Bytes = h.bytes()
	return h, nil
}

// A look is one target with all that ask for it, and what became of looking at it.
type look struct {
	target   image.Ref
	wanted   []Wanted
	findings []Finding
	image    *registry.Image // nil if it could not be read whole
	skipped  bool            // its registry could not be reached before
	refused  error           // it could not be looked at
	absent   bool            // the name is not there
	also     []string        // other names of which its finding tells
	lacks    bool            // blobs of it are missing
}

// byTarget gives a look for each target, sorted.
func byTarget(wanted []Wanted) []*look {
	at := map[image.Ref]*look{}
	var all []*look
	for _, w := range wanted {
		if at[w.Target] == nil {
			at[w.Target] = &look{target: w.Target}
			all = append(all, at[w.Target])
		}
		at[w.Target].wanted = append(at[w.Target].wanted, w)
	}
	slices.SortFunc(all, func(a, b *look) int { return image.Compare(a.target, b.target) })
	return all
}

// byRegistry gives the looks of each registry, in order.
func byRegistry(looks []*look) [][]*look {
	var groups [][]*look
	for _, l := range looks {
		last := len(groups) - 1
		if last < 0 || groups[last][0].target.Registry != l.target.Registry {
			groups, last = append(groups, nil), last+1
		}
		groups[last] = append(groups[last], l)
	}
	return groups
}

// name is that which people know the image by: the first that is asked for.
func (l *look) name() image.Ref { return l.wanted[0].Source }

// by is what asks for the image though no manifest does; empty if one does.
func (l *look) by() string {
	var all []string
	for _, w := range l.wanted {
		if w.By == "" {
			return ""
		}
		if !slices.Contains(all, w.By) {
			all = append(all, w.By)
		}
	}
	return strings.Join(all, ", ")
}

// complete says that nothing is missing.
func (l *look) complete() bool { return l.image != nil && !l.lacks && l.refused == nil }

// images are what a report says, for each name that is asked for.
func (l *look) images(carried *Carried) []Image {
	var all []Image
	for _, w := range l.wanted {
		i := w.image()
		carried.complete(&i, l.target)
		if l.image != nil {
			i.Digest, i.Size = string(l.image.Root.Digest), l.image.Size()
			for _, p := range l.image.Platforms {
				i.Platforms = append(i.Platforms, Platform{p.Platform, string(p.Digest), p.Size})
			}
		}
		all = append(all, i)
	}
	return all
}

// A visit is one call of Registry.
type visit struct {
	site *Site
	from *reached
	opts RegistryOptions
}

func (v *visit) parallel() int {
	if v.opts.Parallel <= 0 {
		return 8
	}
	return v.opts.Parallel
}

// registry looks at all images of one registry: the first and the last one before the
// others, so that a registry that is down or refuses the credentials is not asked for
// each of them.
func (v *visit) registry(ctx context.Context, looks []*look) {
	first, last := looks[0], looks[len(looks)-1]
	v.look(ctx, first)
	rest := looks[1:]
	if len(rest) > 0 && first.refused != nil {
		v.look(ctx, last)
		rest = rest[:len(rest)-1]
		if last.refused != nil {
			for _, l := range looks[1:] {
				l.skipped, l.refused = true, first.refused
			}
			return
		}
	}
	each(len(rest), v.parallel(), func(i int) { v.look(ctx, rest[i]) })
}

// each calls do for 0…n-1, at most parallel at a time.
func each(n, parallel int, do func(int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, parallel) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// refusals are one finding for each reason why images could not be looked at.
func (v *visit) refusals(looks []*look) []Finding {
	type reason struct{ registry, text string }
	var order []reason
	affected := map[reason][]*look{}
	for _, l := range looks {
		if l.refused == nil {
			continue
		}
		text := strings.NewReplacer(l.target.String(), "", l.target.Name(), "", l.target.Repository, "").Replace(l.refused.Error())
		if l.skipped { // for the same reason as the one before it
			text = order[len(order)-1].text
		}
		why := reason{l.target.Registry, text}
		if affected[why] == nil {
			order = append(order, why)
		}
		affected[why] = append(affected[why], l)
	}
	var all []Finding
	for _, why := range order {
		of := affected[why]
		problem := of[0].refused.Error()
		if n := len(of) - 1; n > 0 {
			problem += fmt.Sprintf("; nor could %s be looked at", count(n, "other image"))
		}
		all = append(all, v.site.finding(CheckRegistryAccess, why.registry, of[0].name(), problem))
	}
	return all
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytes are those of all manifests and blobs that are there, each once.
func (h *Holding) bytes() int64 {
	seen := map[digest.Digest]bool{}
	var sum int64
	add := func(d registry.Descriptor) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			sum += d.Size
		}
	}
	for _, l := range h.looks {
		if l.image == nil {
			continue
		}
		for _, m := range l.image.Manifests {
			add(m.Descriptor)
		}
		for _, b := range l.image.Blobs {
			add(b)
		}
	}
	return sum
}
