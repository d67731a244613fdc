package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/cluster"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// dump is the objects as kubectl prints them: a List, or one object after the other.
func dump(t testing.TB, encode func(any) string, list bool) string {
	t.Helper()
	var items []any
	for decoder := yaml.NewDecoder(strings.NewReader(objects(t))); ; {
		var o any
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		items = append(items, o)
	}
	if list {
		return encode(map[string]any{"apiVersion": "v1", "items": items, "kind": "List", "metadata": map[string]any{"resourceVersion": ""}})
	}
	var all strings.Builder
	for _, o := range items {
		all.WriteString(encode(o))
	}
	return all.String()
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

func asCompactJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// asYAML indents as kubectl does.
func asYAML(v any) string {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return "---\n" + b.String()
}

// A dump says what the live cluster does, in every spelling of it.
func TestReadDump(t *testing.T) {
	indented := func(v any) string {
		text, err := yaml.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(text) + "---\n"
	}
	for spelling, dumped := range map[string]string{
		"JSON":           dump(t, asJSON, true),
		"compact JSON":   dump(t, asCompactJSON, true),
		"JSON objects":   dump(t, asJSON, false),
		"YAML":           dump(t, asYAML, true),
		"indented YAML":  dump(t, indented, true),
		"YAML objects":   objects(t),
		"two JSON lists": `{"kind":"List","apiVersion":"v1","items":[]}` + "\n" + dump(t, asJSON, true),
		"YAML with CRLF": strings.ReplaceAll(dump(t, asYAML, true), "\n", "\r\n"),
	} {
		for _, test := range wants {
			t.Run(spelling+", "+test.name, func(t *testing.T) {
				test.opts.Least = manifest.Likely
				list, err := cluster.ReadDump(t.Context(), "dump", strings.NewReader(dumped), test.opts)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := text(t, list), sorted(test.want); got != want {
					t.Errorf("%swant\n%s", got, want)
				}
			})
		}
	}
}

// Uses stand where they stand in the file.
func TestReadDumpPlaces(t *testing.T) {
	for name, dumped := range map[string]string{"JSON": dump(t, asJSON, true), "compact": dump(t, asCompactJSON, true), "objects": dump(t, asJSON, false)} {
		lines := strings.Split(dumped, "\n")
		list, err := cluster.ReadDump(t.Context(), "dump.json", strings.NewReader(dumped), cluster.Options{Least: manifest.Likely})
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		for item := range list.Items() {
			for _, u := range item.Uses {
				if u.Form != manifest.FormField {
					continue
				}
				checked++
				if u.Line > len(lines) || u.Column > len(lines[u.Line-1]) || !strings.HasPrefix(lines[u.Line-1][u.Column-1:], u.Written) {
					t.Errorf("%s: %s of %s is not at %d:%d", name, u.Written, u.Object, u.Line, u.Column)
				}
			}
		}
		if checked < 15 {
			t.Errorf("%s: %d places looked at", name, checked)
		}
	}
}

// The raw list of an API server: its items do not say their kind.
func TestReadDumpRaw(t *testing.T) {
	const raw = `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a","namespace":"b"},"spec":{"containers":[{"image":"nginx"}]},"status":{"containerStatuses":[{"image":"x/y:z"}],"image":"a/b:c"}},{}]}`
	list, err := cluster.ReadDump(t.Context(), "pods", strings.NewReader(raw), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for item := range list.Items() {
		u := item.Uses[0]
		if item.Image != "docker.io/library/nginx:latest" || u.Object != "v1/Pod b/a" || raw[u.Column-1:u.Column+4] != "nginx" {
			t.Errorf("%+v", item)
		}
	}
}

func TestReadDumpFails(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "dump:1:1: ",
		" \n":                        "dump:1:1: ",
		"{":                          "dump:1:2: ",
		`{"items":[{}`:               "dump:1:13: ",
		"{\"items\":[\n{}{}]}":       "dump:2:3: ",
		`{"a":1} x`:                  "dump:1:9: ",
		"just words":                 "dump:1:1: ",
		"kind: Pod\na: b: c":         "dump:1:1: ",
		"items:\n- a: 1\n- b\n":      "dump:3:1: ",
		"kind: List\nitems:\n- {a\n": "dump:3:1: ",
	} {
		_, err := cluster.ReadDump(t.Context(), "dump", strings.NewReader(text), cluster.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s…", text, err, want)
		}
	}
}

// endless is a dump of n pods, made as it is read.
type endless struct {
	n, i  int
	rest  []byte
	item  func(i int) string
	begun bool
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.rest) == 0 {
		switch {
		case !e.begun:
			e.begun, e.rest = true, []byte(`{"apiVersion":"v1","kind":"List","items":[`)
		case e.i < e.n:
			e.rest = []byte(strings.Repeat(",", min(e.i, 1)) + e.item(e.i))
			e.i++
		case e.i == e.n:
			e.rest = []byte("]}")
			e.i++
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// One object is in memory at a time, not the dump.
func TestReadDumpStreams(t *testing.T) {
	const pods = 500
	filler := strings.Repeat("x", 100_000)
	peak := peakHeap(t, func() {
		list, err := cluster.ReadDump(t.Context(), "dump", &endless{n: pods, item: func(i int) string {
			return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p%d","annotations":{"note":"%s"}},"spec":{"containers":[{"image":"example.com/a:v%d"}]}}`, i, filler, i)
		}}, cluster.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text(t, list), "\n"); n != pods {
			t.Errorf("%d images", n)
		}
	})
	if peak > 10<<20 {
		t.Errorf("a dump of 50 MB takes %d MB", peak>>20)
	}
}

func FuzzReadDump(f *testing.F) {
	f.Add(`{"kind":"List","items":[{"kind":"Pod","metadata":{"managedFields":[1],"annotations":{"a":"b"}},"spec":{"containers":[{"image":"a"}]},"status":{}}]}`)
	f.Add("kind: List\nitems:\n- kind: Pod\n  spec:\n    containers:\n    - image: a\n")
	f.Fuzz(func(t *testing.T, dump string) {
		list, err := cluster.ReadDump(t.Context(), "dump", strings.NewReader(dump), cluster.Options{})
		if err == nil {
			text(t, list)
		}
	})
}
