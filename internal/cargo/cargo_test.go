package cargo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

const template = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cpi}
spec:
  template:
    spec:
      containers:
      - image: registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:${CPI_IMAGE_K8S_VERSION}
      - image: quay.io/a/sidecar:${SIDECAR:=v1.2}
      - image: quay.io/a/other:${OTHER}
      - image: quay.io/a/plain:v1
`

func fillCargo(t *testing.T, opts Options) *Cargo {
	t.Helper()
	c := New(opts)
	for _, group := range []string{"cpi", "csi", ""} {
		f, err := manifest.Parse(group+".yaml", []byte(template))
		if err != nil {
			t.Fatal(err)
		}
		list := c.NewList()
		list.Add(f.Uses())
		c.AddImages(group, list)
	}
	return c
}

func TestImages(t *testing.T) {
	c := fillCargo(t, Options{Variables: map[string]string{"CPI_IMAGE_K8S_VERSION": "v1.36.0"}})
	images, unknown := c.Images()
	got := ""
	for _, im := range images {
		got += fmt.Sprintln(im.Ref, im.Groups, im.Uses)
	}
	want := `quay.io/a/plain:v1 [cpi csi] [.yaml:11:16 cpi.yaml:11:16 csi.yaml:11:16]
quay.io/a/sidecar:v1.2 [cpi csi] [.yaml:9:16 cpi.yaml:9:16 csi.yaml:9:16]
registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:v1.36.0 [cpi csi] [.yaml:8:16 cpi.yaml:8:16 csi.yaml:8:16]
`
	if got != want {
		t.Errorf("the images are\n%swant\n%s", got, want)
	}
	if len(unknown) != 1 || unknown[0].Written != "quay.io/a/other:${OTHER}" || len(unknown[0].Uses) != 3 {
		t.Errorf("unknown are %+v", unknown)
	}
	if got := fmt.Sprint(images[0].StandsFor, images[2].StandsFor[0]); got != "[]registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:${CPI_IMAGE_K8S_VERSION}" {
		t.Errorf("they stand for %s", got)
	}
}

// TestUnknownAnswered: an image of the same name says which one a variable means.
func TestUnknownAnswered(t *testing.T) {
	c := fillCargo(t, Options{})
	f, err := manifest.Parse("images.txt", []byte("quay.io/a/other:v9\n"))
	if err != nil {
		t.Fatal(err)
	}
	list := c.NewList()
	list.Add(f.Uses())
	c.AddImages("", list)
	images, unknown := c.Images()
	if images[0].Ref.String() != "quay.io/a/other:v9" || fmt.Sprint(images[0].StandsFor) != "[quay.io/a/other:${OTHER}]" {
		t.Errorf("%s stands for %s", images[0].Ref, images[0].StandsFor)
	}
	if len(unknown) != 1 || unknown[0].Written != "registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:${CPI_IMAGE_K8S_VERSION}" {
		t.Errorf("unknown are %+v", unknown)
	}
}

// TestUnknownStaysOpen: that a manifest uses an image of the same name does not say which one a variable of another means.
func TestUnknownStaysOpen(t *testing.T) {
	c := fillCargo(t, Options{})
	f, err := manifest.Parse("other.yaml", []byte("spec:\n  containers:\n  - image: quay.io/a/other:v9\n"))
	if err != nil {
		t.Fatal(err)
	}
	list := c.NewList()
	list.Add(f.Uses())
	c.AddImages("", list)
	if _, unknown := c.Images(); len(unknown) != 2 {
		t.Errorf("unknown are %+v", unknown)
	}
}

func TestFiles(t *testing.T) {
	c := New(Options{})
	for _, f := range []bundle.File{
		{Path: "b", SHA256: "11"},
		{Path: "a", URL: "https://example.org/a"},
		{Path: "b", SHA256: "11"},
		{Path: "a", URL: "https://example.org/a"},
	} {
		if err := c.AddFile(f, "one/"+f.Path); err != nil {
			t.Error(err)
		}
	}
	for _, f := range []bundle.File{{Path: "b", SHA256: "22"}, {Path: "a", URL: "https://example.org/b"}, {Path: "b"}} {
		err := c.AddFile(f, "two/"+f.Path)
		if err == nil || !strings.Contains(err.Error(), "one/"+f.Path) || !strings.Contains(err.Error(), "two/"+f.Path) {
			t.Errorf("%+v, whose path is another file's, gives: %v", f, err)
		}
	}
	if files := c.Files(); len(files) != 2 || files[0].Path != "a" {
		t.Errorf("the files are %+v", files)
	}
}
