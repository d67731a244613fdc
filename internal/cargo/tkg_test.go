package cargo

import (
	"slices"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

const bom = `imageConfig: {imageRepository: stg.example/tkg}
tkr-bom: {imagePath: tkr-bom}
components:
  contour:
  - images:
      a: {imagePath: contour, tag: v1}
      b: {imagePath: contour, tag: v1, imageRepository: other.example/tkg}
  tkg-core-packages:
  - images: {c: {imagePath: packages/core/repo, tag: v1}}
`

// TestFromRelease: images of a release are in its repository, whatever its bill of
// materials says; what has a repository of its own keeps it, what has no tag is none.
func TestFromRelease(t *testing.T) {
	f, err := manifest.Parse("tkg-bom.yaml", []byte(bom))
	if err != nil {
		t.Fatal(err)
	}
	from, _ := image.ParsePrefix("stg.example/tkg")
	to, _ := image.ParsePrefix("up.example:5000/project/tkg")
	c := New(Options{})
	list := c.NewList()
	list.Add(fromRelease(f.Uses(), from, to))
	c.AddImages("tkg", list)
	images, unknown := c.Images()
	var got []string
	for _, im := range images {
		name := im.Ref.String()
		if im.Bundle {
			name += " bundle"
		}
		got = append(got, name)
	}
	want := []string{"other.example/tkg/contour:v1", "up.example:5000/project/tkg/contour:v1", "up.example:5000/project/tkg/packages/core/repo:v1 bundle"}
	if !slices.Equal(got, want) || len(unknown) != 0 {
		t.Errorf("%q, %v", got, unknown)
	}
}

// TestUntagged: a bill of materials by itself names what is no image until somebody says
// which one.
func TestUntagged(t *testing.T) {
	f, err := manifest.Parse("tkg-bom.yaml", []byte(bom))
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{})
	list := c.NewList()
	list.Add(f.Uses())
	c.AddImages("", list)
	images, unknown := c.Images()
	if len(images) != 3 || len(unknown) != 1 || unknown[0].Written != "stg.example/tkg/tkr-bom:latest" || !unknown[0].Untagged {
		t.Errorf("%v, %v", images, unknown)
	}
	ref, _ := image.Parse("stg.example/tkg/tkr-bom:v1.23.8_vmware.2-tkg.1")
	list = c.NewList()
	list.AddLines("--image", "image-named", []image.Ref{ref})
	c.AddImages("", list)
	if images, unknown = c.Images(); len(images) != 4 || len(unknown) != 0 {
		t.Errorf("%v, %v", images, unknown)
	}
}
