package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A upstream is a registry in memory that counts what is fetched from it, and
// can fail.
type upstream struct {
	registry.Memory
	t testing.TB

	lock    sync.Mutex
	fetched map[digest.Digest]int
	files   map[string]int
	budget  int64 // bytes until everything fails; negative means that nothing does
	jitter  *rand.Rand
}

var errCut = errors.New("the connection was cut")

func newUpstream(t testing.TB) *upstream {
	return &upstream{t: t, fetched: map[digest.Digest]int{}, files: map[string]int{}, budget: -1}
}

// blob puts a blob into the repository of an image.
func (u *upstream) blob(name, mediaType string, content []byte) registry.Descriptor {
	u.t.Helper()
	d := registry.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	if _, err := u.PutBlob(context.Background(), ref(u.t, name), d, nil, open); err != nil {
		u.t.Fatal(err)
	}
	return d
}

func (u *upstream) manifest(name, mediaType string, content any) registry.Descriptor {
	u.t.Helper()
	raw := jsonOf(u.t, content)
	d := registry.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	r := ref(u.t, name)
	r.Digest = ""
	if err := u.PutManifest(context.Background(), r, d, raw); err != nil {
		u.t.Fatal(err)
	}
	return d
}

// image makes an image for one platform.
func (u *upstream) image(name, arch string, layers ...[]byte) registry.Descriptor {
	u.t.Helper()
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: arch}}
	config.RootFS.Type = "layers"
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(l))
		m.Layers = append(m.Layers, u.blob(name, ocispec.MediaTypeImageLayer, l))
	}
	m.Config = u.blob(name, ocispec.MediaTypeImageConfig, jsonOf(u.t, config))
	d := u.manifest(name, m.MediaType, m)
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
	return d
}

// index makes an image for amd64 and arm64 with a layer in common.
func (u *upstream) index(name string, base []byte) registry.Descriptor {
	u.t.Helper()
	return u.manifest(name, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []registry.Descriptor{
			u.image(name+"-amd64", "amd64", base, []byte(name+" amd64")),
			u.image(name+"-arm64", "arm64", base, []byte(name+" arm64")),
		},
	})
}

// sign makes a signature of an image, as cosign does.
func (u *upstream) sign(name string, of registry.Descriptor) {
	u.t.Helper()
	r := ref(u.t, name)
	r.Tag = "sha256-" + of.Digest.Encoded() + ".sig"
	u.manifest(r.String(), ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: u.blob(name, ocispec.MediaTypeImageConfig, []byte("{}")),
		Layers: []registry.Descriptor{u.blob(name, "application/vnd.dev.cosign.simplesigning.v1+json", []byte("signed "+name))},
	})
}

// attach makes an SBOM of an image, as oras does.
func (u *upstream) attach(name string, to registry.Descriptor) registry.Descriptor {
	u.t.Helper()
	return u.manifest(name+"-sbom", ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: "application/spdx+json",
		Config:       u.blob(name, ocispec.MediaTypeEmptyJSON, []byte("{}")),
		Layers:       []registry.Descriptor{u.blob(name, "application/spdx+json", []byte("sbom of "+name))},
		Subject:      &to,
	})
}

// Fetch counts, and fails when the budget is spent.
func (u *upstream) Fetch(ctx context.Context, r image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	content, err := u.Memory.Fetch(ctx, r, desc)
	u.lock.Lock()
	defer u.lock.Unlock()
	u.fetched[desc.Digest]++
	return &metered{content, u}, err
}

// metered is content that costs budget and comes in pieces of any size.
type metered struct {
	io.ReadCloser
	of *upstream
}

func (m *metered) Read(p []byte) (int, error) {
	m.of.lock.Lock()
	most, budget := len(p), m.of.budget
	if m.of.jitter != nil {
		most = min(most, 1+m.of.jitter.IntN(40_000))
		time.Sleep(time.Duration(m.of.jitter.IntN(200)) * time.Microsecond)
	}
	if budget >= 0 {
		most = min(most, int(budget))
		m.of.budget -= int64(most)
	}
	m.of.lock.Unlock()
	if budget == 0 {
		return 0, errCut
	}
	return m.ReadCloser.Read(p[:most])
}

// file is a file that upstream has.
func (u *upstream) file(path string, content []byte) File {
	return File{
		Path: path, URL: "https://example.com/" + path, Size: int64(len(content)), SHA256: digest.FromBytes(content).Encoded(),
		Open: func(context.Context) (io.ReadCloser, error) {
			u.lock.Lock()
			defer u.lock.Unlock()
			u.files[path]++
			return &metered{io.NopCloser(bytes.NewReader(content)), u}, nil
		},
	}
}

// reset forgets what was fetched and what fails.
func (u *upstream) reset() {
	u.fetched, u.files, u.budget = map[digest.Digest]int{}, map[string]int{}, -1
}

func ref(t testing.TB, name string) image.Ref {
	t.Helper()
	r, err := image.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pairs are images that keep their names.
func pairs(t testing.TB, names ...string) []image.Pair {
	t.Helper()
	var all []image.Pair
	for _, name := range names {
		r := ref(t, name)
		all = append(all, image.Pair{Source: r, Target: r})
	}
	return all
}

func (u *upstream) plan(names ...string) *registry.Plan {
	u.t.Helper()
	plan, err := registry.NewPlan(context.Background(), pairs(u.t, names...), u, registry.PlanOptions{Referrers: true})
	if err != nil {
		u.t.Fatal(err)
	}
	return plan
}

// longPath is a path that has no room in a tar header of the old format.
var longPath = "providers/" + strings.Repeat("a-long-name/", 20) + strings.Repeat("x", 120) + ".yaml"

// makeSite is a registry and what an archive of it should hold: images that share
// layers, by tag, by digest and by both, for one platform and for several, with
// signatures, and files, one of them without a digest.
func makeSite(t testing.TB) (*upstream, Contents) {
	t.Helper()
	u := newUpstream(t)
	base := noise(700_000)
	multi := u.index("registry.k8s.io/multi:v1", base)
	u.sign("registry.k8s.io/multi:v1", multi)
	single := u.image("docker.io/library/single:1.0", "amd64", base, noise(3000))
	u.attach("docker.io/library/single:1.0", single)
	both := u.image("quay.io/a/both:v2", "amd64", noise(1000))
	u.image("quay.io/a/bare:x", "arm64", noise(300_000), []byte{})
	names := []string{
		"registry.k8s.io/multi:v1", "docker.io/library/single:1.0",
		"quay.io/a/both:v2@" + both.Digest.String(),
		"quay.io/a/both@" + both.Digest.String(), "quay.io/a/bare:x",
	}
	unknown := u.file("binaries/kubectl", noise(400_000))
	unknown.SHA256, unknown.Mode = "", 0o755
	return u, Contents{
		Plan:    u.plan(names...),
		Files:   []File{u.file(longPath, []byte("a: b\n")), unknown, u.file("empty", nil), u.file("ovas/ä.ova", noise(600_001))},
		Uses:    map[image.Ref][]string{ref(t, names[0]): {"b.yaml:1:2", "a.yaml:3:4", "a.yaml:3:4"}},
		Targets: map[image.Ref]image.Ref{ref(t, names[0]): ref(t, "registry.local/k8s/multi:v1")},
	}
}

// pull makes an archive that must come to be.
func pull(t testing.TB, path string, c Contents, from registry.Source) *Report {
	t.Helper()
	report, err := Create(context.Background(), path, c, from, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func openArchive(t testing.TB, path string) *Archive {
	t.Helper()
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// wantSound holds that nothing is wrong with an archive.
func wantSound(t testing.TB, path string) {
	t.Helper()
	findings, err := openArchive(t, path).Check(context.Background(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// wantAlone holds that the archive is the one file of its folder.
func wantAlone(t *testing.T, path string) {
	t.Helper()
	if got := names(t, filepath.Dir(path)); len(got) != 1 || got[0] != filepath.Base(path) {
		t.Errorf("the folder has %q", got)
	}
}
