package verify

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sampleReport() *Report {
	about := func(place, image, problem string) About {
		return About{Place: place, Image: image, Target: "r.example/airgap", Problem: problem}
	}
	return NewReport("r.example/airgap", []Finding{
		NewFinding(CheckManifestLatest, about("a.yaml:2:3", "r.example/airgap/x:latest", "its tag is latest")),
		NewFinding(CheckManifestOutside, about("a.yaml:10:9", "docker.io/library/nginx:1", "nginx is pulled from outside")),
		NewFinding(CheckManifestOutside, about("a.yaml:10:9", "docker.io/library/nginx:1", "told twice")),
		NewFinding(CheckManifestOutside, about("a.yaml:9:1", "docker.io/library/nginx:1", "with \x1b[31m<&\n]]> in it")),
		NewFinding(CheckRegistryTag, about("r.example/airgap/y:1", "r.example/airgap/y:1", "it is not there")),
		{Severity: Error, Check: "nodes-upstream", Place: "certs.d", Problem: "of another package", Effect: "e", Remedy: "r"},
	}, []Image{
		{Image: "r.example/airgap/y:1", Uses: []string{"b.yaml:10:1", "b.yaml:9:1"}},
		{Image: "r.example/airgap/x:latest", Digest: "sha256:1"},
		{Image: "r.example/airgap/y:1", Group: "cni", Uses: []string{"b.yaml:9:1", "a.yaml:1:1"}},
	})
}

// Errors come first, then places as people count; what was told twice is one.
func TestNewReport(t *testing.T) {
	r := sampleReport()
	want := []string{"a.yaml:9:1", "a.yaml:10:9", "certs.d", "r.example/airgap/y:1", "a.yaml:2:3"}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Place)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	images := []Image{
		{Image: "r.example/airgap/x:latest", Digest: "sha256:1"},
		{Image: "r.example/airgap/y:1", Group: "cni", Uses: []string{"a.yaml:1:1", "b.yaml:9:1", "b.yaml:10:1"}},
	}
	if !reflect.DeepEqual(r.Images, images) {
		t.Errorf("%+v, want %+v", r.Images, images)
	}
	if e, w := r.Count(); e != 4 || w != 1 {
		t.Errorf("%d errors and %d warnings", e, w)
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().WriteTable(&b, false); err != nil {
		t.Fatal(err)
	}
	const want = `error    a.yaml:9:1  with  [31m<& ]]> in it
error    a.yaml:10:9  nginx is pulled from outside
error    certs.d  of another package
error    r.example/airgap/y:1  it is not there
warning  a.yaml:2:3  its tag is latest

manifest-outside (2)
  effect: the node asks a registry that it cannot reach: the container stays in ImagePullBackOff
  remedy: kubectl airgap rewrite -f a.yaml --to r.example/airgap --in-place, or a mirror of its registry on every node (kubectl airgap nodes)

nodes-upstream (1)
  effect: e
  remedy: r

registry-tag (1)
  effect: whatever asks for it stays in ImagePullBackOff
  remedy: push it: kubectl airgap push site.tar --to r.example/airgap

manifest-latest (1)
  effect: nobody can tell which image latest is, nodes may run different ones, and each start asks the registry again
  remedy: write the tag or the digest that is meant

2 images for r.example/airgap: 4 errors, 1 warning
`
	if b.String() != want {
		t.Errorf("%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := sampleReport().WriteTable(&b, true); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\n         effect: ") + strings.Count(b.String(), "\n         remedy: "); got != 10 {
		t.Errorf("wide:\n%s", b.String())
	}
	b.Reset()
	if err := NewReport("r.example", nil, nil).WriteTable(&b, false); err != nil || b.String() != "0 images for r.example: nothing stands against it\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestWriteJSON(t *testing.T) {
	var b strings.Builder
	r := sampleReport()
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, &back) {
		t.Errorf("%+v, want %+v", &back, r)
	}
	b.Reset()
	if err := NewReport("", nil, nil).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"findings": []`) || !strings.Contains(b.String(), `"images": []`) {
		t.Errorf("%s, %v", b.String(), err)
	}
}

// What is written is read back by the element and attribute names of JUnit, and every
// count is that of what is there.
func TestWriteJUnit(t *testing.T) {
	var b strings.Builder
	r := sampleReport()
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	type suite struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Cases    []struct {
			Class   string `xml:"classname,attr"`
			Name    string `xml:"name,attr"`
			Failure []struct {
				Type    string `xml:"type,attr"`
				Message string `xml:"message,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	var back struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Suites   []suite  `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	tests, failures := 0, 0
	for _, s := range back.Suites {
		n := 0
		for _, c := range s.Cases {
			if len(c.Failure) > 1 {
				t.Errorf("%s fails %d times", c.Name, len(c.Failure))
			}
			for _, f := range c.Failure {
				n++
				failed[c.Class+" "+c.Name] = f.Type + " " + f.Message + "\n" + f.Text
			}
		}
		if s.Tests != len(s.Cases) || s.Failures != n {
			t.Errorf("%s: %d tests and %d failures, there are %d and %d", s.Name, s.Tests, s.Failures, len(s.Cases), n)
		}
		tests, failures = tests+s.Tests, failures+s.Failures
	}
	if back.Tests != tests || back.Failures != failures || tests != len(Checks())+1+len(r.Images) {
		t.Errorf("%d tests and %d failures of %d and %d", back.Tests, back.Failures, tests, failures)
	}
	for name, part := range map[string]string{
		"check manifest-outside":          "a.yaml:10:9: nginx is pulled from outside",
		"check manifest-latest":           "warning a.yaml:2:3",
		"check nodes-upstream":            "of another package",
		"check registry-tag":              "remedy: push it",
		"image r.example/airgap/y:1":      "it is not there",
		"image r.example/airgap/x:latest": "its tag is latest",
	} {
		if !strings.Contains(failed[name], part) {
			t.Errorf("%s: %q, want %q in it", name, failed[name], part)
		}
		delete(failed, name)
	}
	if len(failed) != 0 {
		t.Errorf("what else fails: %q", failed)
	}
}

// Every check of this package is in the table, once, with all that a reader needs.
func TestChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if seen[c.Name] || c.Effect == "" || c.Remedy == "" || c.Severity != Error && c.Severity != Warning {
			t.Errorf("%+v", c)
		}
		seen[c.Name] = true
		f := c.Finding(About{})
		if strings.ContainsAny(f.Remedy, "{}") {
			t.Errorf("%s: the remedy %q holds what nobody fills in", c.Name, f.Remedy)
		}
	}
	shown := map[string]bool{}
	for _, f := range faults {
		if !seen[f.check] {
			t.Errorf("%s is no check", f.check)
		}
		shown[f.check] = true
	}
	for name := range seen {
		switch name {
		case CheckRegistryForeign, CheckArchiveElsewhere: // tests of their own
		default:
			if !shown[name] && !strings.HasPrefix(name, "node") && !strings.HasPrefix(name, "home") && !strings.HasPrefix(name, "cluster") {
				t.Errorf("no fault shows %s", name)
			}
		}
	}
}

// Every row of the table of operators can be read and names images.
func TestOperatorRows(t *testing.T) {
	rows := operatorRows()
	if got, want := len(rows), strings.Count(operatorsTSV, "\n")-strings.Count(operatorsTSV, "\n#")-2; got != want || got < 8 {
		t.Errorf("%d rows of %d", got, want)
	}
	for _, row := range rows {
		o := operator{row: row}
		o.ref.Registry, o.ref.Repository, o.ref.Tag = "r.example", "airgap/quay.io/x/"+row.match, "v1.2.3"
		names, err := o.names()
		if err != nil || row.advice == "" || len(row.unless) == 0 || !endsIn(o.ref.Repository, row.match) {
			t.Errorf("%+v: %v", row, err)
		}
		for _, n := range names {
			if n.Tag != "v1.2.3" {
				t.Errorf("%s asks for %s", row.name, n)
			}
		}
	}
}
