package imagelist_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

const site = `apiVersion: v1
kind: Pod
metadata: {name: site}
spec:
  containers:
  - image: nginx
  - image: quay.io/acme/tool:${VERSION}
  - image: docker.io/library/nginx:latest
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
imageRepository: registry.k8s.io
---
flavour: acme/flavour:v3
sidecarImage: quay.io/acme/sidecar:v1
`

func parse(t *testing.T, name, text string) *manifest.File {
	t.Helper()
	f, err := manifest.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, l *imagelist.List, format imagelist.Format) string {
	t.Helper()
	var out strings.Builder
	if err := l.Write(&out, format, imagelist.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListHoldsWhatIsSureEnough(t *testing.T) {
	certain := "docker.io/library/nginx:latest\nquay.io/acme/tool:${VERSION}\n"
	for level, want := range map[manifest.Confidence]string{
		manifest.Certain:  certain,
		manifest.Likely:   strings.Replace(certain, "quay.io/acme/tool", "quay.io/acme/sidecar:v1\nquay.io/acme/tool", 1),
		manifest.Possible: "docker.io/acme/flavour:v3\n" + strings.Replace(certain, "quay.io/acme/tool", "quay.io/acme/sidecar:v1\nquay.io/acme/tool", 1),
	} {
		l := imagelist.New(level)
		l.Add(parse(t, "site.yaml", site).Uses())
		if got := write(t, l, imagelist.FormatText); got != want {
			t.Errorf("%v:\n%swant\n%s", level, got, want)
		}
	}
}

func TestUsesAreInOrderOfInput(t *testing.T) {
	var all, first, second imagelist.List
	second.Add(parse(t, "a.yaml", site).Uses())
	first.Add(parse(t, "z.yaml", site).Uses())
	all.Merge(&first)
	all.Merge(&second)
	var places []string
	for item := range all.Items() {
		if item.Image == "docker.io/library/nginx:latest" {
			for _, u := range item.Uses {
				places = append(places, fmt.Sprintf("%s:%d %s", u.File, u.Line, u.Written))
			}
		}
	}
	want := []string{
		"z.yaml:6 nginx", "z.yaml:8 docker.io/library/nginx:latest",
		"a.yaml:6 nginx", "a.yaml:8 docker.io/library/nginx:latest",
	}
	if !reflect.DeepEqual(places, want) {
		t.Errorf("%q, want %q", places, want)
	}
}

// JSON and YAML say the same, for every kind of use.
func TestObjectFormatsAgree(t *testing.T) {
	var l imagelist.List
	l.Add(parse(t, "site.yaml", site).Uses())
	l.Add(parse(t, "list.txt", "quay.io/acme/a:v1\nquay.io/acme/b:v1\n").Uses())
	long := strings.Builder{} // more than is encoded at once
	for i := range 250 {
		fmt.Fprintf(&long, "quay.io/acme/image:%d\n", i)
	}
	l.Add(parse(t, "long.txt", long.String()).Uses())
	var fromJSON, fromYAML map[string]any
	if err := json.Unmarshal([]byte(write(t, &l, imagelist.FormatJSON)), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(write(t, &l, imagelist.FormatYAML)), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(fromJSON), fmt.Sprint(fromYAML); a != b || len(fromJSON["items"].([]any)) != 6+250 {
		t.Errorf("JSON\n%s\nYAML\n%s", a, b)
	}
}

func TestNoSuchFormat(t *testing.T) {
	var l imagelist.List
	if err := l.Write(&bytes.Buffer{}, "xml", imagelist.WriteOptions{}); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("%v, want an error that names the format", err)
	}
}

type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// No format hides that its output is not whole, wherever it stops.
func TestWriteFails(t *testing.T) {
	var l imagelist.List
	for i := range 200 {
		l.Add(parse(t, "list.txt", fmt.Sprintf("quay.io/acme/image:%d\nquay.io/acme/other:%d\n", i, i)).Uses())
	}
	for _, format := range imagelist.Formats() {
		whole := len(write(t, &l, format))
		for _, room := range []int{0, whole / 2, whole - 1} {
			err := l.Write(&fullDisk{room}, format, imagelist.WriteOptions{})
			if !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d of %d bytes: %v, want %v", format, room, whole, err, errFull)
			}
		}
		if err := l.Write(&fullDisk{whole}, format, imagelist.WriteOptions{}); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// A list of many large files is small.
func TestListKeepsNoFiles(t *testing.T) {
	const files, size = 20, 1 << 20
	filler := "# " + strings.Repeat("x", size) + "\n"
	var l imagelist.List
	before := heap()
	for i := range files {
		name := fmt.Sprintf("%d.yaml", i)
		l.Add(parse(t, name, site+filler).Uses())
	}
	if grown := heap() - before; grown > size {
		t.Errorf("the list of %d files of 1 MiB holds %d bytes", files, grown)
	}
	runtime.KeepAlive(&l)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func Example() {
	file, err := manifest.Parse("pod.yaml", []byte("kind: Pod\nspec:\n  containers:\n  - image: nginx\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	list := imagelist.New(manifest.Likely)
	list.Add(file.Uses())
	if err := list.Write(os.Stdout, imagelist.FormatText, imagelist.WriteOptions{}); err != nil {
		fmt.Println(err)
	}
	// Output: docker.io/library/nginx:latest
}
