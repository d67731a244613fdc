package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// many are images of one registry, in few repositories, that share layers.
func many(t *testing.T, s *registrytest.Server, n int) []Wanted {
	t.Helper()
	var all []Wanted
	for i := range n {
		name := fmt.Sprintf("a/r%d:v%d", i%10, i)
		if _, err := s.Seed(registrytest.Image{Name: name, Size: 16, Layers: 3, Seed: fmt.Sprint(i % 10), Base: "base"}); err != nil {
			t.Fatal(err)
		}
		ref, err := image.Parse(s.Host + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Wanted{Pair: image.Pair{Source: ref, Target: ref}})
	}
	return all
}

// remote reaches the test's registry.
func remote(t *testing.T, o registry.RemoteOptions) *registry.Remote {
	t.Helper()
	r, err := registry.NewRemote(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each blob is asked for once in its repository, and no layer is read.
func TestRegistryAsksOnce(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	wanted := many(t, s, 100)
	s.Reset()
	h, err := Registry(t.Context(), Site{}, append(wanted, wanted...), remote(t, registry.RemoteOptions{}), RegistryOptions{})
	if err != nil || len(h.Findings) != 0 || len(h.Images) != 100 {
		t.Fatalf("%d images, %v, %v", len(h.Images), h.Findings, err)
	}
	asked := map[string]int{}
	for _, r := range s.Requests() {
		if r.Kind == registrytest.BlobHead {
			asked[r.Path]++
		}
	}
	for path, n := range asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if len(asked) != 10*4 { // base and three layers in each of ten repositories; the configs were read
		t.Errorf("%d blobs were asked for", len(asked))
	}
	for _, r := range s.Requests() {
		if r.Kind == registrytest.BlobGet && r.Sent > 2000 {
			t.Errorf("%s was read", r.Path)
		}
	}
	if h.Bytes <= 0 || h.Bytes >= 100*h.Images[0].Size {
		t.Errorf("%d bytes in all, one image has %d", h.Bytes, h.Images[0].Size)
	}
}

// What keeps a registry from being read is one finding, and is not tried for each image.
func TestRegistryRefusesOnce(t *testing.T) {
	for name, test := range map[string]struct {
		server registrytest.Options
		client registry.RemoteOptions
		faults registrytest.Faults
		most   int // requests
	}{
		"password": {server: registrytest.Options{Username: "u", Password: "p"}, client: registry.RemoteOptions{Username: "u", Password: "no"}, most: 8},
		"token":    {server: registrytest.Options{Username: "u", Password: "p", Realm: "/token"}, client: registry.RemoteOptions{Username: "u", Password: "no"}, most: 8},
		"denied":   {faults: registrytest.Faults{Status: 403}, most: 8},
	} {
		s := registrytest.Start(t, test.server)
		wanted := many(t, s, 50)
		s.Fail(test.faults)
		s.Reset()
		test.client.LoginHost = s.Host
		h, err := Registry(t.Context(), Site{}, wanted, remote(t, test.client), RegistryOptions{})
		if err != nil || len(h.Findings) != 1 || h.Findings[0].Check != CheckRegistryAccess || h.Findings[0].Place != s.Host ||
			!strings.HasSuffix(h.Findings[0].Problem, "nor could 49 other images be looked at") {
			t.Errorf("%s: %+v, %v", name, h.Findings, err)
		}
		if n := len(s.Requests()); n > test.most {
			t.Errorf("%s: %d requests", name, n)
		}
		if h.Holds(wanted[0].Target) || len(h.Inventory().Images) != 0 {
			t.Errorf("%s: something counts as held", name)
		}
	}
}

// A registry that refuses one image says so of that one.
func TestRegistryRefusesOne(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	wanted := many(t, s, 30)
	s.Fail(registrytest.Faults{Status: 403, StatusTimes: 1})
	h, err := Registry(t.Context(), Site{}, wanted, remote(t, registry.RemoteOptions{}), RegistryOptions{Parallel: 1})
	if err != nil || len(h.Findings) != 1 || strings.Contains(h.Findings[0].Problem, "other") {
		t.Fatalf("%+v, %v", h.Findings, err)
	}
	held := 0
	for _, w := range wanted {
		if h.Holds(w.Target) {
			held++
		}
	}
	if held != 29 {
		t.Errorf("%d images are held", held)
	}
}

// An image with a digest that two names ask for is looked at once, and counts for both.
func TestRegistryTwoNames(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	direct := many(t, s, 1)[0]
	mirrored := direct
	mirrored.Source.Registry, mirrored.By = "registry.k8s.io", "kubeadm v1.36.3"
	h, err := Registry(t.Context(), Site{}, []Wanted{mirrored, direct}, remote(t, registry.RemoteOptions{}), RegistryOptions{})
	if err != nil || len(h.Images) != 2 || h.Images[0].Digest != h.Images[1].Digest || h.Images[0].Target != h.Images[1].Target {
		t.Errorf("%+v, %v", h.Images, err)
	}
	direct.Target.Tag, mirrored.Target.Tag = "gone", "gone"
	h, err = Registry(t.Context(), Site{}, []Wanted{mirrored, direct}, remote(t, registry.RemoteOptions{}), RegistryOptions{})
	if err != nil || len(h.Findings) != 1 || h.Findings[0].Check != CheckRegistryTag {
		t.Errorf("%+v, %v", h.Findings, err)
	}
}

// Layers that no registry holds matter where nodes pull them.
func TestRegistryForeign(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	if _, err := s.Seed(registrytest.Image{Name: "a/win:v1", Platforms: []string{"windows/amd64", "linux/amd64"}, Foreign: true}); err != nil {
		t.Fatal(err)
	}
	ref, _ := image.Parse(s.Host + "/a/win:v1")
	for platform, want := range map[string]int{"": 1, "linux/amd64": 0, "windows/amd64": 1} {
		o := RegistryOptions{}
		if platform != "" {
			o.Platforms = []string{platform}
		}
		h, err := Registry(t.Context(), Site{}, []Wanted{{Pair: image.Pair{Source: ref, Target: ref}}}, remote(t, registry.RemoteOptions{}), o)
		if err != nil || len(h.Findings) != want || want > 0 && h.Findings[0].Check != CheckRegistryForeign {
			t.Errorf("%q: %+v, %v", platform, h.Findings, err)
		}
	}
	if _, err := Registry(t.Context(), Site{}, nil, remote(t, registry.RemoteOptions{}), RegistryOptions{Platforms: []string{"linux"}}); err == nil {
		t.Error("linux is taken for a platform")
	}
}

// What a site holds is what the next archive need not bring.
func TestInventory(t *testing.T) {
	s := newSmall(t, registrytest.Options{})
	s.deleteBlob("quay.io/a/env:v1", 1)
	a, err := bundle.Open(s.archive)
	s.check(err)
	defer a.Close()
	carried, err := NewCarried(a.Lock(), s.mapping(), bundle.PairsOptions{})
	s.check(err)
	h, err := Registry(t.Context(), Site{}, carried.Wanted(), remote(t, s.remote), RegistryOptions{Carried: carried})
	s.check(err)
	var text bytes.Buffer
	s.check(json.NewEncoder(&text).Encode(h.Inventory()))
	inv, err := bundle.ReadInventory(&text)
	s.check(err)
	var want []string
	for _, name := range images {
		if name != "quay.io/a/env:v1" {
			want = append(want, name)
		}
	}
	var got []string
	for _, i := range inv.Images {
		got = append(got, i.Image)
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var pairs []image.Pair
	for _, name := range images {
		pairs = append(pairs, image.Pair{Source: s.ref(name), Target: s.ref(name)})
	}
	plan, err := registry.NewPlan(t.Context(), pairs, a, registry.PlanOptions{})
	s.check(err)
	if rest, _ := inv.Leave(plan); len(rest.Images) != 1 || rest.Images[0].Target.Repository != "a/env" {
		t.Errorf("%d images are left to carry", len(rest.Images))
	}
}

// An archive for a site that has something need not bring that, but the site must have it.
func TestArchiveDifference(t *testing.T) {
	s := newSmall(t, registrytest.Options{})
	gone := s.plan("quay.io/a/env:v1").Blobs[1]
	site := Site{Target: s.target, Mapping: s.mapping()}
	s.pull(images[:1])
	a, err := bundle.Open(s.archive)
	s.check(err)
	defer a.Close()
	carried, err := NewCarried(a.Lock(), s.mapping(), bundle.PairsOptions{})
	s.check(err)
	var wanted []Wanted
	for _, name := range images {
		r := s.target2(s.ref(name))
		wanted = append(wanted, Wanted{Pair: image.Pair{Source: r, Target: r}})
	}
	r := remote(t, s.remote)
	h, err := Registry(t.Context(), site, wanted, r, RegistryOptions{})
	s.check(err)
	o := ArchiveOptions{Path: "site.tar", Carried: carried, Holding: h, Difference: true}
	if found, err := Archive(t.Context(), site, a, wanted, o); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	o.Difference = false
	if found, err := Archive(t.Context(), site, a, wanted, o); err != nil || len(found) != len(images)-1 {
		t.Errorf("%d findings, %v", len(found), err)
	}
	lock := &bundle.Lock{Elsewhere: []bundle.LockedBlob{{Digest: gone.Digest, Size: gone.Size, Image: "quay.io/a/env:v1"}}}
	o.Registry, o.Mapping = r, s.mapping()
	if found, err := archiveElsewhere(t.Context(), &site, lock, &o); err != nil || len(found) != 0 {
		t.Errorf("the blob is there: %v, %v", found, err)
	}
	s.deleteBlob("quay.io/a/env:v1", 1)
	if found, err := archiveElsewhere(t.Context(), &site, lock, &o); err != nil || len(found) != 1 || found[0].Check != CheckArchiveElsewhere {
		t.Errorf("the blob is gone: %v, %v", found, err)
	}
}
