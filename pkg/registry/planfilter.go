package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// choose leaves out what is for none of the wanted platforms, and gives those
// that the image does not have. What is for no platform at all stays, as do
// attestations of what stays.
func (n *node) choose(wanted []string) (missing []string, err error) {
	var offered []string
	n.leaves(func(l *node) {
		if l.platform != "" && !slices.Contains(offered, l.platform) {
			offered = append(offered, l.platform)
		}
	})
	if len(wanted) == 0 || len(offered) == 0 {
		return nil, nil
	}
	kept := map[string]bool{}
	for _, w := range wanted {
		if best, ok := bestPlatform(w, offered); ok {
			kept[best] = true
		} else if !slices.Contains(missing, w) {
			missing = append(missing, w)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("it is not there for %s, only for %s", strings.Join(missing, ", "), strings.Join(offered, ", "))
	}
	n.leaveOut(kept)
	return missing, nil
}

func (n *node) leaveOut(kept map[string]bool) {
	stays := map[string]bool{}
	n.leaves(func(l *node) {
		if l.platform != "" {
			l.leftOut = !kept[l.platform]
		}
	})
	n.leaves(func(l *node) { stays[string(l.entry.Digest)] = true })
	n.leaves(func(l *node) {
		if about := l.attests(); about != "" {
			l.leftOut = !stays[about]
		}
	})
	n.leaveOutEmpty()
}

// leaveOutEmpty leaves out indexes of which nothing is left.
func (n *node) leaveOutEmpty() {
	for _, c := range n.children {
		c.leaveOutEmpty()
	}
	stays := func(c *node) bool { return !c.leftOut }
	if len(n.children) > 0 && !slices.ContainsFunc(n.children, stays) {
		n.leftOut = true
	}
}

// prune rewrites the indexes of which something was left out, from the leaves
// up. What stays of them is as it was: order, annotations, unknown fields.
func (n *node) prune() error {
	stays := slices.Clone(n.children)
	stays = slices.DeleteFunc(stays, func(c *node) bool { return c.leftOut })
	changed := len(stays) < len(n.children)
	for _, c := range stays {
		if err := c.prune(); err != nil {
			return err
		}
		changed = changed || c.changed
	}
	if !changed {
		return nil
	}
	raw, err := n.rewritten()
	if err != nil {
		return fmt.Errorf("leaving platforms out of index %s: %w", n.entry.Digest, err)
	}
	n.raw, n.children, n.changed = raw, stays, true
	n.entry.Digest, n.entry.Size = digest.FromBytes(raw), int64(len(raw))
	n.doc, err = parseDocument(n.entry.MediaType, raw)
	return err
}

// rewritten is the index as JSON with sorted keys.
func (n *node) rewritten() ([]byte, error) {
	var fields map[string]json.RawMessage
	var entries []json.RawMessage
	if err := json.Unmarshal(n.raw, &fields); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(fields["manifests"], &entries); err != nil {
		return nil, err
	}
	if len(entries) != len(n.doc.Manifests) {
		return nil, errors.New("it spells the name of a field in an unusual way")
	}
	kept, err := n.keptEntries(entries)
	if err != nil {
		return nil, err
	}
	if fields["manifests"], err = encode(kept); err != nil {
		return nil, err
	}
	return encode(fields)
}

func (n *node) keptEntries(entries []json.RawMessage) ([]json.RawMessage, error) {
	kept := []json.RawMessage{}
	children := n.children
	for i, d := range n.doc.Manifests {
		if formOf(d.MediaType) == blobForm {
			kept = append(kept, entries[i])
			continue
		}
		c := children[0]
		children = children[1:]
		if c.leftOut {
			continue
		}
		entry, err := c.entryFrom(entries[i])
		if err != nil {
			return nil, err
		}
		kept = append(kept, entry)
	}
	return kept, nil
}

// entryFrom is what the parent of n says of it, brought up to date.
func (n *node) entryFrom(old json.RawMessage) (json.RawMessage, error) {
	if !n.changed {
		return old, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(old, &fields); err != nil {
		return nil, err
	}
	delete(fields, "data") // the whole content, which is another one now
	var errs [2]error
	fields["digest"], errs[0] = encode(n.entry.Digest)
	fields["size"], errs[1] = encode(n.entry.Size)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return encode(fields)
}

// encode is v in JSON, always the same bytes, with nothing escaped without need.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
