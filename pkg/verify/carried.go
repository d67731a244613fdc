package verify

import (
	"cmp"
	"errors"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A Carried is what an archive brings, by the names that it gets on the site.
type Carried struct {
	wanted []Wanted
	images map[image.Ref]*bundle.LockImage // by target: whole, without digest, without tag
	// answers are the targets of images that were carried for references with variables, by
	// the names of these.
	answers map[string][]image.Ref
	targets map[image.Ref]image.Ref // the first of each source
}

// NewCarried reads a lock, whose images go where m sends them (o as for Lock.Pairs).
func NewCarried(lock *bundle.Lock, m image.Mapping, o bundle.PairsOptions) (*Carried, error) {
	pairs, err := lock.Pairs(m, o)
	if err != nil {
		return nil, err
	}
	of := map[image.Ref]*bundle.LockImage{}
	var errs []error
	for i := range lock.Images {
		ref, err := image.Parse(lock.Images[i].Image)
		errs = append(errs, err)
		of[ref] = &lock.Images[i]
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := &Carried{images: map[image.Ref]*bundle.LockImage{}, answers: map[string][]image.Ref{}, targets: map[image.Ref]image.Ref{}}
	for _, p := range pairs {
		locked := of[p.Source]
		w := Wanted{Pair: p, Uses: locked.Uses, carried: true}
		if len(locked.Groups) > 0 {
			w.Group = locked.Groups[0]
		}
		c.wanted = append(c.wanted, w)
		c.add(p.Target, locked)
		if _, there := c.targets[p.Source]; !there {
			c.targets[p.Source] = p.Target
		}
		for _, written := range locked.StandsFor {
			_, names := manifest.Literals(written)
			key := strings.Join(names, "\n")
			c.answers[key] = append(c.answers[key], p.Target)
		}
	}
	return c, nil
}

// add makes an image known by what registries know it by.
func (c *Carried) add(target image.Ref, locked *bundle.LockImage) {
	c.images[target] = locked
	if target.Tag != "" {
		byTag := target
		byTag.Digest = ""
		if _, taken := c.images[byTag]; !taken || target.Digest == "" {
			c.images[byTag] = locked
		}
	}
	byDigest := target
	byDigest.Tag, byDigest.Digest = "", string(locked.Digest)
	c.images[byDigest] = locked
}

// Image gives the image of the lock that becomes target, and whether there is one: by
// its tag, or if it has none by its digest.
func (c *Carried) Image(target image.Ref) (*bundle.LockImage, bool) {
	if c == nil {
		return nil, false
	}
	if found, ok := c.images[target]; ok {
		return found, true
	}
	if target.Tag != "" {
		target.Digest = ""
		if found, ok := c.images[target]; ok {
			return found, true
		}
	}
	return nil, false
}

// Target says where an image of the lock goes, by its name there, and whether there is one.
func (c *Carried) Target(source image.Ref) (image.Ref, bool) {
	if c == nil {
		return image.Ref{}, false
	}
	to, ok := c.targets[source]
	return to, ok
}

// Wanted gives every image of the lock as if it were asked for by its own name.
func (c *Carried) Wanted() []Wanted { return c.wanted }

// complete adds to an image what the lock says of it.
func (c *Carried) complete(i *Image, target image.Ref) {
	locked, ok := c.Image(target)
	if !ok {
		return
	}
	i.Source = cmp.Or(locked.From, locked.Image)
	if i.Group == "" && len(locked.Groups) > 0 {
		i.Group = locked.Groups[0]
	}
}
