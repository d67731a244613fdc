package site_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

const head = "apiVersion: kubectl-airgap.io/v1alpha1\nkind: Site\n"

var sum = strings.Repeat("0a", 32)

func TestParse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the golden file has the paths of other systems")
	}
	got, err := site.Parse("dir/airgap.yaml", []byte(head+`
registry:
  address: r.example/airgap
  pullAddress: r:5000/airgap
  caFile: ca.crt
  plainHTTP: true
  layout: group
  maps: [quay.io/calico=r.example/net]
kubernetesVersions: [1.36.3, v1.17.4]
nodeImagePause: [known, k8s.gcr.io/pause:3.1]
providers:
- cluster-api:v1.14.2
- {provider: lab:v0.1.0-rc.1, url: "https://user:secret@h/latest/c.yaml", flavors: [topology], clusterClasses: [a_b]}
certManager: none
manifests:
  cni:
  - https://h/a/calico.yaml?token=secret
  - ../site/cni
  csi: [{url: file:///srv/csi.yaml, name: driver.yaml, sha256: sha256:`+strings.ToUpper(sum)+`}, &same {path: /srv/x.yaml}]
  cpi: [*same]
images: [nginx, "quay.io/a/b:1@sha256:`+sum+`"]
files:
- {url: https://dl.k8s.io/kubectl, path: binaries/kubectl, sha256: `+sum+`, mode: 0755}
- {parts: ["https://h/1", part2], path: ovas/a.ova, sha256URL: sums, mode: "640"}
- url: https://h/templates%2Fv1/tool
- url: https://h/node.OVA?sig=secret
fileLists: [files.list]
checksums: [https://h/checksums.yml]
filesURL: https://files.example
charts: [../c/a-1.0.0.tgz, "oci://r.example/c/b:1.0.0", {from: https://charts.example, name: c, version: 1.2.3, sha256: `+sum+`}]
snaps: [k8s.snap]
tkg: [r.example/tkg:v1.5.4, {release: r.example/tkg:v1.6.0+x, tkrs: [v1.23.8+vmware.2-tkg.1]}]
platforms: [linux/amd64, linux/arm/v7]
sourceMap: ["*=http://mirror.local/{host}"]
fileSourceMap: [github.com=/srv/github]
`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/parse.json", string(text)+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Each file is wrong in the ways that its second part says.
func TestErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":              "1:1: it is empty: a site file begins with apiVersion: kubectl-airgap.io/v1alpha1 and kind: Site",
		"# nothing\n":   "1:1: it is empty: a site file begins with apiVersion: kubectl-airgap.io/v1alpha1 and kind: Site",
		"a: [":          "1:1: did not find expected node content",
		"- a\n":         "1:1: this has to be a mapping, KEY: VALUE, and is a list",
		"kind: Site\n":  "1:1: apiVersion is missing",
		"{}":            "1:1: apiVersion is missing\n1:1: kind is missing",
		head + "---\na": "3:1: a second document: a site file has one",
		"kind: Bundle\napiVersion: v1\n": `1:7: "Bundle" is not read by this kubectl-airgap: it reads Site
2:13: "v1" is not read by this kubectl-airgap: it reads kubectl-airgap.io/v1alpha1`,
		head + "kubernetesVersion: [v1.36.3]\nfoo: bar\nimages: [a]\nimages: [b]\n? [x]\n: y\n": `3:1: there is no key "kubernetesVersion" here: is kubernetesVersions meant?
4:1: there is no key "foo" here: there are apiVersion, kind, registry, kubernetesVersions, nodeImagePause, providers, certManager, manifests, images, files, fileLists, checksums, charts, filesURL, snaps, tkg, platforms, sourceMap, fileSourceMap
6:1: images is there already, in line 5
7:3: there is no key "" here: there are apiVersion, kind, registry, kubernetesVersions, nodeImagePause, providers, certManager, manifests, images, files, fileLists, checksums, charts, filesURL, snaps, tkg, platforms, sourceMap, fileSourceMap`,
		head + "registry:\n  addrss: r\n  Layout: host\n  layout: hosts\n  plainHTTP: yes\n  address: registry/airgap\n  maps: [a=b, x.io]\n  caFile: []\n": `4:3: there is no key "addrss" here: is address meant?
5:3: there is no key "Layout" here: is layout meant?
6:11: "hosts" is not one of host, path, name, group
7:14: this has to be true or false, and is a text
8:12: registry/airgap: no
9:10: rule a=b: no
9:15: x.io: a rule is FROM=TO
10:11: this has to be a text, and is a list`,
		head + "tkg: [r.io/tkg, {tkrs: [v1]}, r.io/tkg:1.6.0, r.io/tkg:v1, {release: 'r.io/tkg:v1'}]\n": `3:7: "r.io/tkg" names no release: it is REPOSITORY:VERSION, as projects.packages.broadcom.com/tkg:v1.6.0
3:17: release is missing
3:31: "r.io/tkg:1.6.0" names no release: it is REPOSITORY:VERSION, as projects.packages.broadcom.com/tkg:v1.6.0
3:60: TKG r.io/tkg:v1 is there already, at airgap.yaml:3:47`,
		head + "registry:\n  maps: [x.io/a=r.io, x.io/a=q.io]\n": "4:9: rule x.io/a=q.io: rule x.io/a=r.io is for the same names",
		head + "kubernetesVersions: [v1.36, 1.36.3.4, v1.36.3]\nnodeImagePause: [Known]\n": `3:22: kubernetes version "v1.36": it is not vMAJOR.MINOR.PATCH, such as NEWEST
3:29: kubernetes version "1.36.3.4": it is not vMAJOR.MINOR.PATCH, such as NEWEST
4:18: image reference "Known": no`,
		head + "providers: [a, b:1.2.3, A:v1.2.3, {url: 'https://h'}, c:v1.0.0, {provider: c:v1.0.0, flavors: [../x]}, '']\ncertManager: 1.2\n": `3:13: "a" is not NAME:VERSION, as infrastructure-vsphere:v1.16.1 is
3:16: "1.2.3" is no version, as v1.14.2 is
3:25: "A:v1.2.3" is not NAME:VERSION, as infrastructure-vsphere:v1.16.1 is
3:35: provider is missing
3:65: c:v1.0.0 is there already, at airgap.yaml:3:55
3:96: "../x" is no part of a file's name
3:104: this has to be a text, and is empty
4:14: "1.2" is no version, as v1.14.2 is`,
		head + "manifests:\n  cni: [{}, {url: 'https://h/a', path: b}, {url: 'ssh://secret@h'}, {url: 'http://user:secret@%zz'}, {url: 'https://h/'}, a.yaml, x/A.yaml, {path: c, sha256: abc}]\n  CNI: []\n  cni: []\n  csi: a.yaml\n": `4:9: a manifest has either a url or a path
4:13: a manifest has either a url or a path
4:50: a URL begins with https://, http:// or file://
4:75: this is no URL (not shown, it may hold a password)
4:102: say with name: what the file is called in the archive
4:131: the manifest A.yaml of cni is there already, at airgap.yaml:4:123
4:159: "abc" is no sha256: that has 64 hexadecimal digits
5:3: group "CNI": no
6:3: cni is there already, in line 4
7:8: this has to be a list, and is a text`,
		head + "files: [{}, {url: a, parts: [b]}, {parts: [], path: x}, {url: a, sha256: " + sum + ", sha256URL: b}, {parts: [a]}, {url: a, path: ../b}, {url: a, path: Blobs/b}, {url: a, path: 'c:\\d'}, {url: a, mode: 4755}, {url: 'https:///a'}, {url: 'file://srv/a'}, {url: a}, {url: x/A}]": `3:9: a file has either a url or parts
3:13: a file has either a url or parts
3:35: a file has either a url or parts
3:57: a file has either sha256 or sha256URL
3:155: say with path: what the file is called in the archive, such as ovas/node.ova
3:184: "../b" is no path in an archive, as ovas/node.ova is: slashes between names, none at the ends, no .. and none of \ : * ? " < > |
3:206: Blobs is a name that archives use for themselves
3:231: "c:\\d" is no path in an archive, as ovas/node.ova is: slashes between names, none at the ends, no .. and none of \ : * ? " < > |
3:255: "4755" is no mode, as 0755 is
3:268: this URL has no host
3:289: a file URL has three slashes and an absolute path: file:///srv/a.yaml
3:316: files/A is there already, at airgap.yaml:3:306`,
		head + "platforms: [amd64, Linux/amd64, null, \"a\\nb\"]\nimages: [UPPER, 1]\nsourceMap: [a]\nfileSourceMap: ['h=ftp://u:secret@x']\n": `3:13: "amd64" is no platform, as linux/amd64 is
3:20: "Linux/amd64" is no platform, as linux/amd64 is
3:33: this has to be a text, and is empty
3:39: this has to be one line, without control characters
4:10: image reference "UPPER": no
5:13: a: a source is FROM=TO
6:17: file source h: its place (not shown) is no http, https or file URL`,
	} {
		_, err := site.Parse("airgap.yaml", []byte(in))
		got := "no error"
		if err != nil {
			got = strings.ReplaceAll("\n"+err.Error(), "\nairgap.yaml:", "\n")[1:]
		}
		got = regexp.MustCompile(`((?:group|image reference) "(?:CNI|UPPER|Known)":|registry/airgap:|rule a=b:) .*`).ReplaceAllString(got, "$1 no") // package image has its own tests
		if want = strings.ReplaceAll(want, "NEWEST", kubernetes.Newest().String()); got != want {
			t.Errorf("%s\ngives\n%s\nwant\n%s", in, got, want)
		}
	}
}

// example matches what is commented out: # and no space.
var example = regexp.MustCompile(`(?m)^( *)#([^ \n])`)

func TestTemplate(t *testing.T) {
	plain, err := site.Parse("airgap.yaml", site.Template())
	if err != nil {
		t.Fatal(err)
	}
	full, err := site.Parse("airgap.yaml", example.ReplaceAll(site.Template(), []byte("$1$2")))
	if err != nil {
		t.Fatalf("with all examples: %v", err)
	}
	for _, v := range plain.KubernetesVersions {
		version, err := kubernetes.ParseVersion(v)
		if err == nil {
			_, err = kubernetes.Find(version)
		}
		if err != nil {
			t.Error(err)
		}
	}
	catalogue, err := overrides.NewCatalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if full.CertManager != catalogue.CertManagerVersion() {
		t.Errorf("it has cert-manager %s, clusterctl installs %s", full.CertManager, catalogue.CertManagerVersion())
	}
	for _, p := range plain.Providers {
		if _, err := catalogue.ParseClaim(p.Name + ":" + p.Version + "=dir"); err != nil {
			t.Error(err)
		}
	}
	// Every key is there.
	for value, path := range zeros(reflect.ValueOf(*full), "site") {
		t.Errorf("%s: the template has no example of it (%v)", path, value)
	}
}

// zeros are the fields below v that nothing in a list gives a value.
func zeros(v reflect.Value, path string) map[string]string {
	found := map[string]string{}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "Place" || name == "PlainHTTP" || strings.HasSuffix(path, "Images[]") {
				continue
			}
			for where, what := range zeros(v.Field(i), path+"."+name) {
				found[where] = what
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			found[path] = "empty"
		}
		for i := range v.Len() { // a field counts if one entry has it
			below := zeros(v.Index(i), path+"[]")
			if i == 0 {
				found = below
				continue
			}
			for where := range found {
				if _, also := below[where]; !also {
					delete(found, where)
				}
			}
		}
	default:
		if v.IsZero() {
			found[path] = "zero"
		}
	}
	return found
}

// A key whose values are all commented out is as if it were not there.
func TestEmptyKeys(t *testing.T) {
	got, err := site.Parse("airgap.yaml", []byte(head+"registry:\nkubernetesVersions:\nmanifests:\n  cni:\nfiles:\ncertManager:\n"))
	want, wantErr := site.Parse("airgap.yaml", []byte(head))
	if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, %v", got, err, wantErr)
	}
}

func TestNamesArePlaces(t *testing.T) {
	name := filepath.Join("a", "b.yaml")
	s, err := site.Parse(name, []byte(head+"files:\n- url: x\n"))
	if err != nil || s.Files[0].Place != name+":4:3" || s.Files[0].Parts[0] != filepath.Join("a", "x") {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzParse: every input is read or refused with places that it has.
func FuzzParse(f *testing.F) {
	f.Add(site.Template())
	f.Add(example.ReplaceAll(site.Template(), []byte("$1$2")))
	for _, seed := range []string{
		head, "a: &a [*a]\n", "&a {kind: *a}", "? {a: b}\n: c", "a: b\n---\n", "\ufeff" + head, "kind: !!binary aGk=\n", "<<: {kind: Site}\n",
		head + "files: &f [{url: a}, *f]\n", head + "manifests: {a: &m [x, {url: y}], b: *m}\n", "\xff", "a:\n\t- b\n", head + "providers: !!set {a}\n",
	} {
		f.Add([]byte(seed))
	}
	place := regexp.MustCompile(`^airgap\.yaml:(\d+):(\d+): .`)
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := site.Parse("airgap.yaml", src)
		if s == nil {
			t.Fatal("no site")
		}
		var joined interface{ Unwrap() []error }
		ok := errors.As(err, &joined)
		if err != nil && !ok {
			t.Fatalf("%v is not all errors", err)
		}
		if !ok {
			return
		}
		for _, err := range joined.Unwrap() {
			m := place.FindStringSubmatch(err.Error())
			var line int
			if m != nil {
				_, _ = fmt.Sscan(m[1], &line)
			}
			if line < 1 || line > 2+strings.Count(string(src), "\n")+strings.Count(string(src), "\r")+strings.Count(string(src), "\u2028")+strings.Count(string(src), "\u2029")+strings.Count(string(src), "\u0085") {
				t.Errorf("%v: there is no such place", err)
			}
		}
	})
}
