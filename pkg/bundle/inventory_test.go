package bundle

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

func TestInventory(t *testing.T) {
	s := newSite(t)
	inv := s.Inventory()
	text := jsonOf(t, inv)
	again, err := ReadInventory(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(jsonOf(t, again), text) {
		t.Errorf("%s is read as %s", text, jsonOf(t, again))
	}
	if !bytes.HasPrefix(text, []byte(`{"apiVersion":"kubectl-airgap.io/v1alpha1","kind":"Inventory","images":[{"image":"docker.io/library/nginx:1.25","digest":"`+s.nginx.Digest.String()+`","mediaType":`)) {
		t.Errorf("%s", text)
	}
	var size int64
	for _, b := range inv.Blobs {
		size += b.Size
		if !slices.ContainsFunc(inv.Images, func(i InventoryImage) bool { return i.Image == b.Image }) {
			t.Errorf("%s is of %s, which is not there", b.Digest, b.Image)
		}
	}
	if size != s.plan.Size() || len(inv.Blobs) != len(s.plan.Contents()) {
		t.Errorf("%d blobs of %d bytes, want %d of %d", len(inv.Blobs), size, len(s.plan.Contents()), s.plan.Size())
	}
	kubectl := inv.Files[0]
	if !inv.HasFile(kubectl.Path, kubectl.SHA256) || inv.HasFile(kubectl.Path, inv.Files[1].SHA256) || inv.HasFile("x", kubectl.SHA256) {
		t.Error("HasFile does not know what is there")
	}
}

func TestReadInventoryRefuses(t *testing.T) {
	sum := digest.FromString("x").String()
	inventory := func(rest string) string {
		return `{"apiVersion":"kubectl-airgap.io/v1alpha1","kind":"Inventory",` + rest + `}`
	}
	img := func(name, digest string, size int) string {
		return fmt.Sprintf(`{"image":%q,"digest":%q,"size":%d}`, name, digest, size)
	}
	for text, want := range map[string][]string{
		"":    {"EOF"},
		"{}":  {`""`, "not an Inventory"},
		"[1]": {"array"},
		`{"apiVersion":"kubectl-airgap.io/v2","kind":"Inventory"}`:                              {"v2"},
		`{"apiVersion":"kubectl-airgap.io/v1alpha1","kind":"Lock"}`:                             {`"Lock"`},
		inventory(`"surprise":1`):                                                               {"surprise"},
		inventory(`"images":[]`) + "{}":                                                         {"follows"},
		inventory(`"images":[` + img("A", sum, 1) + "," + img("r.io/a:1", "sha256:x", 1) + `]`): {`image "A"`, `image "r.io/a:1"`, "digest"},
		inventory(`"images":[` + img("nginx", sum, 1) + `]`):                                    {"docker.io/library/nginx:latest"},
		inventory(`"images":[` + img("r.io/a:1", sum, -1) + `]`):                                {"-1 bytes"},
		inventory(`"images":[` + img("r.io/a:1", sum, 1) + "," + img("r.io/a:1", sum, 1) + `]`): {"twice"},
		inventory(`"blobs":[` + img("r.io/a:1", sum, 1) + "," + img("r.io/b:1", sum, 1) + `]`):  {"blob", "twice"},
		inventory(`"blobs":[` + img("", sum, 1) + `]`):                                          {"blob", sum},
		inventory(`"files":[{"path":"../x","sha256":"` + sum[7:] + `","size":1}]`):              {`"../x"`},
		inventory(`"files":[{"path":"x","sha256":"y","size":1}]`):                               {`file "x"`},
		inventory(`"images":[` + strings.Repeat(" ", maxInventory) + `]`):                       {"larger than"},
	} {
		_, err := ReadInventory(strings.NewReader(text))
		wantError(t, err, append(want, "reading the inventory")...)
	}
}

// What a site has is not carried again: whole images, and layers of others.
func TestLeave(t *testing.T) {
	s := newSite(t)
	inv := s.Inventory()
	if rest, elsewhere := inv.Leave(s.plan); len(rest.Images) > 0 || len(elsewhere) > 0 {
		t.Errorf("of what it has itself it lacks %v, %v", rest, elsewhere)
	}
	if rest, elsewhere := (&Inventory{}).Leave(s.plan); len(rest.Images) != 4 || len(elsewhere) > 0 {
		t.Errorf("of what nobody has there is %v, %v", rest, elsewhere)
	}
	next := parse(t, "registry.k8s.io/pause:3.11")
	s.seed.image(next, "linux/amd64", false, "base", "new")
	pause := parse(t, "registry.k8s.io/pause:3.10")
	plan, err := registry.NewPlan(t.Context(), []image.Pair{{Source: pause, Target: pause}, {Source: next, Target: next}}, &s.seed.Memory, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	rest, elsewhere := inv.Leave(plan)
	base := digest.FromBytes(compressed(t, tarOf(t, item{name: "file-base", body: []byte("base")})))
	if len(rest.Images) != 1 || rest.Images[0].Target != next || len(elsewhere) != 1 || elsewhere[0].Digest != base || elsewhere[0].Image != "docker.io/library/nginx:1.25" {
		t.Fatalf("%v, %v", rest, elsewhere)
	}
	path := filepath.Join(t.TempDir(), "rest.tar")
	if _, err := Create(t.Context(), path, Contents{Plan: rest, Elsewhere: elsewhere}, &s.seed.Memory, CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, path)
	if _, ok := a.Blob(base); ok || !reflect.DeepEqual(a.Lock().Elsewhere, elsewhere) {
		t.Error("what the site has is in the archive")
	}
	if !slices.ContainsFunc(a.Inventory().Blobs, func(b LockedBlob) bool { return reflect.DeepEqual(b, elsewhere[0]) }) {
		t.Error("the inventory lacks what the site has")
	}
}

// A signature that came later is carried with its image.
func TestLeaveReferrers(t *testing.T) {
	s := newSite(t)
	inv := s.Inventory()
	pause := parse(t, "registry.k8s.io/pause:3.10")
	late := s.seed.about(untagged(pause), &s.pause, "example/signature", "signed again")
	plan, err := registry.NewPlan(t.Context(), []image.Pair{{Source: pause, Target: pause}}, &s.seed.Memory, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := inv.Leave(plan)
	if len(rest.Images) != 1 || !slices.ContainsFunc(rest.Images[0].Manifests, func(m registry.Manifest) bool { return m.Digest == late.Digest }) {
		t.Error("the new signature stays at home")
	}
	if plan, err = registry.NewPlan(t.Context(), []image.Pair{{Source: pause, Target: pause}}, &s.seed.Memory, registry.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	if rest, _ = inv.Leave(plan); len(rest.Images) > 0 {
		t.Error("an image without its signatures is less than what is there")
	}
}

// A configuration says for which platform an image is, and planning a push reads it.
func TestLeaveConfigurations(t *testing.T) {
	s := newSite(t)
	inv := s.Inventory()
	inv.Images = nil
	_, elsewhere := inv.Leave(s.plan)
	var got, want []digest.Digest
	for _, b := range elsewhere {
		got = append(got, b.Digest)
	}
	for _, img := range s.plan.Images {
		for _, b := range img.Blobs {
			if strings.Contains(b.MediaType, "layer") || strings.Contains(b.MediaType, "rootfs") || b.MediaType == "text/plain" {
				want = append(want, b.Digest)
			}
		}
	}
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("left out %v, want the layers %v", got, want)
	}
}

// A name that stands for another image at the site, or a blob that has another
// size there, counts for nothing.
func TestLeaveOther(t *testing.T) {
	s := newSite(t)
	inv := s.Inventory()
	for i := range inv.Images {
		inv.Images[i].Digest = digest.FromString("other")
	}
	for i := range inv.Blobs {
		inv.Blobs[i].Size++
	}
	if rest, elsewhere := inv.Leave(s.plan); len(rest.Images) != 4 || len(elsewhere) > 0 {
		t.Errorf("%v, %v", rest, elsewhere)
	}
}

func TestDiff(t *testing.T) {
	sum := func(s string) digest.Digest { return digest.FromString(s) }
	file := func(path, content, mode string) LockFile {
		return LockFile{Path: path, SHA256: sum(content).Encoded(), Size: int64(len(content)), Mode: mode}
	}
	blob := func(s string) LockedBlob { return LockedBlob{Digest: sum(s), Size: int64(len(s))} }
	old := &Inventory{
		Images: []InventoryImage{
			{Image: "r.io/changed:1", Digest: sum("1")},
			{Image: "r.io/gone:1", Digest: sum("2")},
			{Image: "r.io/same:1", Digest: sum("3")},
			{Image: "r.io/signed:1", Digest: sum("5")},
		},
		Files: []LockFile{file("changed", "a", ""), file("gone", "b", ""), file("mode", "c", ""), file("same", "d", "")},
		Blobs: []LockedBlob{blob("one"), blob("two")},
	}
	now := &Inventory{
		Images: []InventoryImage{
			{Image: "r.io/signed:1", Digest: sum("5"), Referrers: []string{sum("6").String()}},
			{Image: "r.io/same:1", Digest: sum("3")},
			{Image: "r.io/new:1", Digest: sum("4"), Size: 4},
			{Image: "r.io/changed:1", Digest: sum("9"), Size: 9},
		},
		Files: []LockFile{file("changed", "aaaa", ""), file("copy", "d", ""), file("mode", "c", "0755"), file("new", "nnnnnnnn", ""), file("same", "d", "")},
		Blobs: []LockedBlob{blob("two"), blob("three"), blob("fourth")},
	}
	want := jsonOf(t, Difference{
		Added: []InventoryImage{now.Images[2]},
		Changed: []ChangedImage{
			{Image: "r.io/changed:1", From: sum("1"), To: sum("9"), Size: 9}, {Image: "r.io/signed:1", From: sum("5"), To: sum("5"), ReferrersOnly: true},
		},
		Removed: []InventoryImage{old.Images[1]},
		Files: FileDifference{
			Added: []LockFile{now.Files[1], now.Files[3]}, Changed: []LockFile{now.Files[0], now.Files[2]}, Removed: []LockFile{old.Files[1]},
		},
		NewBlobs: 2, NewBytes: 5 + 6 + 4 + 8,
	})
	got := Diff(old, now)
	if !bytes.Equal(jsonOf(t, got), want) || got.Empty() {
		t.Errorf("%s, want %s", jsonOf(t, got), want)
	}
	if d := Diff(old, old); !d.Empty() || d.NewBytes != 0 {
		t.Errorf("%s", jsonOf(t, d))
	}
}

func FuzzReadInventory(f *testing.F) {
	f.Add(jsonOf(f, newSite(f).Inventory()))
	f.Add([]byte(`{"apiVersion":"kubectl-airgap.io/v1alpha1","kind":"Inventory","images":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		inv, err := ReadInventory(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := ReadInventory(io.LimitReader(bytes.NewReader(jsonOf(t, inv)), maxInventory))
		if err != nil || !bytes.Equal(jsonOf(t, again), jsonOf(t, inv)) {
			t.Errorf("%s is read as %s, %v", jsonOf(t, inv), jsonOf(t, again), err)
		}
		if !Diff(inv, again).Empty() {
			t.Error("an inventory differs from itself")
		}
	})
}
