package manifest

import (
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// isCraneCopy says that the words of a line copy one image with crane: not all tags of a
// repository, which are no images that the line names.
func isCraneCopy(words []string) bool {
	return len(words) > 3 && words[0] == "crane" && (words[1] == "copy" || words[1] == "cp") &&
		!slices.Contains(words, "-a") && !slices.Contains(words, "--all-tags")
}

// craneLine takes the image of crane copy SOURCE TARGET. The target is where somebody
// wants it: nobody pulls it because of this line.
func (w *walker) craneLine(v yamltree.View, entry int) error {
	skip := 2 // crane copy
	for at := yamltree.NextWord(v.S, 0); at < len(v.S); {
		end := yamltree.WordEnd(v.S, at)
		word := v.Sub(at, end)
		at = yamltree.NextWord(v.S, end)
		switch {
		case skip > 0:
			skip--
		case word.S == "--platform" || word.S == "-j" || word.S == "--jobs":
			skip = 1 // their value
		case !strings.HasPrefix(word.S, "-"):
			return w.copied(unquoted(word), "crane-script", entry)
		}
	}
	return &yamltree.PlaceError{Pos: v.Base, Reason: "crane copy without an image"}
}
