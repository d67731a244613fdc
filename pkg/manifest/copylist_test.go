package manifest

import (
	"errors"
	"testing"
)

// TestCopyListRefused: what names no image is told with its place, so that nobody takes
// half a script for a whole one.
func TestCopyListRefused(t *testing.T) {
	const first = "imgpkg copy -i up.test/a:v1 --to-repo b.test/a\n"
	for _, test := range []struct {
		text         string
		line, column int
		reason       string
	}{
		{
			first + "imgpkg copy --tar a-v1.tar --to-repo b.test/a\n", 2, 19,
			"it copies a tar, a-v1.tar, and names no image: bundle import reads the folder of the tars",
		},
		{first + "imgpkg copy --to-repo b.test/a\n", 2, 1, "imgpkg copy without --image or --bundle"},
		{first + "imgpkg copy -i $(whoami) --to-repo b.test/a\n", 2, 16, "$(whoami) is no image reference"},
		{first + "imgpkg copy -i up.test/A:v1 --to-repo b.test/a -b x\n", 2, 16, "up.test/A:v1 is no image reference"},
	} {
		_, err := Parse("image-copy-list", []byte(test.text))
		place, ok := errors.AsType[*SyntaxError](err)
		if !ok || place.Line != test.line || place.Column != test.column || place.Reason != test.reason {
			t.Errorf("%q: %v", test.text, err)
		}
	}
}

// TestNoCopyList: a line of imgpkg among others makes no list of images.
func TestNoCopyList(t *testing.T) {
	for _, text := range []string{
		"imgpkg copy -i up.test/a:v1 --to-repo b.test/a\nrm -rf x\n",
		"set -e\n# imgpkg copy -i up.test/a:v1 --to-repo b\n",
		"imgpkg pull -i up.test/a:v1 -o x\n",
	} {
		if isCopyList(text) {
			t.Errorf("%q is taken for a list", text)
		}
	}
}
