package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// copyList handles a script that is nothing but imgpkg copy, as TKG's
// gen-publish-images.sh and its -totar variant write it, or crane copy, and says whether
// the text is one. What stands in it twice is an image that is used twice. Whether an image is a
// bundle is not asked: -i and -b are wrong in lists of some versions.
func (w *walker) copyList(v yamltree.View) (bool, error) {
	if !isCopyList(v.S) {
		return false, nil
	}
	entries := 0
	for at := 0; at < len(v.S); {
		line, n := yamltree.CutLine(v.S[at:])
		if isCopy(line) {
			if err := w.copyLine(v.Sub(at, at+len(line)), entries); err != nil {
				return true, err
			}
			entries++
		}
		at += n
	}
	return true, nil
}

// isCopyList says that every line of a script copies an image, but for comments and
// what sets the shell's options, and that there is one that does.
func isCopyList(s string) bool {
	copies := 0
	for len(s) > 0 {
		line, n := yamltree.CutLine(s)
		s = s[n:]
		switch words := strings.Fields(line); {
		case len(words) == 0, isComment(line), words[0] == "set":
		case isCopy(line):
			copies++
		default:
			return false
		}
	}
	return copies > 0
}

func isCopy(line string) bool {
	words := strings.Fields(line)
	return len(words) > 2 && words[0] == "imgpkg" && words[1] == "copy" || isCraneCopy(words)
}

// copyLine takes the image of one command.
func (w *walker) copyLine(v yamltree.View, entry int) error {
	v = uncomment(v)
	if isCraneCopy(strings.Fields(v.S)) {
		return w.craneLine(v, entry)
	}
	flag := ""
	for at := yamltree.NextWord(v.S, 0); at < len(v.S); {
		end := yamltree.WordEnd(v.S, at)
		word := v.Sub(at, end)
		at = yamltree.NextWord(v.S, end)
		if name, _, joined := strings.Cut(word.S, "="); joined && strings.HasPrefix(name, "-") {
			flag, word = name, word.Sub(len(name)+1, len(word.S))
		}
		switch flag {
		case "-i", "--image", "-b", "--bundle":
			return w.copied(unquoted(word), "imgpkg-script", entry)
		case "--tar":
			return &yamltree.PlaceError{Pos: word.Base, Reason: "it copies a tar, " + word.S +
				", and names no image: bundle import reads the folder of the tars"}
		}
		flag = word.S
	}
	return &yamltree.PlaceError{Pos: v.Base, Reason: "imgpkg copy without --image or --bundle"}
}

// copied records the image that a command copies.
func (w *walker) copied(word yamltree.View, rule string, entry int) error {
	p, ok := readReference(word)
	if !ok || !p.named() {
		return &yamltree.PlaceError{Pos: word.Base, Reason: word.S + " is no image reference"}
	}
	w.push(step{index: entry})
	defer w.pop()
	w.add(p, rule, FormList, Certain)
	return nil
}

// unquoted is a word without the quotes around it.
func unquoted(v yamltree.View) yamltree.View {
	if n := len(v.S); n >= 2 && (v.S[0] == '"' || v.S[0] == '\'') && v.S[n-1] == v.S[0] {
		return v.Sub(1, n-1)
	}
	return v
}
