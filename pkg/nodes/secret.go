package nodes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	b.WriteString("  labels:\n    clusterctl.cluster.x-k8s.io/move: \"\" # clusterctl move takes it along\n")
	b.WriteString("type: Opaque\nstringData:\n  " + s.key + ": |\n")
	for line := range strings.Lines(s.text) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// putSecrets puts the Secrets that objects refer to behind the documents of the file, or
// in the places where an earlier run put them. Those that no object needs any more go.
func (p *patcher) putSecrets() {
	done := map[placedSecret]bool{}
	for _, s := range p.secrets {
		if !done[s] {
			p.putSecret(s)
		}
		done[s] = true
	}
	if p.Objects == 0 || len(p.Findings) > 0 {
		return // an object that stays as it was may need them
	}
	for i := range p.documents {
		d := &p.documents[i]
		if !isOurSecret(d.out) || !strings.HasSuffix(p.src[:d.from], "---") {
			continue
		}
		if !slices.ContainsFunc(p.secrets, func(s placedSecret) bool { return s.named(d.out) }) {
			d.from, d.out = d.from-len("---"), ""
		}
	}
}

// isOurSecret says that doc is a Secret that an earlier run wrote.
func isOurSecret(doc string) bool {
	if !strings.HasPrefix(strings.TrimSpace(doc), "# "+mark) {
		return false
	}
	objects, _, err := parseObjects(doc)
	return err == nil && len(objects) == 1 && objects[0].Str("kind") == "Secret" && objects[0].Get("metadata").Str("name") == caSecret
}

func (p *patcher) putSecret(s placedSecret) {
	text := s.manifest()
	for i := range p.documents {
		d := &p.documents[i]
		if old := strings.TrimSpace(d.out); isOurSecret(old) && s.named(old) {
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

// named says whether doc is of this namespace and has this name.
func (s placedSecret) named(doc string) bool {
	objects, _, err := parseObjects(doc)
	if err != nil || len(objects) != 1 {
		return false
	}
	meta := objects[0].Get("metadata")
	return meta.Str("name") == s.name && meta.Str("namespace") == s.namespace
}

// check reads the Secrets once more: they are what was meant.
func (p *patcher) check() error {
	for _, s := range p.secrets {
		objects, _, err := parseObjects(s.manifest())
		if err == nil && objects[0].Get("stringData").Str(s.key) != s.text {
			err = errors.New("what was written does not read as what was meant")
		}
		if err != nil {
			return fmt.Errorf("%s: the Secret %s: %w", p.Name, s.name, err)
		}
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
