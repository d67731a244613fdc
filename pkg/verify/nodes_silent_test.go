package verify

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

const worker = `apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
kind: KubeadmConfigTemplate
metadata: {name: NAME}
spec:
  template:
    spec:
      files: [FILE]
`

// takes is a class that takes the files of the template told away.
const takes = `apiVersion: cluster.x-k8s.io/v1beta2
kind: ClusterClass
metadata: {name: c}
spec:
  patches:
  - name: p
    definitions:
    - selector: {apiVersion: bootstrap.cluster.x-k8s.io/v1beta2, kind: KubeadmConfigTemplate, matchResources: {machineDeploymentClass: {names: [w]}}}
      jsonPatches: [{op: remove, path: /spec/template/spec/files}]
  workers:
    machineDeployments:
    - class: w
      template: {bootstrap: {ref: {kind: KubeadmConfigTemplate, name: told}}}
`

// Nodes of whose object nothing is said have the folder that is given; else they are the exception from those that do
// have a mirror, if something is asked that needs one; or, like all the others, they need none.
func TestSilentNodes(t *testing.T) {
	m, err := image.NewMapping("r.example/p", image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	object := func(name, content string) containerd.Manifest {
		file := ""
		if content != "" {
			file = "{path: /etc/containerd/certs.d/quay.io/hosts.toml, content: \"" + strings.NewReplacer("\n", "\\n", `"`, `\"`).Replace(content) + "\"}"
		}
		return containerd.Manifest{Name: name + ".yaml", Source: strings.NewReplacer("NAME", name, "FILE", file).Replace(worker)}
	}
	told, silent, other := object("told", goodHosts), object("silent", ""), object("other", "")
	folder, err := containerd.Load(fstest.MapFS{"quay.io/hosts.toml": {Data: []byte(goodHosts)}}, containerd.Options{Name: "certs.d"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		folders   []*containerd.Config
		manifests []containerd.Manifest
		image     string
		resolves  bool
		want      string
	}{
		"all are told":            {nil, []containerd.Manifest{told}, "quay.io/a:v1", true, ""},
		"none is":                 {nil, []containerd.Manifest{silent, other}, "quay.io/a:v1", false, ""},
		"some are":                {nil, []containerd.Manifest{silent, told, other}, "quay.io/a:v1", true, "node-outside silent.yaml:1:1 other.yaml:1:1"},
		"some are, none needs it": {nil, []containerd.Manifest{silent, told}, "r.example/p/quay.io/a:v1", true, ""},
		"the folder is theirs":    {[]*containerd.Config{folder}, []containerd.Manifest{silent}, "quay.io/a:v1", true, ""},
		"a class took theirs":     {[]*containerd.Config{folder}, []containerd.Manifest{told, {Name: "class.yaml", Source: takes}}, "quay.io/a:v1", true, "node-patched class.yaml:9:40"},
	} {
		written, err := containerd.FromManifests(test.manifests, containerd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		mirrors := NewMirrors("r.example/p", append(test.folders, written...))
		site := Site{Target: "r.example/p", Mapping: m, Mirrored: mirrors.Mirrored}
		ref := parse(t, test.image)
		at, ok := site.resolve(ref)
		if ok != test.resolves {
			t.Errorf("%s: resolves %t", name, ok)
		}
		var got string
		if ok {
			for _, f := range mirrors.Findings(site, []Wanted{{Pair: image.Pair{Source: ref, Target: at}}}) {
				got += f.Check + " " + f.Place
				if _, also, found := strings.Cut(f.Problem, "; so at "); found {
					got += " " + also
				}
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
