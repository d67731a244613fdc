package rewrite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

func mapping(t *testing.T, layout image.Layout, rules ...image.Rule) image.Mapping {
	t.Helper()
	m, err := image.NewMapping("r.example/p", layout, rules)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func file(t *testing.T, name, text string, m image.Mapping, opts rewrite.Options) *rewrite.Result {
	t.Helper()
	f, err := manifest.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := rewrite.File(f, m, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const pods = `spec:
  containers:
  - image: quay.io/acme/a:v1
  - image: ${IMAGE}
  - image: "quay.io/ac\u006De/b:v1"
  - image: r.example/p/quay.io/acme/a:v1
---
flavour: acme/flavour:v3
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec: {hub: docker.io/istio}
`

// Every use is counted once: as changed, unchanged, unsure or refused.
func TestFileCounts(t *testing.T) {
	pilot := image.Rule{From: "docker.io/istio/pilot", To: "pilot.example/pilot"}
	r := file(t, "pods.yaml", pods, mapping(t, image.LayoutHost, pilot), rewrite.Options{Least: manifest.Likely, Changes: true})
	if r.Documents != 3 || r.Unchanged != 1 || r.Unsure != 1 {
		t.Errorf("documents %d, unchanged %d, unsure %d, want 3, 1, 1", r.Documents, r.Unchanged, r.Unsure)
	}
	var got strings.Builder
	for _, c := range r.Changes {
		fmt.Fprintf(&got, "%d:%d %s -> %s\n", c.Line, c.Column, c.Written, c.Target)
	}
	for _, e := range r.Refused {
		fmt.Fprintf(&got, "%d:%d %s refused\n", e.Line, e.Column, e.Written)
	}
	all := file(t, "pods.yaml", pods, mapping(t, image.LayoutHost), rewrite.Options{})
	if uses := all.Rewritten + all.Unchanged + all.Unsure + len(all.Refused); uses != 6 {
		t.Errorf("%d of 6 uses are accounted for", uses)
	}
	want := `3:12 quay.io/acme/a:v1 -> r.example/p/quay.io/acme/a:v1
5:13 quay.io/acme/b:v1 -> r.example/p/quay.io/acme/b:v1
4:12 ${IMAGE} refused
12:13 docker.io/istio refused
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
}

// What kubeadm makes of one field moves together or stays.
func TestUsesOfOnePlace(t *testing.T) {
	text := "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nimageRepository: registry.k8s.io\n"
	etcd := image.Rule{From: "registry.k8s.io/etcd", To: "r.example/db/etcd"}
	for _, m := range []image.Mapping{mapping(t, image.LayoutHost), mapping(t, image.LayoutName, etcd)} {
		r := file(t, "kubeadm.yaml", text, m, rewrite.Options{Changes: true})
		if string(r.Output) != text || r.Rewritten != 0 || len(r.Changes) != 0 || len(r.Refused) == 0 {
			t.Errorf("%d rewritten, %v, refused %v:\n%s", r.Rewritten, r.Changes, r.Refused, r.Output)
		}
	}
}

// A target that no registry takes is a matter of the one reference.
func TestTargetIsNoName(t *testing.T) {
	m := mapping(t, image.LayoutHost)
	long := "quay.io/" + strings.Repeat("x", 250) + ":v1"
	r := file(t, "long.yaml", "image: quay.io/acme/a:v1\n---\nimage: "+long+"\n", m, rewrite.Options{})
	if r.Rewritten != 1 || len(r.Refused) != 1 || r.Refused[0].Line != 3 {
		t.Errorf("%d rewritten, refused %v", r.Rewritten, r.Refused)
	}
	if err := rewrite.Collisions(m, []*rewrite.Result{r}); err != nil {
		t.Error(err)
	}
}

// Nobody pays for changes that nobody asked for.
func TestChangesOnRequest(t *testing.T) {
	r := file(t, "pods.yaml", pods, mapping(t, image.LayoutHost), rewrite.Options{})
	if r.Changes != nil || r.Diff != nil || r.Rewritten == 0 {
		t.Errorf("%d rewritten, changes %v, diff %q", r.Rewritten, r.Changes, r.Diff)
	}
}

// What Replace refuses is no change, and stands where it stands in the file.
func TestFileTakesBackWhatIsRefused(t *testing.T) {
	text := "containers:\n- image: >-\n    quay.io/acme/\n\n    x\n- image: ${IMAGE}\n- image: \"quay.io/acme/\\\n    folded:v1\"\n- image: ${OTHER}\n"
	r := file(t, "folded.yaml", text, mapping(t, image.LayoutHost), rewrite.Options{Changes: true})
	for i := 1; i < len(r.Refused); i++ {
		if r.Refused[i-1].Line > r.Refused[i].Line {
			t.Errorf("%v before %v", r.Refused[i-1], r.Refused[i])
		}
	}
	for _, c := range r.Changes {
		if !strings.Contains(string(r.Output), c.Target.Name()) {
			t.Errorf("%s is said to be rewritten, but is not in\n%s", c.Written, r.Output)
		}
	}
	if len(r.Changes) != r.Rewritten {
		t.Errorf("%d changes, but %d are counted", len(r.Changes), r.Rewritten)
	}
	if len(r.Refused) < 2 {
		t.Errorf("refused: %v", r.Refused)
	}
}

func TestCollisions(t *testing.T) {
	a, b := "image: quay.io/acme/x:v1\n", "image: docker.io/other/x:v1\n"
	name := mapping(t, image.LayoutName)
	var opts rewrite.Options
	results := []*rewrite.Result{file(t, "a.yaml", a, name, opts), file(t, "b.yaml", b, name, opts)}
	err := rewrite.Collisions(name, results)
	collision, ok := errors.AsType[*image.CollisionError](err)
	if !ok || collision.Target.String() != "r.example/p/x:v1" {
		t.Errorf("%v, want a collision at r.example/p/x:v1", err)
	}
	if err := rewrite.Collisions(name, results[:1]); err != nil {
		t.Error(err)
	}

	group := mapping(t, image.LayoutGroup)
	cni, csi := rewrite.Options{Group: "cni"}, rewrite.Options{Group: "csi"}
	apart := []*rewrite.Result{file(t, "a.yaml", a, group, cni), file(t, "b.yaml", b, group, csi)}
	if err := rewrite.Collisions(group, apart); err != nil {
		t.Error(err)
	}
	together := []*rewrite.Result{file(t, "a.yaml", a, group, cni), file(t, "b.yaml", b, group, cni)}
	if err := rewrite.Collisions(group, together); err == nil {
		t.Error("no error for two images with one place in a group")
	}
}

// A rule may send an image of one group to where another group puts its own.
func TestCollisionsAcrossGroups(t *testing.T) {
	m := mapping(t, image.LayoutGroup, image.Rule{From: "docker.io/other", To: "r.example/p/cni"})
	results := []*rewrite.Result{
		file(t, "a.yaml", "image: quay.io/acme/x:v1\n", m, rewrite.Options{Group: "cni"}),
		file(t, "b.yaml", "image: docker.io/other/x:v1\n", m, rewrite.Options{Group: "csi"}),
	}
	collision, ok := errors.AsType[*image.CollisionError](rewrite.Collisions(m, results))
	if !ok || collision.Target.String() != "r.example/p/cni/x:v1" {
		t.Errorf("%v, want a collision at r.example/p/cni/x:v1", collision)
	}
}

// What is not rewritten collides with nothing.
func TestCollisionsOfRewrittenImagesOnly(t *testing.T) {
	name := mapping(t, image.LayoutName)
	text := "image: quay.io/acme/flavour:v3\nflavour: acme/flavour:v3\n"
	if err := rewrite.Collisions(name, []*rewrite.Result{file(t, "a.yaml", text, name, rewrite.Options{Least: manifest.Likely})}); err != nil {
		t.Error(err)
	}
	if err := rewrite.Collisions(name, []*rewrite.Result{file(t, "a.yaml", text, name, rewrite.Options{})}); err == nil {
		t.Error("no error for two images that both are rewritten")
	}
}

func TestNewReport(t *testing.T) {
	m, opts := mapping(t, image.LayoutHost), rewrite.Options{Least: manifest.Likely}
	report := rewrite.NewReport([]*rewrite.Result{
		file(t, "a.yaml", pods, m, opts), file(t, "b.yaml", "image: nginx:1.29\n", m, opts),
	})
	got := fmt.Sprint(report.Files, report.Documents, report.Rewritten, report.Unchanged, report.Unsure, len(report.Refused))
	if want := "2 4 4 1 1 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func ExampleFile() {
	f, err := manifest.Parse("pod.yaml", []byte("image:   'quay.io/acme/tool:v1' # ours\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := image.NewMapping("registry.example.com/airgap", image.LayoutPath, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := rewrite.File(f, m, rewrite.Options{Least: manifest.Likely, Diff: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s%s", result.Output, result.Diff)
	// Output:
	// image:   'registry.example.com/airgap/acme/tool:v1' # ours
	// --- pod.yaml
	// +++ pod.yaml
	// @@ -1,1 +1,1 @@
	// -image:   'quay.io/acme/tool:v1' # ours
	// +image:   'registry.example.com/airgap/acme/tool:v1' # ours
}
