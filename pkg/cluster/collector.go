package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A collector lists the images of objects.
type collector struct {
	name          string // of the cluster or the dump
	placed        bool   // the objects have a place in a file
	opts          Options
	kind, version string // of objects that do not say so themselves
	list          *imagelist.List
}

func newCollector(name string, opts Options) *collector {
	return &collector{name: name, opts: opts, list: imagelist.New(opts.Least)}
}

// A head is what decides whether and how an object counts.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Type       string `json:"type"` // of a Secret
	Metadata   struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		Labels          map[string]string `json:"labels"`
		OwnerReferences []struct{}        `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Replicas json.RawMessage `json:"replicas"` // a number, but not in every kind
	} `json:"spec"`
}

// group is the group of the kind.
func (h *head) group() string {
	if group, _, ok := strings.Cut(h.APIVersion, "/"); ok {
		return group
	}
	return ""
}

// add lists the images of one object.
func (c *collector) add(p piece) error {
	var h head
	if json.Unmarshal(p.raw, &h) != nil {
		// A field is of another type than in the kinds that are decided about.
		h = head{APIVersion: h.APIVersion, Kind: h.Kind}
	}
	shift := 0
	if h.Kind == "" {
		shift = c.nameKind(&p, &h)
	}
	if skips(h.group(), h.Kind) || !c.opts.keeps(&h) {
		return nil
	}
	if err := c.opts.blank(&h, p.raw); err != nil {
		return fmt.Errorf("%s: %s: %w", c.name, h.object(), err)
	}
	f, err := manifest.Parse(c.name, p.raw)
	if err != nil {
		return fmt.Errorf("%s: %w", h.object(), err)
	}
	uses := f.Uses()
	if h.is("", "Node") {
		uses = present(uses)
	}
	c.list.Add(c.moved(uses, p, shift))
	return nil
}

// nameKind gives an object the kind that its list has: the API server leaves it out. It
// says how many bytes that adds.
func (c *collector) nameKind(p *piece, h *head) int {
	h.Kind, h.APIVersion = c.kind, c.version
	if h.Kind == "" {
		h.Kind, h.APIVersion = strings.TrimSuffix(p.list.Kind, "List"), p.list.APIVersion
	}
	if h.Kind == "" || len(p.raw) < 2 || p.raw[0] != '{' {
		return 0
	}
	fields := fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,`, h.APIVersion, h.Kind)
	if bytes.HasPrefix(bytes.TrimLeft(p.raw[1:], " \t\r\n"), []byte("}")) {
		fields = bytes.TrimSuffix(fields, []byte(","))
	}
	p.raw = append(fields, p.raw[1:]...)
	return len(fields) - 1
}

// moved gives uses the places that they have in the dump; in a live cluster there are none.
func (c *collector) moved(uses iter.Seq[manifest.Use], p piece, shift int) iter.Seq[manifest.Use] {
	return func(yield func(manifest.Use) bool) {
		for u := range uses {
			switch {
			case !c.placed:
				u.Line, u.Column = 0, 0
			case p.yaml:
				u.Line, u.Column, u.Document = p.line, p.column, p.document
			default:
				if u.Line == 1 {
					u.Column += p.column - 1 - shift
				}
				u.Line, u.Document = u.Line+p.line-1, p.document
			}
			if !yield(u) {
				return
			}
		}
	}
}

// keeps says that an object counts.
func (o Options) keeps(h *head) bool {
	if o.Namespace != "" && h.Metadata.Namespace != o.Namespace && !h.is("", "Node") {
		return false
	}
	return o.History || !h.isHistory()
}

// is says that the object is of this kind.
func (h *head) is(group, kind string) bool { return h.Kind == kind && h.group() == group }

// isHistory says that the object is kept for going back only.
func (h *head) isHistory() bool {
	switch {
	case h.is("apps", "ControllerRevision"):
		return true
	case h.is("apps", "ReplicaSet"):
		return string(h.Spec.Replicas) == "0" && len(h.Metadata.OwnerReferences) > 0
	case h.Type == "helm.sh/release.v1" || h.is("", "ConfigMap") && h.Metadata.Labels["owner"] == "helm":
		status := h.Metadata.Labels["status"] // helm.sh/helm pkg/storage/driver
		return status == "superseded" || status == "uninstalled"
	}
	return false
}

// object names the object.
func (h *head) object() string {
	name := h.Metadata.Name
	if h.Metadata.Namespace != "" {
		name = h.Metadata.Namespace + "/" + name
	}
	return h.APIVersion + "/" + h.Kind + " " + name
}

// blank overwrites in an object what says a second time, and perhaps no longer rightly, what
// it is: what appliers note of it, and what a Pod and a Node report. The places of all else
// stay.
func (o Options) blank(h *head, raw []byte) error {
	s := &scanner{r: bytes.NewReader(raw), line: 1, column: 1, kept: make([]byte, 0, len(raw))}
	overwrite := func() error { return s.overwrite(raw) }
	members := func(isBlank func(key string) bool) error {
		return s.object(func(key string) error {
			if isBlank(key) {
				return overwrite()
			}
			return s.value()
		})
	}
	return s.object(func(key string) error {
		c, err := s.peek()
		switch {
		case err != nil || c != '{':
			return s.value()
		case key == "metadata":
			return s.object(func(key string) error {
				c, err := s.peek()
				switch {
				case key == "managedFields":
					return overwrite()
				case err == nil && key == "annotations" && c == '{':
					return members(isCopy)
				}
				return s.value()
			})
		case key == "status" && h.is("", "Pod"):
			return overwrite()
		case key == "status" && h.is("", "Node") && !o.NodeImages:
			return members(func(key string) bool { return key == "images" })
		}
		return s.value()
	})
}

// isCopy says that an annotation holds the object as somebody applied it.
func isCopy(annotation string) bool {
	switch annotation {
	case "kubectl.kubernetes.io/last-applied-configuration",
		"kapp.k14s.io/original", "kapp.k14s.io/original-diff",
		"objectset.rio.cattle.io/applied", // Rancher, K3s
		"banzaicloud.com/last-applied",
		"kopf.zalando.org/last-handled-configuration":
		return true
	}
	return false
}

// overwrite passes one value of raw and overwrites it, but for the ends of its lines.
func (s *scanner) overwrite(raw []byte) error {
	if _, err := s.peek(); err != nil {
		return s.broken(err)
	}
	from := s.offset
	if err := s.value(); err != nil {
		return err
	}
	for i := from; i < s.offset; i++ {
		if raw[i] != '\n' {
			raw[i] = ' '
		}
	}
	raw[from] = '0' // as something has to stand there
	return nil
}

// present are the uses of a Node: the images that it reports to have, each by its tag if it
// has one, as the kubelet names all of them a second time by their digest.
func present(uses iter.Seq[manifest.Use]) iter.Seq[manifest.Use] {
	const names = "status.images["
	tagged := map[string]bool{} // by where the names of an image stand
	for u := range uses {
		if strings.HasPrefix(u.At, names) && !strings.Contains(u.Written, "@") {
			tagged[u.At+" "+u.Ref.Name()] = true
		}
	}
	return func(yield func(manifest.Use) bool) {
		for u := range uses {
			if strings.HasPrefix(u.At, names) {
				if strings.Contains(u.Written, "@") && tagged[u.At+" "+u.Ref.Name()] {
					continue
				}
				u.Rule, u.Confidence = RulePresent, manifest.Certain
			}
			if !yield(u) {
				return
			}
		}
	}
}
