//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// However an image is called — by a tag, by a digest, by both — it is found so at the target.
func TestCarryNames(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Cluster(5, 50_000)
	source, target := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	source.fill(t, "", set)
	both, byDigest, second := set[0], set[4], set[3]
	args := []string{
		"--image", both.Name + "@" + both.Root().Digest,
		"--image", byDigest.Repository() + "@" + byDigest.Root().Digest,
		"--image", second.Name,
	}
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, append([]string{"pull", "-o", site, from(source.address)}, args...)...)
	must(t, "push", site, "--to", target.address, "--also-tag", "latest")
	for name, want := range map[string]*synthetic.Image{
		both.Name: both,
		both.Repository() + "@" + both.Root().Digest:         both,
		both.Repository() + ":latest":                        both,
		byDigest.Repository() + "@" + byDigest.Root().Digest: byDigest,
		second.Name: second,
		second.Repository() + "@" + second.Root().Digest: second,
		second.Repository() + ":latest":                  second,
	} {
		if got := digest(inspect(t, target, name)); got != want.Root().Digest {
			t.Errorf("%s is %s, not %s", name, got, want.Root().Digest)
		}
	}
	// A digest that is not what the tag names is an image all the same; the digest is what counts.
	other := set[1]
	moved := both.Repository() + ":" + both.Tag() + "@" + other.Root().Digest
	if both.Repository() != other.Repository() {
		t.Fatal("the set has changed: these two should share a repository")
	}
	must(t, "mirror", "--image", moved, "--to", target.address+"/moved", from(source.address))
	if got := digest(inspect(t, target, "moved/"+both.Repository()+"@"+other.Root().Digest)); got != other.Root().Digest {
		t.Errorf("%s: %s", moved, got)
	}
}

// Layouts give the names that the contract lists, and what was carried under one can be pushed under another.
func TestCarryLayouts(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Cluster(3, 50_000)
	source, target := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	source.fill(t, "", set)
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", imageList(t, set), "-o", site, from(source.address))
	for layout, name := range map[string]string{
		"host": "airgap/registry.k8s.io/cluster-api/image-00:v1.0.0",
		"path": "airgap/cluster-api/image-00:v1.0.0",
		"name": "airgap/image-00:v1.0.0",
	} {
		must(t, "push", site, "--to", target.address+"/airgap", "--layout", layout)
		if got := digest(inspect(t, target, name)); got != set[0].Root().Digest {
			t.Errorf("layout %s: %s is %s", layout, name, got)
		}
	}
}
