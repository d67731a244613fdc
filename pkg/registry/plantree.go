package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// attestationSubject is the annotation by which BuildKit says of which manifest
// of the same index an attestation is (BuildKit, attestation-storage.md).
const attestationSubject = "vnd.docker.reference.digest"

// A node is a manifest of an image with those below it.
type node struct {
	entry    Descriptor // as its parent names it
	said     bool       // the parent says its platform
	platform string     // in normal form, empty for what is for none
	raw      []byte     // nil until it is read
	doc      *document
	config   []byte  // of an image whose parent says no platform
	children []*node // of an index: its manifests, in its order
	leftOut  bool    // not for a wanted platform
	changed  bool    // rewritten, because something below was left out
}

// A reading is one image while it is read.
type reading struct {
	*planner
	ref   image.Ref
	count atomic.Int64
	bytes atomic.Int64
}

// root reads the tree below the manifest desc. If the plan is for some platforms
// only, manifests that say for which they are stay unread.
func (r *reading) root(ctx context.Context, desc Descriptor, some bool) (*node, error) {
	n := &node{entry: desc}
	return n, r.tree(ctx, n, some, 0)
}

func (r *reading) tree(ctx context.Context, n *node, some bool, depth int) error {
	if some && n.said && formOf(n.entry.MediaType) == manifestForm {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("manifest %s: it lies in more than %d indexes", n.entry.Digest, maxDepth)
	}
	if err := r.read(ctx, n); err != nil {
		return fmt.Errorf("manifest %s: %w", n.entry.Digest, err)
	}
	return together(len(n.children), func(i int) error { return r.tree(ctx, n.children[i], some, depth+1) })
}

// rest reads what root left unread and what was not left out since.
func (r *reading) rest(ctx context.Context, n *node) error {
	if n.leftOut {
		return nil
	}
	if n.raw == nil {
		return r.tree(ctx, n, false, 0)
	}
	return together(len(n.children), func(i int) error { return r.rest(ctx, n.children[i]) })
}

// together does n things at once. How many of them ask the source at a time is
// bounded where it is asked.
func together(n int, do func(i int) error) error {
	if n == 1 {
		return do(0)
	}
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// read fills in what the manifest itself says.
func (r *reading) read(ctx context.Context, n *node) error {
	if r.count.Add(1) > maxManifests || r.bytes.Add(n.entry.Size) > maxManifestBytes {
		return fmt.Errorf("the image has more than %d manifests or more than %d bytes of them", maxManifests, maxManifestBytes)
	}
	if formOf(n.entry.MediaType) == schema1Form {
		return errSchema1
	}
	var err error
	if n.raw, err = r.content(ctx, r.ref, n.entry); err != nil {
		return err
	}
	if n.doc, err = parseDocument(n.entry.MediaType, n.raw); err != nil {
		return err
	}
	n.entry.MediaType = n.doc.MediaType
	if n.doc.form == indexForm {
		n.adopt()
		return nil
	}
	return r.readConfig(ctx, n)
}

// adopt makes nodes of what an index names.
func (n *node) adopt() {
	children, _, _ := n.doc.parts()
	for _, c := range children {
		child := &node{entry: c, platform: n.platform, said: n.said}
		if c.Platform != nil {
			child.said, child.platform = true, platformName(*c.Platform)
		}
		n.children = append(n.children, child)
	}
}

// readConfig asks the config for the platform if the parent is silent.
func (r *reading) readConfig(ctx context.Context, n *node) error {
	c := n.doc.Config
	if n.said || c == nil || !isImageConfig(c.MediaType) {
		return nil
	}
	raw, err := r.content(ctx, r.ref, *c)
	if err != nil {
		return fmt.Errorf("its config %s: %w", c.Digest, err)
	}
	var p ocispec.Platform
	if json.Unmarshal(raw, &p) == nil { // what is no config of an image is for no platform
		n.platform = platformName(p)
	}
	n.config = raw
	return nil
}

// leaves calls do for every manifest below n that is no index and is not left
// out, in order.
func (n *node) leaves(do func(*node)) {
	if n.leftOut {
		return
	}
	if len(n.children) == 0 && formOf(n.entry.MediaType) != indexForm {
		do(n)
	}
	for _, c := range n.children {
		c.leaves(do)
	}
}

// attests is the digest of the manifest that n attests something of, or empty.
func (n *node) attests() string {
	if n.platform != "" {
		return ""
	}
	return n.entry.Annotations[attestationSubject]
}
