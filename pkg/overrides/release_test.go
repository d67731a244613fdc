package overrides_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

// described writes files as lines: required ones with !.
func described(files []overrides.ReleaseFile) string {
	var lines []string
	for _, f := range files {
		line := f.Path + " " + f.URL
		if f.Required {
			line += " !"
		}
		if f.SHA256 != "" {
			line += fmt.Sprintf(" %s %d", f.SHA256[:4], f.Size)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestRelease(t *testing.T) {
	c := newCatalogue(t)
	for _, test := range []struct {
		name, version string
		opts          overrides.ReleaseOptions
		want          string
	}{
		{"cluster-api", "v1.14.2", overrides.ReleaseOptions{}, `
providers/cluster-api/v1.14.2/core-components.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.2/core-components.yaml !
providers/cluster-api/v1.14.2/metadata.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.2/metadata.yaml !`},
		{"bootstrap-kubeadm", "v0.3.3", overrides.ReleaseOptions{}, `
providers/bootstrap-kubeadm/v0.3.3/bootstrap-components.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v0.3.3/bootstrap-components.yaml !
providers/bootstrap-kubeadm/v0.3.3/metadata.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v0.3.3/metadata.yaml`},
		{"vsphere", "v1.16.1", overrides.ReleaseOptions{Flavors: []string{"topology"}, ClusterClasses: []string{"template"}}, `
providers/infrastructure-vsphere/v1.16.1/infrastructure-components.yaml https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/infrastructure-components.yaml !
providers/infrastructure-vsphere/v1.16.1/metadata.yaml https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/metadata.yaml !
providers/infrastructure-vsphere/v1.16.1/cluster-template.yaml https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/cluster-template.yaml
providers/infrastructure-vsphere/v1.16.1/cluster-template-topology.yaml https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/cluster-template-topology.yaml !
providers/infrastructure-vsphere/v1.16.1/clusterclass-template.yaml https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/clusterclass-template.yaml !`},
		{"docker", "v1.14.2", overrides.ReleaseOptions{}, `
providers/infrastructure-docker/v1.14.2/infrastructure-components-development.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.2/infrastructure-components-development.yaml !
providers/infrastructure-docker/v1.14.2/metadata.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.2/metadata.yaml !
providers/infrastructure-docker/v1.14.2/cluster-template.yaml https://github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.2/cluster-template.yaml`},
		{"cert-manager", "", overrides.ReleaseOptions{}, `
providers/cert-manager/v1.21.1/cert-manager.yaml https://github.com/cert-manager/cert-manager/releases/download/v1.21.1/cert-manager.yaml !`},
		{"cert-manager", "v0.11.0", overrides.ReleaseOptions{}, `
providers/cert-manager/v0.11.0/cert-manager.yaml https://github.com/cert-manager/cert-manager/releases/download/v0.11.0/cert-manager.yaml !`},
		{"addon-lab", "v0.1.0", overrides.ReleaseOptions{URL: "https://gitlab.lab/api/v4/projects/group%2Fp/packages/generic/x/latest/lab.yaml"}, `
providers/addon-lab/v0.1.0/addon-components.yaml https://gitlab.lab/api/v4/projects/group%2Fp/packages/generic/x/v0.1.0/lab.yaml !
providers/addon-lab/v0.1.0/metadata.yaml https://gitlab.lab/api/v4/projects/group%2Fp/packages/generic/x/v0.1.0/metadata.yaml !`},
		{"vsphere", "v1.16.1", overrides.ReleaseOptions{URL: "https://mirror.lab/o/r/releases/v1.16.1/lab.yaml"}, `
providers/infrastructure-vsphere/v1.16.1/infrastructure-components.yaml https://mirror.lab/o/r/releases/v1.16.1/lab.yaml !
providers/infrastructure-vsphere/v1.16.1/metadata.yaml https://mirror.lab/o/r/releases/v1.16.1/metadata.yaml !
providers/infrastructure-vsphere/v1.16.1/cluster-template.yaml https://mirror.lab/o/r/releases/v1.16.1/cluster-template.yaml`},
	} {
		files, notes, err := c.Release(t.Context(), test.name, test.version, test.opts)
		if got := described(files); err != nil || len(notes) > 0 || got != strings.TrimSpace(test.want) {
			t.Errorf("%s:%s: %v %v\n%s\nwant%s", test.name, test.version, err, notes, got, test.want)
		}
	}
}

func TestReleaseRefuses(t *testing.T) {
	c := newCatalogue(t)
	for _, test := range []struct{ name, version, url, want string }{
		{"kubeadm", "v1.14.2", "", "kubeadm is several providers: say bootstrap-kubeadm or control-plane-kubeadm"},
		{"vsphere", "1.16.1", "", "vsphere: clusterctl looks for version 1.16.1 as v1.16.1: name it so"},
		{"vsphere", "", "", `vsphere: "" is no semantic version, as v1.14.2 is`},
		{"infrastructure-lab", "v0.1.0", "", "infrastructure-lab:v0.1.0: clusterctl does not know where it is published: say the URL of its components"},
		{"infrastructure-lab", "v0.1.0", "https://u:secret@h/x.yaml", "infrastructure-lab:v0.1.0: the URL of its components names neither latest nor v0.1.0"},
		{"infrastructure-lab", "v0.1.0", "https://u:secret@%zz", "infrastructure-lab:v0.1.0: the URL of its components is malformed (not shown, it may hold a password)"},
	} {
		_, _, err := c.Release(t.Context(), test.name, test.version, overrides.ReleaseOptions{URL: test.url})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:%s: %v, want %s", test.name, test.version, err, test.want)
		}
	}
}

const vsphereAssets = `{"assets": [
 {"name": "cluster-template.yaml", "size": 7, "digest": "sha256:%064d"},
 {"name": "cluster-template-topology.yaml"},
 {"name": "cluster-template-node-ipam.yaml"},
 {"name": "clusterclass-template.yaml"},
 {"name": "infrastructure-components.yaml", "size": 9, "digest": "sha256:%064d"},
 {"name": "metadata.yaml", "size": -1, "digest": "md5:x"},
 {"name": "cluster-template.yaml.sig"}, {"name": "cluster-template-/../../x.yaml"}, {"name": "release-notes.md"}]}`

func TestReleaseAsksGitHub(t *testing.T) {
	c := newCatalogue(t)
	var asked []string
	opts := overrides.ReleaseOptions{Flavors: []string{"topology"}, Get: func(_ context.Context, url string) ([]byte, error) {
		asked = append(asked, url)
		return fmt.Appendf(nil, vsphereAssets, 1, 2), nil
	}}
	files, notes, err := c.Release(t.Context(), "vsphere", "v1.16.1", opts)
	got := strings.ReplaceAll(described(files), "https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/v1.16.1/", "…/")
	want := `providers/infrastructure-vsphere/v1.16.1/infrastructure-components.yaml …/infrastructure-components.yaml ! 0000 9
providers/infrastructure-vsphere/v1.16.1/metadata.yaml …/metadata.yaml !
providers/infrastructure-vsphere/v1.16.1/cluster-template.yaml …/cluster-template.yaml 0000 7
providers/infrastructure-vsphere/v1.16.1/cluster-template-topology.yaml …/cluster-template-topology.yaml !
providers/infrastructure-vsphere/v1.16.1/cluster-template-node-ipam.yaml …/cluster-template-node-ipam.yaml
providers/infrastructure-vsphere/v1.16.1/clusterclass-template.yaml …/clusterclass-template.yaml`
	if err != nil || len(notes) > 0 || got != want {
		t.Errorf("%v %v\n%s\nwant\n%s", err, notes, got, want)
	}
	if len(asked) != 1 || asked[0] != "https://api.github.com/repos/kubernetes-sigs/cluster-api-provider-vsphere/releases/tags/v1.16.1" {
		t.Errorf("asked %q", asked)
	}
	for text, fails := range map[string]error{"": errors.New("no route to host"), "<html>": nil} {
		opts.Get = func(context.Context, string) ([]byte, error) { return []byte(text), fails }
		files, notes, err := c.Release(t.Context(), "vsphere", "v1.16.1", opts)
		if err != nil || len(files) != 4 || len(notes) != 1 || !strings.HasPrefix(notes[0], "infrastructure-vsphere v1.16.1: which templates it has could not be asked") {
			t.Errorf("%d files, %v, %q", len(files), err, notes)
		}
	}
	for _, name := range []string{"cert-manager", "cluster-api", "infrastructure-lab"} { // nothing to ask
		opts := overrides.ReleaseOptions{Get: func(context.Context, string) ([]byte, error) {
			t.Errorf("%s: GitHub was asked", name)
			return nil, nil
		}}
		if name == "infrastructure-lab" {
			opts.URL = "https://x.lab/o/r/releases/v1.0.0/a.yaml"
		}
		if _, notes, err := c.Release(t.Context(), name, "v1.0.0", opts); err != nil || len(notes) > 0 {
			t.Error(notes, err)
		}
	}
}

// TestReleaseArranges: an unpacked archive is an input of overrides as it is.
func TestReleaseArranges(t *testing.T) {
	c := newCatalogue(t)
	var pieces []*overrides.Piece
	var want []string
	for _, release := range []string{"cluster-api v1.14.2", "bootstrap-kubeadm v1.14.2", "control-plane-kubeadm v1.14.2", "vsphere v1.16.1", "cert-manager v1.21.1"} {
		name, version, _ := strings.Cut(release, " ")
		opts := overrides.ReleaseOptions{}
		if name == "vsphere" {
			opts.Flavors, opts.ClusterClasses = []string{"topology"}, []string{"template"}
		}
		files, _, err := c.Release(t.Context(), name, version, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			want = append(want, strings.TrimPrefix(f.Path, overrides.ReleasesDir+"/"))
			doc, err := manifest.Parse(f.Path, []byte(releaseText(f.Path)))
			if err != nil {
				t.Fatal(err)
			}
			m, err := image.NewMapping("r.example/airgap", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.Read(doc, "/unpacked/"+f.Path, m, rewrite.Options{})
			if err != nil || p == nil {
				t.Fatalf("%s: %v, %v", f.Path, p, err)
			}
			pieces = append(pieces, p)
		}
	}
	home := t.TempDir()
	layout, err := c.Arrange(pieces, overrides.Options{Overrides: filepath.Join(home, "overrides")})
	if err != nil || len(layout.Notes) > 0 {
		t.Fatal(layout.Notes, err)
	}
	if _, _, err := overrides.Write(layout, filepath.Join(home, "clusterctl.yaml"), nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	tree := os.DirFS(filepath.Join(home, "overrides"))
	if err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// releaseText is what a release has in a file of this path, without the labels of
// today: those of 2020 had none.
func releaseText(at string) string {
	version := path.Base(path.Dir(at))
	switch {
	case strings.HasSuffix(at, "/metadata.yaml"):
		minor := strings.Split(version, ".")[1]
		return "apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3\nkind: Metadata\nreleaseSeries:\n- {major: 1, minor: " + minor + ", contract: v1beta2}\n"
	case strings.HasSuffix(at, "-components.yaml"):
		return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n  namespace: x\nspec:\n  template:\n    spec:\n      containers:\n      - name: manager\n        image: registry.k8s.io/x/manager:" + version + "\n"
	case strings.HasSuffix(at, "/cert-manager.yaml"):
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: cert-manager\n  namespace: cert-manager\nspec:\n  template:\n    spec:\n      containers:\n      - name: cert-manager-controller\n        image: quay.io/jetstack/cert-manager-controller:v1.21.1\n"
	}
	return "apiVersion: cluster.x-k8s.io/v1beta2\nkind: Cluster\nmetadata:\n  name: ${CLUSTER_NAME}\n"
}
