package imagelist

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/spelling"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// Select gives the uses of the images that wanted, a reference or a part of one, may mean:
// nginx, library/nginx, nginx:1.29, docker.io/library/nginx, sha256:…, as long as it ends and
// begins where a part of the reference does. A name that is an image's full name as the
// kubelet reads it (index.docker.io/nginx) means that one, too. Where none is meant so, it
// may be words of one: acmesolver of cert-manager-acmesolver.
func (l *List) Select(wanted string) *List {
	names := spellings(wanted)
	selected := l.where(func(image string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return holds(image, name, "/@", "/:@") })
	})
	if selected.Len() > 0 {
		return selected
	}
	return l.where(func(image string) bool { return holds(image, names[0], "/-_", "/:@-_") })
}

// where gives the uses of the images for which is holds.
func (l *List) where(is func(image string) bool) *List {
	selected := New(manifest.Possible)
	for _, block := range l.blocks {
		var kept []use
		for i := range block {
			if is(block[i].image) {
				kept = append(kept, block[i])
			}
		}
		if kept != nil {
			selected.blocks = append(selected.blocks, kept)
		}
	}
	return selected
}

// Len is the number of uses in the list.
func (l *List) Len() int {
	n := 0
	for _, block := range l.blocks {
		n += len(block)
	}
	return n
}

// spellings are wanted as it is written and, if a registry is written, as the kubelet reads it.
func spellings(wanted string) []string {
	wanted = strings.Trim(strings.TrimPrefix(wanted, "docker://"), "/")
	names := []string{wanted}
	ref, err := image.Parse(wanted)
	if host, _, ok := strings.Cut(wanted, "/"); err != nil || !ok || !strings.ContainsAny(host, ".:") {
		return names
	}
	full := ref.String()
	if !strings.Contains(wanted[strings.LastIndexByte(wanted, '/'):], ":") {
		full = ref.Name()
	}
	return append(names, full)
}

// holds says that name stands in ref behind one of the characters before, or at its
// beginning, and in front of one of the characters after, or at its end.
func holds(ref, name, before, after string) bool {
	for from := 0; name != ""; {
		i := strings.Index(ref[from:], name)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(name)
		if (i == 0 || strings.IndexByte(before, ref[i-1]) >= 0) && (end == len(ref) || strings.IndexByte(after, ref[end]) >= 0) {
			return true
		}
		from = i + 1
	}
	return false
}

// Nearest gives up to n images of the list whose names are least unlike wanted, the nearest
// first.
func (l *List) Nearest(wanted string, n int) []string {
	type candidate struct {
		image string
		far   int
	}
	var all []candidate
	for item := range l.Items() {
		all = append(all, candidate{item.Image, distance(wanted, item.Image)})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, c := range all[:min(n, len(all))] {
		names = append(names, c.image)
	}
	return names
}

// distance is how many letters have to change for wanted to be in ref, from the border of a
// part of it.
func distance(wanted, ref string) int {
	best := spelling.Distance(wanted, ref)
	for i := range len(ref) {
		if i > 0 && ref[i-1] != '/' {
			continue
		}
		for end := i + 1; end <= len(ref); end++ {
			if end == len(ref) || strings.IndexByte("/:@", ref[end]) >= 0 {
				best = min(best, spelling.Distance(wanted, ref[i:end]))
			}
		}
	}
	return best
}

// WriteChains writes for every use the chain that brought the image in: the source, the
// object in it, the string in that which holds a document, and so on to the field. rules say
// of the rules that found images beside files why those are wanted. It fails if w does.
func (l *List) WriteChains(w io.Writer, rules map[string]string) error {
	buffered := bufio.NewWriter(w)
	for item := range l.Items() {
		fmt.Fprintln(buffered, item.Image)
		for i := range item.Uses {
			for depth, link := range item.Uses[i].chain(rules) {
				fmt.Fprintf(buffered, "%s%s\n", strings.Repeat("  ", depth+1), link)
			}
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing why images are wanted: %w", err)
	}
	return nil
}

// chain are the links from the source to the use.
func (u *Use) chain(rules map[string]string) []string {
	if why, ok := rules[u.Rule]; ok && u.Object == "" && u.Form == manifest.FormList {
		if u.Path == "" {
			return []string{u.place(), why}
		}
		return []string{u.File, why} // a line of no file
	}
	links := []string{u.place()}
	if u.Object != "" {
		links = append(links, u.Object)
	}
	if u.Document > 1 {
		links[len(links)-1] += fmt.Sprintf(" (document %d)", u.Document)
	}
	if u.Object != "" || u.Path != "" {
		links = append(links, strings.Split(u.Path, "|")...)
	}
	return append(links, fmt.Sprintf("%s: %s, %s by rule %s", u.Written, u.Form, u.Confidence, u.Rule))
}
