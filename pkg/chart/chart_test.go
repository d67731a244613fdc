package chart_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/chart"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type entry struct{ name, content string }

// pack makes a package.
func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const about = "apiVersion: v2\nname: demo\nversion: 1.2.3+build.1\nappVersion: 1.2\ndescription: A chart\ndependencies:\n- name: sub\n  version: 0.1.0\n  repository: \"\"\n"

func demo(t testing.TB) []byte {
	return pack(t, entry{"demo/Chart.yaml", about}, entry{"demo/values.yaml", "a: 1\n"},
		entry{"demo/charts/sub/Chart.yaml", "name: sub\n"}, entry{"demo/charts/sub/values.yaml", "b: 2\n"},
		entry{"demo/templates/values.yaml", "no\n"}, entry{"demo/charts/sub/templates/Chart.yaml", "no\n"})
}

func read(t testing.TB, raw []byte) chart.Packed {
	t.Helper()
	c, err := chart.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	return chart.Packed{Chart: c, Raw: raw}
}

func TestRead(t *testing.T) {
	c := read(t, demo(t))
	if c.Name != "demo" || c.Version != "1.2.3+build.1" || c.AppVersion != "1.2" || c.FileName() != "demo-1.2.3+build.1.tgz" || c.Tag() != "1.2.3_build.1" || len(c.Dependencies) != 1 {
		t.Errorf("%+v", c.Chart)
	}
	if len(c.Values) != 2 || c.Values[0].Path != "demo/values.yaml" || string(c.Values[1].Content) != "b: 2\n" {
		t.Errorf("%q", c.Values)
	}
}

func TestReadRefuses(t *testing.T) {
	zeros := strings.Repeat("\x00", 6<<20)
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":    {nil, "no packaged chart"},
		"no gzip":    {[]byte("hello"), "no packaged chart"},
		"no tar":     {pack(t)[:20], "no packaged chart"},
		"no chart":   {pack(t, entry{"demo/values.yaml", ""}), "there is no NAME/Chart.yaml"},
		"no name":    {pack(t, entry{"demo/Chart.yaml", "apiVersion: v2\nversion: 1.0.0\n"}), "no name of a chart"},
		"path":       {pack(t, entry{"demo/Chart.yaml", "apiVersion: v2\nname: ../x\nversion: 1.0.0\n"}), "no name of a chart"},
		"long name":  {pack(t, entry{"demo/Chart.yaml", "apiVersion: v2\nname: " + strings.Repeat("x", 251) + "\nversion: 1.0.0\n"}), "no name of a chart"},
		"no version": {pack(t, entry{"demo/Chart.yaml", "apiVersion: v2\nname: x\nversion: ../1\n"}), "is no version of a chart"},
		"no api":     {pack(t, entry{"demo/Chart.yaml", "name: x\nversion: 1.0.0\n"}), "says no apiVersion"},
		"no yaml":    {pack(t, entry{"demo/Chart.yaml", "a: [\n"}), "reading Chart.yaml"},
		"twice":      {pack(t, entry{"demo/Chart.yaml", about}, entry{"demo/values.yaml", ""}, entry{"demo/values.yaml", ""}), "there twice"},
		"large file": {pack(t, entry{"demo/Chart.yaml", zeros}), "more than"},
		"bomb":       {pack(t, entry{"demo/a", strings.Repeat(zeros, 18)}), "unpacked it has more than"},
	} {
		if _, err := chart.Read(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	many := make([]entry, 10_001)
	for i := range many {
		many[i] = entry{name: "demo/x"}
	}
	if _, err := chart.Read(pack(t, many...)); err == nil || !strings.Contains(err.Error(), "entries") {
		t.Error(err)
	}
}

func TestIndexFind(t *testing.T) {
	version := func(v string) chart.Packed {
		return read(t, pack(t, entry{"demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: " + v + "\n"}))
	}
	charts := []chart.Packed{version("1.9.0"), version("1.10.0-rc.2"), version("1.10.0"), version("1.10.0-rc.10"), version("v2.0.0-0")}
	text, err := chart.Index(charts)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := chart.Index(charts)
	if !bytes.Equal(text, again) || !strings.HasPrefix(string(text), "apiVersion: v1\nentries:\n  demo:\n") {
		t.Errorf("%s", text)
	}
	var order []string
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "version: "); ok {
			order = append(order, v)
		}
	}
	if strings.Join(order, " ") != "v2.0.0-0 1.10.0 1.10.0-rc.10 1.10.0-rc.2 1.9.0" {
		t.Errorf("%q", order)
	}
	for _, c := range []struct{ text, repository, name, version, want string }{
		{string(text), "https://u:p@h/below", "demo", "1.9.0", "https://u:p@h/below/demo-1.9.0.tgz"},
		{string(text), "https://h/below/", "demo", "v1.9.0", "https://h/below/demo-1.9.0.tgz"},
		{string(text), "https://h", "demo", "3.0.0", "error: it has no version 3.0.0 of demo, but v2.0.0-0, 1.10.0, 1.10.0-rc.10 and 2 more"},
		{string(text), "https://h", "other", "1", "error: it has no chart other"},
		{"entries: {a: [{version: 1.0.0, urls: ['https://other/a.tgz']}]}", "https://u:p@h", "a", "1.0.0", "https://other/a.tgz"},
		{"entries: {a: [{version: 1.0.0, urls: ['oci://other/a:1.0.0']}]}", "https://h", "a", "1.0.0", "oci://other/a:1.0.0"},
		{"entries: {a: [{version: 1.0.0}]}", "https://h", "a", "1.0.0", "error: it says no URL"},
		{"entries: {a: [{version: 1.0.0, urls: ['%']}]}", "https://h", "a", "1.0.0", "error: the URL of the chart is none"},
		{"<html>", "https://h", "a", "1.0.0", "error: this is no index of charts"},
	} {
		got, sum, err := chart.Find([]byte(c.text), c.repository, c.name, c.version)
		if err != nil {
			got = "error: " + err.Error()
		}
		if want, ok := strings.CutPrefix(c.want, "error: "); ok && !strings.Contains(got, want) || !ok && got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.version, got, c.want)
		}
		if c.text == string(text) && err == nil && len(sum) != 64 {
			t.Errorf("the sum is %q", sum)
		}
	}
}

// What is put into a registry is what Helm reads, and comes back as it was.
func TestPutFetch(t *testing.T) {
	var place registry.Memory
	p := read(t, demo(t))
	ref := image.Ref{Registry: "r.example", Repository: "charts/demo", Tag: p.Tag()}
	if err := p.Put(t.Context(), &place, ref); err != nil {
		t.Fatal(err)
	}
	raw, err := chart.Fetch(t.Context(), &place, ref)
	if err != nil || !bytes.Equal(raw, p.Raw) {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	desc, err := place.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	r, err := place.Fetch(t.Context(), ref, desc)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var m ocispec.Manifest
	if err := json.NewDecoder(r).Decode(&m); err != nil || m.Config.MediaType != chart.ConfigType || len(m.Layers) != 1 || m.Layers[0].MediaType != chart.LayerType {
		t.Errorf("%+v, %v", m, err)
	}
	config, err := place.Fetch(t.Context(), ref, m.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer config.Close()
	var meta map[string]any
	if err := json.NewDecoder(config).Decode(&meta); err != nil || meta["appVersion"] != "1.2" || meta["name"] != "demo" {
		t.Errorf("%v, %v", meta, err) // Helm wants a string there
	}
	if _, err := chart.Fetch(t.Context(), &place, image.Ref{Registry: "r.example", Repository: "charts/demo", Tag: "none"}); err == nil {
		t.Error("there is no such chart")
	}
}

// A liar gives other bytes than it was asked for.
type liar struct {
	registry.Memory
	about string // the media type that it lies about
}

func (l *liar) Fetch(ctx context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	r, err := l.Memory.Fetch(ctx, ref, desc)
	if err != nil || desc.MediaType != l.about {
		return r, err
	}
	raw, err := io.ReadAll(r)
	raw[len(raw)/2] ^= 1
	return io.NopCloser(bytes.NewReader(raw)), errors.Join(err, r.Close())
}

// What a registry gives is held against its digest, and an image is no chart.
func TestFetchRefuses(t *testing.T) {
	p := read(t, demo(t))
	ref := image.Ref{Registry: "r.example", Repository: "charts/demo", Tag: p.Tag()}
	for _, about := range []string{chart.LayerType, ocispec.MediaTypeImageManifest} {
		place := liar{about: about}
		if err := p.Put(t.Context(), &place, ref); err != nil {
			t.Fatal(err)
		}
		if _, err := chart.Fetch(t.Context(), &place, ref); err == nil || !strings.Contains(err.Error(), "r.example/charts/demo:1.2.3_build.1: what came is sha256:") {
			t.Errorf("%s: %v", about, err)
		}
	}
	var place registry.Memory
	raw := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + string(digest.FromString("{}")) + `","size":2},"layers":[]}`)
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("{}")), nil }
	if _, err := place.PutBlob(t.Context(), ref, registry.Descriptor{Digest: digest.FromString("{}"), Size: 2}, nil, open); err != nil {
		t.Fatal(err)
	}
	if err := place.PutManifest(t.Context(), ref, registry.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := chart.Fetch(t.Context(), &place, ref); err == nil || !strings.Contains(err.Error(), "it is no chart") {
		t.Error(err)
	}
}

// Where charts go, and a name that no registry takes.
func TestShelf(t *testing.T) {
	upper := read(t, pack(t, entry{"Demo/Chart.yaml", "apiVersion: v2\nname: Demo\nversion: 1.0.0\n"}))
	_, pairs, err := chart.Shelf(t.Context(), []chart.Packed{read(t, demo(t))}, image.Ref{Registry: "r.example:5000", Repository: "airgap"})
	if err != nil || len(pairs) != 1 || pairs[0].Target.String() != "r.example:5000/airgap/charts/demo:1.2.3_build.1" {
		t.Errorf("%v %v", pairs, err)
	}
	if _, pairs, err = chart.Shelf(t.Context(), []chart.Packed{read(t, demo(t))}, image.Ref{Registry: "r.example"}); err != nil || pairs[0].Target.String() != "r.example/charts/demo:1.2.3_build.1" {
		t.Errorf("%v %v", pairs, err)
	}
	if _, _, err := chart.Shelf(t.Context(), []chart.Packed{upper}, image.Ref{Registry: "r.example"}); err == nil || !strings.Contains(err.Error(), "Demo-1.0.0.tgz: no registry can hold it") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(demo(f))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := chart.Read(raw)
		if err != nil {
			return
		}
		if strings.ContainsAny(c.FileName(), `/\`) || c.Name == "" {
			t.Errorf("%q", c.FileName())
		}
	})
}
