package verify

import "fmt"

// A verdict is what a report comes to, for somebody who reads nothing else.
type verdict struct {
	Class string // ok, warning, error: how it looks
	Mark  string // the same, where colours are not seen
	Text  string // one sentence
	More  string // what is to be known with it; may be empty
}

// newVerdict says no more than was looked at: a site is complete only if the
// digest of every image was seen in the registry.
func newVerdict(r *Report) verdict {
	errors, warnings := r.Count()
	switch {
	case errors > 0:
		return verdict{"error", "✕", fmt.Sprintf("%s this site from coming up.", things(errors, "keeps", "keep")), also(warnings)}
	case warnings > 0:
		return verdict{"warning", "!", fmt.Sprintf("Nothing is known to keep this site from coming up, but %s.", things(warnings, "may", "may")), unseen(r)}
	case len(r.Images)+len(r.Files) == 0:
		return verdict{"warning", "!", "Nothing was found to be wrong, but there was nothing to look for.", "This report names no image and no file, so it says nothing of a site."}
	}
	if n := withoutDigest(r.Images); n > 0 {
		return verdict{"warning", "!", fmt.Sprintf("Nothing was found to be wrong, but %s of %s not looked for in the registry.", shownNumber(n), was(len(r.Images), "image")), unseen(r)}
	}
	return verdict{"ok", "✓", complete(r), unseen(r)}
}

func complete(r *Report) string {
	text := "This site is complete: " + counted(len(r.Images), "image")
	if len(r.Files) > 0 {
		text += " and " + counted(len(r.Files), "file")
	}
	if all := newWeight(r); all.Total != "" {
		text += ", " + all.text()
	}
	if len(r.Images) > 0 && r.Target != "" {
		return fmt.Sprintf("%s. Every image is in %s.", text, r.Target)
	}
	return text + "."
}

// also tells of warnings beside errors.
func also(warnings int) string {
	if warnings == 0 {
		return ""
	}
	return fmt.Sprintf("%s keep it from coming up as well, depending on what cannot be seen from here.", things(warnings, "may", "may"))
}

// unseen tells what a verdict does not stand for.
func unseen(r *Report) string {
	var names []string
	for _, s := range r.Subjects {
		if s.What == "" {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Not looked at: " + inWords(names) + "."
}

func things(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return counted(n, "thing") + " " + many
}

func was(n int, noun string) string {
	if n == 1 {
		return counted(n, noun) + " was"
	}
	return counted(n, noun) + " were"
}

func withoutDigest(images []Image) int {
	n := 0
	for _, image := range images {
		if image.Digest == "" {
			n++
		}
	}
	return n
}
