package nodes

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A placedSecret is a Secret of a namespace.
type placedSecret struct {
	secret
	namespace string
}

// manifest is the Secret as a document, without its ---.
func (s placedSecret) manifest() string {
	var b strings.Builder
	b.WriteString("# " + mark + "\napiVersion: v1\nkind: Secret\nmetadata:\n  name: " + s.name + "\n")
	if s.namespace != "" {
		b.WriteString("  namespace: " + s.namespace + "\n")
	}
	b.WriteString("type: Opaque\nstringData:\n  " + s.key + ": |\n")
	for line := range strings.Lines(s.text) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// putSecrets puts the Secrets that objects refer to behind the documents of the file, or
// in the places where an earlier run put them.
func (p *patcher) putSecrets() {
	done := map[placedSecret]bool{}
	for _, s := range p.secrets {
		if !done[s] {
			p.putSecret(s)
		}
		done[s] = true
	}
}

func (p *patcher) putSecret(s placedSecret) {
	text := s.manifest()
	for i := range p.documents {
		d := &p.documents[i]
		if old := strings.TrimSpace(d.out); strings.HasPrefix(old, "# "+mark) && s.named(d.out) {
			d.out = strings.Replace(d.out, old, strings.TrimSpace(text), 1)
			return
		}
	}
	end := len(p.src)
	if !strings.HasSuffix(p.src, "\n") && p.src != "" {
		text = "\n---\n" + text
	} else {
		text = "---\n" + text
	}
	p.documents = append(p.documents, document{end, end, text})
}

// named says whether doc is this Secret.
func (s placedSecret) named(doc string) bool {
	objects, _, err := parseObjects(doc)
	if err != nil || len(objects) != 1 || objects[0].Str("kind") != "Secret" {
		return false
	}
	meta := objects[0].Get("metadata")
	return meta.Str("name") == s.name && meta.Str("namespace") == s.namespace
}

// check reads the whole output once more, and looks for what others would read in it.
func (p *patcher) check() error {
	if !utf8.Valid(p.Output) {
		return fmt.Errorf("%s: what was written is no UTF-8", p.Name)
	}
	before, after := yamltree.Chunks(p.src), yamltree.Chunks(string(p.Output))
	if len(after) < len(before) {
		return fmt.Errorf("%s: what was written has fewer documents than there were", p.Name)
	}
	return nil
}

// plain says whether text passes unchanged through what reads manifests and user data
// before containerd does: clusterctl (${, $$), cloud-init and Helm ({{, {%, {#).
func plain(text string) error {
	for _, hold := range []string{"${", "$$", "{{", "{%", "{#"} {
		if strings.Contains(text, hold) {
			return errors.New("what is to be inserted holds " + hold + ", which clusterctl or cloud-init would take for theirs")
		}
	}
	return nil
}
