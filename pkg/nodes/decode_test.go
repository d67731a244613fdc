package nodes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	bootstrapv1beta1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta1" //nolint:staticcheck // deprecated, but served, and in every older template
	bootstrapv1beta2 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	controlplanev1beta1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta1" //nolint:staticcheck // as above
	controlplanev1beta2 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// newType makes an empty object of Cluster API's, by version and kind; nil for others.
func newType(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "bootstrap.cluster.x-k8s.io/v1beta1 KubeadmConfig":
		return &bootstrapv1beta1.KubeadmConfig{}
	case "bootstrap.cluster.x-k8s.io/v1beta2 KubeadmConfig":
		return &bootstrapv1beta2.KubeadmConfig{}
	case "bootstrap.cluster.x-k8s.io/v1beta1 KubeadmConfigTemplate":
		return &bootstrapv1beta1.KubeadmConfigTemplate{}
	case "bootstrap.cluster.x-k8s.io/v1beta2 KubeadmConfigTemplate":
		return &bootstrapv1beta2.KubeadmConfigTemplate{}
	case "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlane":
		return &controlplanev1beta1.KubeadmControlPlane{}
	case "controlplane.cluster.x-k8s.io/v1beta2 KubeadmControlPlane":
		return &controlplanev1beta2.KubeadmControlPlane{}
	case "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlaneTemplate":
		return &controlplanev1beta1.KubeadmControlPlaneTemplate{}
	case "controlplane.cluster.x-k8s.io/v1beta2 KubeadmControlPlaneTemplate":
		return &controlplanev1beta2.KubeadmControlPlaneTemplate{}
	}
	return nil
}

// strict decodes the objects of src that Cluster API has types for, and counts them.
func strict(src string) (n int, err error) {
	// What clusterctl would put in; numbers are right nearly everywhere.
	src = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(src, "1")
	for _, c := range yamltree.Chunks(src) {
		doc := src[c.From:c.To]
		objects, _, err := parseObjects(doc)
		if err != nil || len(objects) != 1 {
			continue
		}
		object := newType(objects[0].Str("apiVersion"), objects[0].Str("kind"))
		if object == nil {
			continue
		}
		n++
		if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
			return n, fmt.Errorf("%w\n%s", err, doc)
		}
	}
	return n, nil
}

// TestStrictDecoding holds what is written against Cluster API's types.
func TestStrictDecoding(t *testing.T) {
	files, _ := filepath.Glob(corpusDir + "/templates/*/*/*.yaml")
	if len(files) == 0 {
		t.Log("the corpus is not at ", corpusDir)
	}
	mirrors := []Mirror{
		mirror(t, nil),
		mirror(t, func(o *Options) { o.AuthSecret = "login" }),
		mirror(t, func(o *Options) { o.CA = longAuthority(t) }),
	}
	sources := map[string]string{}
	for _, kind := range objectKinds[:4] {
		for _, version := range []string{"v1beta1", "v1beta2"} {
			sources[kind.kind+" "+version] = minimal(kind, version)
		}
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := strict(string(src)); err == nil { // else variables hide its shape
			sources[name] = string(src)
		}
	}
	all := 0
	for name, src := range sources {
		for _, m := range mirrors {
			p, err := Patch(name, []byte(src), m, PatchOptions{ImageRepository: true})
			if err != nil {
				t.Fatal(err)
			}
			n, err := strict(string(p.Output))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			all += n
		}
	}
	t.Logf("%d objects of %d files", all, len(sources))
}

// minimal is the smallest object of a kind that can be patched.
func minimal(kind objectKind, version string) string {
	src := "apiVersion: " + kind.group + "/" + version + "\nkind: " + kind.kind + "\n"
	for depth, key := range kind.spec {
		src += strings.Repeat("  ", depth) + key + ":\n"
	}
	return src + strings.Repeat("  ", len(kind.spec)) + "format: cloud-config\n"
}

// longAuthority are more certificates than an object holds.
func longAuthority(t *testing.T) []byte {
	t.Helper()
	var all []byte
	for len(all) <= maxContent {
		all = append(all, authority(t)...)
	}
	return all
}

// TestLongAuthority: what is too long for an object goes into a Secret beside it, one for
// each namespace, which a second run finds again.
func TestLongAuthority(t *testing.T) {
	src := minimal(objectKinds[1], "v1beta2") + "---\n" + strings.Replace(minimal(objectKinds[0], "v1beta1"), "spec:", "metadata:\n  namespace: ${NAMESPACE}\nspec:", 1)
	m := mirror(t, func(o *Options) { o.CA = longAuthority(t) })
	p, err := Patch("a.yaml", []byte(src), m, PatchOptions{})
	if err != nil || len(p.Findings) > 0 {
		t.Fatal(err, p.Findings)
	}
	out := string(p.Output)
	if n := strings.Count(out, "\nkind: Secret\nmetadata:\n  name: airgap-ca\n"); n != 2 {
		t.Errorf("%d Secrets:\n%s", n, out)
	}
	for _, want := range []string{"\n        contentFrom:\n          secret:\n            name: airgap-ca\n            key: ca.crt\n", "\n  namespace: ${NAMESPACE}\n  labels:\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	again, err := Patch("a.yaml", p.Output, m, PatchOptions{})
	if err != nil || string(again.Output) != out {
		t.Errorf("a second run differs: %v\n%s", err, again.Output)
	}
	other, err := Patch("a.yaml", p.Output, mirror(t, func(o *Options) { o.CA = longAuthority(t) }), PatchOptions{})
	if err != nil || strings.Count(string(other.Output), "kind: Secret") != 2 || string(other.Output) == out {
		t.Errorf("a run with another CA: %v\n%s", err, other.Output)
	}
	short := mirror(t, nil)
	straight, _ := Patch("a.yaml", []byte(src), short, PatchOptions{})
	if less, err := Patch("a.yaml", p.Output, short, PatchOptions{}); err != nil || string(less.Output) != string(straight.Output) {
		t.Errorf("a run with a short CA leaves something behind: %v\n%s", err, less.Output)
	}
}
