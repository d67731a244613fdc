package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// ownPairs are the images of an archive under their own names.
func ownPairs(t testing.TB, a *Archive) []image.Pair {
	t.Helper()
	all, err := a.Lock().Pairs(image.Mapping{}, PairsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// loadTar loads images of a site into a file.
func loadTar(t testing.TB, a *Archive, pairs []image.Pair, o LoadOptions) (string, *Loaded) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.tar")
	loaded, err := LoadFile(t.Context(), a, pairs, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return path, loaded
}

// An untarred is what a tar holds, by name.
type untarred map[string][]byte

func untar(t testing.TB, raw []byte) untarred {
	t.Helper()
	all := untarred{}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if all[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// index gives what index.json names, and holds that all of it is there and that
// nothing else is.
func (u untarred) index(t testing.TB) map[string]digest.Digest {
	t.Helper()
	var index ocispec.Index
	if err := json.Unmarshal(u[indexPath], &index); err != nil {
		t.Fatal(err)
	}
	named, needed := map[string]digest.Digest{}, map[string]bool{indexPath: true, dockerPath: true, layoutPath: true}
	todo := slices.Clone(index.Manifests)
	for _, d := range index.Manifests {
		named[d.Annotations[nameAnnotation]] = d.Digest
		if d.Annotations[ocispec.AnnotationRefName] != d.Annotations[nameAnnotation] {
			t.Errorf("%v", d.Annotations)
		}
	}
	for len(todo) > 0 {
		d := todo[0]
		todo = todo[1:]
		raw, ok := u[blobPath(d.Digest)]
		if !ok || digest.FromBytes(raw) != d.Digest || int64(len(raw)) != d.Size {
			t.Errorf("%s: %d bytes of %s", d.Digest, len(raw), digest.FromBytes(raw))
		}
		needed[blobPath(d.Digest)] = true
		if isManifest(d.MediaType) {
			n, err := parseNode(raw)
			if err != nil {
				t.Fatal(err)
			}
			todo = append(append(todo, n.Manifests...), n.blobs()...)
		}
	}
	for name := range u {
		if !needed[name] {
			t.Errorf("no image needs %s", name)
		}
	}
	return named
}

func TestLoad(t *testing.T) {
	s := newSite(t)
	path, loaded := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{})
	raw := get(t, path)
	got := untar(t, raw).index(t)
	want := map[string]digest.Digest{
		"docker.io/library/nginx:1.25": s.nginx.Digest, "localhost:5000/a/b:v2": s.port.Digest, "quay.io/x/y:v1": s.tool.Digest,
		"quay.io/x/y@" + s.tool.Digest.String(): s.tool.Digest, "registry.k8s.io/pause:3.10": s.pause.Digest,
	}
	if len(got) != len(want) {
		t.Errorf("names %v, want %v", got, want)
	}
	for name, d := range want {
		if got[name] != d {
			t.Errorf("%s is %s, want %s", name, got[name], d)
		}
	}
	if loaded.Size != int64(len(raw)) || !slices.Equal(loaded.Images, s.Images()) || len(loaded.LeftOut) > 0 {
		t.Errorf("%+v of %d bytes", loaded, len(raw))
	}
	if again, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{}); !bytes.Equal(get(t, again), raw) {
		t.Error("the same images make another tar")
	}
	var stream bytes.Buffer
	if _, err := Load(t.Context(), s.Archive, ownPairs(t, s.Archive), &stream, LoadOptions{}); err != nil || !bytes.Equal(stream.Bytes(), raw) {
		t.Error("a stream is another tar than a file", err)
	}
}

func TestLoadPlatform(t *testing.T) {
	s := newSite(t)
	path, loaded := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{Platform: "linux/aarch64"})
	all := untar(t, get(t, path))
	got := all.index(t)
	if len(got) != 2 || got["localhost:5000/a/b:v2"] != s.port.Digest || got["registry.k8s.io/pause:3.10"] == s.pause.Digest {
		t.Errorf("%v", got)
	}
	if _, ok := all[blobPath(s.amd64.Digest)]; ok {
		t.Error("another platform is in the tar as well")
	}
	var docker []dockerImage
	if err := json.Unmarshal(all[dockerPath], &docker); err != nil || len(docker) != 2 {
		t.Fatalf("%s", all[dockerPath])
	}
	var left []string
	for _, l := range loaded.LeftOut {
		left = append(left, l.Image.String()+": "+l.Reason)
	}
	want := []string{
		"docker.io/library/nginx:1.25: it is not there for linux/arm64, only for linux/amd64",
		"quay.io/x/y:v1@" + s.tool.Digest.String() + ": it is not there for linux/arm64, only for linux/amd64",
	}
	if !slices.Equal(left, want) {
		t.Errorf("left out %q, want %q", left, want)
	}
	_, err := Load(t.Context(), s.Archive, ownPairs(t, s.Archive), io.Discard, LoadOptions{Platform: "windows/amd64"})
	wantError(t, err, "no image that a node could run", "nginx", "pause", "only for linux/amd64, linux/arm64")
	_, err = Load(t.Context(), s.Archive, ownPairs(t, s.Archive), io.Discard, LoadOptions{Platform: "amd64"})
	wantError(t, err, `"amd64"`)
}

func TestLoadNames(t *testing.T) {
	s := newSite(t)
	m, err := image.NewMapping("registry.site/airgap", image.LayoutPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := s.Lock().Pairs(m, PairsOptions{AlsoTag: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	path, _ := loadTar(t, s.Archive, pairs[:2], LoadOptions{})
	got := untar(t, get(t, path)).index(t)
	if len(got) != 2 || got["registry.site/airgap/library/nginx:1.25"] != s.nginx.Digest || got["registry.site/airgap/library/nginx:latest"] != s.nginx.Digest {
		t.Errorf("%v", got)
	}
}

// An artifact is no image: containerd would try to unpack it.
func TestLoadArtifact(t *testing.T) {
	s := &site{seed: &seed{TB: t}}
	chart, pause := parse(t, "ghcr.io/charts/x:1"), parse(t, "registry.k8s.io/pause:3.10")
	s.seed.about(chart, nil, "application/vnd.cncf.helm.config.v1+json", "chart")
	s.seed.image(pause, "linux/amd64", false, "a")
	s.create(t, chart, pause)
	_, loaded := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{})
	if len(loaded.Images) != 1 || len(loaded.LeftOut) != 1 || loaded.LeftOut[0].Image != chart || loaded.LeftOut[0].Reason != "it is no container image" {
		t.Errorf("%+v", loaded)
	}
}

func TestLoadRefuses(t *testing.T) {
	s := newSite(t)
	_, err := Load(t.Context(), s.Archive, []image.Pair{{Source: parse(t, "missing"), Target: parse(t, "missing")}}, io.Discard, LoadOptions{})
	wantError(t, err, "loading images", "docker.io/library/missing:latest", "not found")
	_, err = Load(t.Context(), s.Archive, nil, io.Discard, LoadOptions{})
	wantError(t, err, "no image")
	damaged := get(t, s.path)
	blob := s.plan.Images[0].Blobs[1]
	section, _ := s.Blob(blob.Digest)
	good, _ := io.ReadAll(section)
	damaged[bytes.Index(damaged, good)+30] ^= 1
	put(t, s.path, damaged)
	a := openArchive(t, s.path)
	out := filepath.Join(t.TempDir(), "images.tar")
	_, err = LoadFile(t.Context(), a, ownPairs(t, a), out, LoadOptions{})
	wantError(t, err, blobPath(blob.Digest), "needed by docker.io/library/nginx:1.25")
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) || len(names(t, filepath.Dir(out))) > 0 {
		t.Error("something was left behind", err)
	}
}

// What the archive lacks because its site has it, a node does not have.
func TestLoadElsewhere(t *testing.T) {
	s := newSite(t)
	layer := s.plan.Images[0].Blobs[1]
	path := filepath.Join(t.TempDir(), "rest.tar")
	_, err := Create(t.Context(), path, Contents{
		Plan: s.plan, Elsewhere: []LockedBlob{{Digest: layer.Digest, Size: layer.Size, Image: "quay.io/other:1"}},
	}, &s.seed.Memory, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, path)
	_, err = Load(t.Context(), a, ownPairs(t, a), io.Discard, LoadOptions{})
	wantError(t, err, "nginx:1.25", layer.Digest.String(), "left out of the archive")
}

// What was loaded can be read as what docker save wrote.
func TestLoadImport(t *testing.T) {
	s := newSite(t)
	path, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{Platform: "linux/amd64"})
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	want := []string{"docker.io/library/nginx:1.25", "quay.io/x/y:v1", "registry.k8s.io/pause:3.10"}
	var got []string
	for _, ref := range tree.Images() {
		got = append(got, ref.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var to registry.Memory
	results, err := registry.Copy(t.Context(), []image.Pair{{Source: tree.Images()[0], Target: parse(t, "r.site/nginx:1")}}, tree, &to, registry.PlanOptions{}, registry.TransferOptions{})
	if err != nil || results[0].Err != nil {
		t.Error(results, err)
	}
}

func TestLoadSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip(err)
	}
	s := newSite(t)
	all, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{})
	one, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{Platform: "linux/amd64"})
	for _, path := range []string{all, one} {
		for _, name := range []string{"registry.k8s.io/pause:3.10", "docker.io/library/nginx:1.25", "quay.io/x/y:v1"} {
			for _, transport := range []string{"docker-archive:", "oci-archive:"} {
				if strings.Contains(name, "nginx") && transport == "oci-archive:" {
					continue // skopeo 1.9 finds no image by name whose manifest is docker's, in any layout
				}
				dir := t.TempDir()
				cmd := exec.Command(skopeo, "--override-os=linux", "--override-arch=amd64", "copy", "--insecure-policy", transport+path+":"+name, "dir:"+dir)
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s%s: %v: %s", transport, name, err, text)
				}
				cmd = exec.Command(skopeo, "--override-os=linux", "--override-arch=amd64", "inspect", transport+path+":"+name)
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s%s: %v: %s", transport, name, err, text)
				}
			}
		}
	}
}

// ctr starts a containerd of its own and gives what runs ctr with it.
func ctr(t *testing.T) func(args ...string) string {
	t.Helper()
	containerd, err := exec.LookPath("containerd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs containerd, and root to run it: ", err)
	}
	dir, err := os.MkdirTemp("", "ctr") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	config := filepath.Join(dir, "config.toml")
	put(t, config, []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\", \"io.containerd.nri.v1.nri\"]\n"))
	server := exec.Command(containerd, "--config", config, "--root", filepath.Join(dir, "root"), "--state", filepath.Join(dir, "state"), "--address", socket)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	})
	for range 200 {
		if exec.Command("ctr", "--address", socket, "version").Run() == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return func(args ...string) string {
		t.Helper()
		text, err := exec.Command("ctr", append([]string{"--address", socket}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("ctr %q: %v: %s", args, err, text)
		}
		return string(text)
	}
}

// What containerd imports has exactly the full names.
func TestLoadContainerd(t *testing.T) {
	run := ctr(t)
	s := newSite(t)
	for namespace, o := range map[string]LoadOptions{"all": {}, "one": {Platform: "linux/amd64"}} {
		path, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), o)
		args := []string{"--namespace", namespace, "images", "import", "--snapshotter", "native", path}
		want := []string{
			"docker.io/library/nginx:1.25", "quay.io/x/y:v1", "quay.io/x/y@" + s.tool.Digest.String(), "registry.k8s.io/pause:3.10",
		}
		if o.Platform == "" {
			args = slices.Insert(args, len(args)-1, "--all-platforms", "--no-unpack")
			want = slices.Insert(want, 1, "localhost:5000/a/b:v2")
		} else {
			args = slices.Insert(args, len(args)-1, "--platform", o.Platform)
		}
		run(args...)
		if got := strings.Fields(run("--namespace", namespace, "images", "list", "--quiet")); !slices.Equal(got, want) {
			t.Errorf("%s: containerd has %q, want %q", namespace, got, want)
		}
		if text := run("--namespace", namespace, "images", "check", "--snapshotter", "native"); strings.Contains(text, "incomplete") {
			t.Error(text)
		}
	}
}
