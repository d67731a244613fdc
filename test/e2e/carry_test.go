//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// TestCarry is the way of a whole site: pull, a copy of the file, push, and mirror beside it. Programs that are not ours
// say whether all is there. With AIRGAP_E2E_FULL=1 the first set has the 1.5 GB of issue 4, else a tenth of it.
func TestCarry(t *testing.T) {
	needTool(t, "skopeo")
	needTool(t, "curl")
	unit := int64(2_000_000)
	if full() {
		unit = 20_000_000
	}
	for name, set := range map[string]synthetic.Set{"40 images of all kinds": synthetic.Cluster(40, unit), "500 small images": synthetic.Small(500)} {
		t.Run(name, func(t *testing.T) {
			t.Logf("%d images, %d blobs, %d MB", len(set), len(set.Blobs()), set.Size()/1e6)
			source, target, mirror := new(dockerRegistry).start(t), new(dockerRegistry).start(t), new(dockerRegistry).start(t)
			source.fill(t, "", set)
			list := imageList(t, set)
			site := filepath.Join(t.TempDir(), "site.tar")
			pull := []string{"pull", "-f", list, "-o", site, from(source.address), "--referrers"}

			must(t, pull...)
			fetched := source.requests(t)
			checkFetchedOnce(t, fetched, set)
			must(t, pull...)
			if n := source.requests(t)[len(fetched):].count(func(q request) bool { return q.method == "GET" && q.kind == "blobs" }); n > 0 {
				t.Errorf("the second pull fetched %d blobs", n)
			}

			carried := filepath.Join(t.TempDir(), "carried.tar")
			if out, err := exec.Command("cp", site, carried).CombinedOutput(); err != nil {
				t.Fatal(string(out))
			}
			push := []string{"push", carried, "--to", target.address + "/airgap"}
			must(t, push...)
			checkSentOnce(t, target.requests(t), set)
			checkSame(t, source, target, "airgap/", set)
			checkNothingSent(t, target, push...)

			flags := []string{"mirror", "-f", list, "--to", mirror.address + "/deep/er", from(source.address), "--referrers"}
			must(t, flags...)
			checkSentOnce(t, mirror.requests(t), set)
			checkSame(t, source, mirror, "deep/er/", set)
			checkNothingSent(t, mirror, flags...)
		})
	}
}

// checkFetchedOnce: every blob came once, none was asked for in vain.
func checkFetchedOnce(t *testing.T, fetched requests, set synthetic.Set) {
	t.Helper()
	times := map[string]int{}
	for _, q := range fetched {
		if _, _, name := cutRequest(q.path); q.method == "GET" && q.kind == "blobs" {
			times[name]++
		}
	}
	for blob := range set.Blobs() {
		if times[blob] != 1 {
			t.Errorf("%s was fetched %d times", blob, times[blob])
		}
	}
}

// checkSentOnce: every blob came as bytes once, and by a mount into the other repositories.
func checkSentOnce(t *testing.T, sent requests, set synthetic.Set) {
	t.Helper()
	ends := sent.count(func(q request) bool { return q.method == "PUT" && q.kind == "uploads" && q.status == 201 })
	mounts := sent.count(func(q request) bool { return q.mount() && q.status == 201 })
	signed := 0 // payload and config of a signature
	for _, image := range set {
		if image.Signature.Raw != nil {
			signed += 2
		}
	}
	if want := len(set.Blobs()) + signed; ends != want {
		t.Errorf("%d blobs were sent, not %d", ends, want)
	}
	if want := pairsOf(set) - len(set.Blobs()); mounts != want {
		t.Errorf("%d blobs were mounted, not %d", mounts, want)
	}
	if n := sent.count(func(q request) bool { return q.mount() && q.status != 201 }); n > 0 {
		t.Errorf("%d mounts were asked for in vain", n)
	}
}

// pairsOf is how many repositories hold how many blobs, signatures left out.
func pairsOf(set synthetic.Set) int {
	pairs := map[string]bool{}
	for _, image := range set {
		for blob := range (synthetic.Set{image}).Blobs() {
			pairs[image.Repository()+blob] = true
		}
	}
	return len(pairs)
}

// checkNothingSent: the same again writes nothing, and says no more than it must.
func checkNothingSent(t *testing.T, r *dockerRegistry, args ...string) {
	t.Helper()
	before := len(r.requests(t))
	must(t, args...)
	again := r.requests(t)[before:]
	if n := again.count(request.sends); n > 0 {
		t.Errorf("%s again: %d requests write\n%s", args[0], n, again)
	}
}

// checkSame: skopeo finds the source's bytes under every tag of the target and, by the digest, without the tag; curl
// finds every manifest and every blob below them.
func checkSame(t *testing.T, source, target *dockerRegistry, prefix string, set synthetic.Set) {
	t.Helper()
	for i, image := range set {
		if i%(1+len(set)/25) != 0 {
			continue
		}
		want := digest(inspect(t, source, image.Name))
		if got := digest(inspect(t, target, prefix+image.Name)); got != want || want != image.Root().Digest {
			t.Errorf("%s: %s at the source, %s at the target", image.Name, want, got)
		}
		if got := digest(inspect(t, target, prefix+image.Repository()+"@"+want)); got != want {
			t.Errorf("%s by its digest: %s", image.Name, got)
		}
	}
	urls := everything(target, prefix, set)
	for _, image := range set {
		if s := image.Signature; s.Raw != nil {
			urls = append(urls, target.url()+"/v2/"+prefix+image.Repository()+"/manifests/"+s.Tag+" "+s.Digest)
		}
	}
	checkHeads(t, urls)
}

// everything are the URLs of all that a set consists of but for signatures, with their digests.
func everything(r *dockerRegistry, prefix string, set synthetic.Set) []string {
	var urls []string
	for _, image := range set {
		repository := r.url() + "/v2/" + prefix + image.Repository()
		urls = append(urls, repository+"/manifests/"+image.Tag()+" "+image.Root().Digest)
		for _, m := range image.Manifests {
			urls = append(urls, repository+"/manifests/"+m.Digest+" "+m.Digest)
		}
		for blob := range (synthetic.Set{image}).Blobs() {
			urls = append(urls, repository+"/blobs/"+blob+" "+blob)
		}
	}
	return urls
}

// checkHeads lets curl ask for all URLs, each with the digest that stands behind it.
func checkHeads(t *testing.T, wanted []string) {
	t.Helper()
	var config, want strings.Builder
	for _, line := range wanted {
		url, digest, _ := strings.Cut(line, " ")
		fmt.Fprintf(&config, "url = %q\noutput = %q\n", url, os.DevNull)
		fmt.Fprintf(&want, "%d %s %s\n", http.StatusOK, url, digest)
	}
	cmd := exec.Command("curl", "-skI", "-Z", "--parallel-max", "8", "-w", "%{http_code} %{url} %header{docker-content-digest}\n", "-K", "-",
		"-H", "Accept: "+strings.Join([]string{synthetic.OCIIndex, synthetic.OCIManifest, synthetic.DockerList, synthetic.DockerManifest}, ","))
	cmd.Stdin = strings.NewReader(config.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, stderr.String())
	}
	if lacking := difference(want.String(), string(got)); lacking != "" { // curl ends in any order
		t.Errorf("the target lacks:\n%s", lacking)
	}
}

// difference are the lines of want that got lacks.
func difference(want, got string) string {
	have := map[string]bool{}
	for _, line := range lines(got) {
		have[line] = true
	}
	var missing []string
	for _, line := range lines(want) {
		if !have[line] {
			missing = append(missing, line)
		}
	}
	return tail(strings.Join(missing, "\n"))
}

// inspect gives the bytes of a manifest as skopeo sees them.
func inspect(t *testing.T, r *dockerRegistry, name string) []byte {
	t.Helper()
	args := []string{"inspect", "--raw", "--tls-verify=false", "docker://" + r.address + "/" + name}
	if r.password {
		args = append(args, "--creds", carryUser+":"+carryPassword)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("skopeo", args...)
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Errorf("skopeo %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return raw
}

// imageList writes the names of a set as -f takes them, one a line.
func imageList(t *testing.T, set synthetic.Set) string {
	t.Helper()
	var names strings.Builder
	for _, image := range set {
		fmt.Fprintln(&names, image.Name)
	}
	return writeFile(t, filepath.Join(t.TempDir(), "images.txt"), names.String())
}

// full says whether the sets have the size that issue 4 names.
func full() bool { return os.Getenv("AIRGAP_E2E_FULL") == "1" }
