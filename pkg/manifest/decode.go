package manifest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// maxUnpacked bounds what gzip inside a manifest may unpack to, in bytes. Files of
// kubeadm objects are at most 10,240 characters; 16 MiB is far beyond any.
const maxUnpacked = 16 << 20

// maxNested bounds how deep strings in strings are followed.
const maxNested = 8

// embedded looks into a string that may hold a document of its own, and says whether
// it found references there.
func (w *walker) embedded(n *yamltree.Node) bool {
	s := n.Value
	if len(s) < 8 || w.t.Depth() >= maxNested || !mayEmbed(s) {
		return false
	}
	v, ok := yamltree.Open(w.t, n)
	if !ok {
		return false
	}
	before := w.found
	if inner := unbase64(v); inner != nil {
		if twice := unbase64(yamltree.Whole(inner)); twice != nil { // Helm's releases
			inner = twice
		}
		w.within(inner)
		return w.found > before
	}
	if !mayHold(s) && (!w.onNodes() || !strings.Contains(s, "://")) {
		return false
	}
	w.within(asText(v))
	return w.found > before
}

// mayEmbed says that s is more than one word: lines, JSON, or long enough for base64.
func mayEmbed(s string) bool {
	return strings.IndexByte(s, '\n') >= 0 || s[0] == '{' || s[0] == '[' || len(s) >= 24 && isBase64(s[:20]) ||
		strings.HasPrefix(s, "data:")
}

// within walks the text t as a file of its own.
func (w *walker) within(t *yamltree.Text) {
	in := &walker{
		p: w.p, t: t, form: FormEmbedded, document: w.document, object: w.object, group: w.group, kind: w.kind,
		before: w.before + render(w.path) + "|", taken: map[*yamltree.Node]bool{}, aliases: map[*yamltree.Node]bool{},
		unsure: w.unsure, policy: w.policy,
	}
	in.content()
	w.found += in.found
}

// content walks whatever t holds: documents of YAML or JSON, or text.
func (w *walker) content() {
	s := w.t.S
	w.fetchLines(yamltree.Whole(w.t))
	if isScript(s) {
		w.shell(yamltree.Whole(w.t))
		return
	}
	for _, c := range yamltree.Chunks(s) {
		roots, err := yamltree.Parse(w.t, c)
		if err != nil {
			w.script(c.View(w.t))
			continue
		}
		for _, root := range roots {
			if root.Kind == yamltree.Scalar {
				w.script(c.View(w.t))
				break
			}
			w.root(root)
		}
	}
}

// isScript says that s says so itself.
func isScript(s string) bool { return strings.HasPrefix(s, "#!") }

// asText makes a view a text of its own.
func asText(v yamltree.View) *yamltree.Text {
	if v.Base == 0 && len(v.S) == len(v.Text.S) {
		return v.Text
	}
	return v.Text.Slice(v.Base, v.Base+len(v.S))
}

// unbase64 is the text behind base64 or gzip and base64, nil if v holds none that is text.
func unbase64(v yamltree.View) *yamltree.Text {
	from := 0
	if strings.HasPrefix(v.S, "data:") { // RFC 2397, as in Ignition
		i := strings.Index(v.S, ";base64,")
		if i < 0 {
			return nil
		}
		from = i + len(";base64,")
	}
	trimmed := trimView(v.Sub(from, len(v.S)))
	s := trimmed.S
	if len(s) < 16 || !isBase64(s[:min(len(s), 64)]) {
		return nil
	}
	plain, packed, ok := decodeBase64(s)
	if !ok || !utf8.ValidString(plain) || strings.IndexByte(plain, 0) >= 0 || !mayHold(plain) {
		return nil
	}
	_, width := unwrap(s)
	return &yamltree.Text{
		S: plain, Outer: trimmed.Text, From: trimmed.Base, To: trimmed.Base + len(s), Packed: packed,
		Encode: encoder(width, packed),
		Decode: func(s string) string { plain, _, _ := decodeBase64(s); return plain },
	}
}

// decodeBase64 decodes base64, which may be wrapped and may hold gzip.
func decodeBase64(s string) (plain string, packed, ok bool) {
	flat, _ := unwrap(s)
	raw, err := base64.StdEncoding.DecodeString(flat)
	if err != nil {
		return "", false, false
	}
	b, packed := gunzip(raw)
	return string(b), packed, true
}

// isBase64 says that s has the characters of base64 only.
func isBase64(s string) bool {
	for i := 0; i < len(s); i++ {
		if !yamltree.IsWordByte(s[i]) && s[i] != '+' && s[i] != '/' && s[i] != '=' && s[i] != '\n' || s[i] == '_' {
			return false
		}
	}
	return true
}

// unwrap takes the line breaks out of s and gives the width of its lines, 0 for one line.
func unwrap(s string) (flat string, width int) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, 0
	}
	return strings.ReplaceAll(s, "\n", ""), i
}

// gunzip unpacks raw if it is gzip.
func gunzip(raw []byte) (plain []byte, packed bool) {
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return raw, false
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return raw, false
	}
	plain, err = io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil || len(plain) > maxUnpacked {
		return raw, false
	}
	return plain, true
}

// encoder is the way back from plain text to base64 as it was spelled. Gzip has many
// spellings of one content: there the content is what has to survive.
func encoder(width int, packed bool) func(string) (string, bool) {
	return func(s string) (string, bool) {
		raw := []byte(s)
		if packed {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := z.Write(raw); err != nil || z.Close() != nil {
				return "", false
			}
			raw = b.Bytes()
		}
		return wrap(base64.StdEncoding.EncodeToString(raw), width), true
	}
}

func wrap(s string, width int) string {
	if width == 0 {
		return s
	}
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width])
		b.WriteByte('\n')
	}
	b.WriteString(s)
	return b.String()
}
