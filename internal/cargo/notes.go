package cargo

import (
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// fileNotes are what the user should know of a file beside its images: what a configuration
// of regsync says, and containers whose image is none. That is no error: whoever carries a
// folder cannot mend every manifest in it, but has to know what did not come along.
func fileNotes(f *manifest.File) ([]string, error) {
	notes, err := syncNotes(f)
	for _, u := range f.Unread() {
		if u.Rule == manifest.UnreadContainer {
			notes = append(notes, fmt.Sprintf("%s:%d:%d: %q is no name of an image, and none is taken from it", f.Name, u.Line, u.Column, image.Shown(u.Written)))
		}
	}
	return notes, err
}
