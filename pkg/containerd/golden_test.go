package containerd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

var update = flag.Bool("update", false, "write what the code does into the goldens, to be reviewed")

// A golden is one file of testdata: a folder certs.d, config.toml, or manifests; at its
// head "on RELEASES", "pull REFERENCES" and "from REGISTRY"; and for each release what
// containerd asks and what is wrong. {CA} is a certificate and its key.
type golden struct {
	archive  *txtar.Archive
	releases []string
	refs     []image.Ref
	registry string
}

func readGolden(t *testing.T, path string) golden {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{archive: a}
	for line := range strings.Lines(string(a.Comment)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "on":
			g.releases = words[1:]
		case "from":
			g.registry = words[1]
		case "pull":
			for _, word := range words[1:] {
				ref, err := image.Parse(word)
				if err != nil {
					t.Fatal(err)
				}
				g.refs = append(g.refs, ref)
			}
		}
	}
	return g
}

func TestGoldens(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens: ", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			g := readGolden(t, path)
			kept := g.archive.Files[:0:0]
			for _, f := range g.archive.Files {
				if !strings.HasPrefix(f.Name, "asks ") {
					kept = append(kept, f)
				}
			}
			for _, release := range g.releases {
				got := g.asks(t, release)
				if want := g.file("asks " + release); got != want && !*update {
					t.Errorf("on %s it asks\n%s\nand not\n%s", release, got, want)
				}
				kept = append(kept, txtar.File{Name: "asks " + release, Data: []byte(got)})
			}
			if *update {
				g.archive.Files = kept
				if err := os.WriteFile(path, txtar.Format(g.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func (g golden) file(name string) string {
	for _, f := range g.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// asks tells what a release does with the golden.
func (g golden) asks(t *testing.T, release string) string {
	t.Helper()
	fill := strings.NewReplacer("{CA}", authority(t))
	fsys, manifests := fstest.MapFS{}, []Manifest{}
	opts := Options{Version: release, Name: "./certs.d"}
	for _, f := range g.archive.Files {
		content := fill.Replace(string(f.Data))
		name, inTree := strings.CutPrefix(f.Name, "certs.d/")
		switch {
		case f.Name == "config.toml":
			opts.Config = []byte(content)
		case inTree:
			fsys[name] = &fstest.MapFile{Data: []byte(content)}
		case strings.HasSuffix(f.Name, ".yaml"):
			manifests = append(manifests, Manifest{f.Name, content})
		}
	}
	if len(manifests) > 0 {
		configs, err := FromManifests(manifests, opts)
		return g.tell(configs, err)
	}
	c, err := Load(fsys, opts)
	return g.tell([]*Config{c}, err)
}

func (g golden) tell(configs []*Config, err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, c := range configs {
		if c == nil {
			continue
		}
		if c.Name != "" {
			fmt.Fprintf(&b, "= %s at %s\n", c.Name, c.Place)
		}
		if written, place := c.Sandbox(); written != "" {
			fmt.Fprintf(&b, "sandbox %s at %s\n", written, place)
		}
		for _, p := range c.Problems() {
			fmt.Fprintf(&b, "%s %s\n", p.Effect, p.Error())
		}
		for _, ref := range g.refs {
			g.tellPull(&b, c, ref)
		}
	}
	return b.String()
}

func (g golden) tellPull(b *strings.Builder, c *Config, ref image.Ref) {
	attempts, problems := c.Attempts(ref)
	fmt.Fprintf(b, "%s\n", ref)
	for _, a := range attempts {
		fmt.Fprintf(b, "\t%s\n", describe(a))
	}
	for _, p := range problems {
		fmt.Fprintf(b, "\tnothing: %s\n", p.Error())
	}
	if g.registry == "" {
		return
	}
	r := c.Reach(ref, g.registry)
	fmt.Fprintf(b, "\t=> at %q, found %v, outside %d, first %v, unknown %v\n", r.At.String(), r.Found, len(r.Outside), r.OutsideFirst, r.Unknown)
}

func describe(a Attempt) string {
	words := []string{a.URL, a.Repository}
	flag := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	flag(a.Unknown, "unknown")
	flag(a.Namespace != "", "ns="+a.Namespace)
	flag(a.Resolve, "resolve")
	flag(!a.CanPull, "no pull")
	flag(!a.CanResolve, "no resolve")
	flag(a.Upstream, "UPSTREAM")
	flag(a.ThenHTTP, "then http")
	flag(a.SkipVerify, "skip_verify")
	flag(a.DialTimeout > 0, a.DialTimeout.String())
	flag(len(a.Headers) > 0, strings.Join(a.Headers, ","))
	for _, c := range append(a.CA, a.Client...) {
		words = append(words, fmt.Sprintf("%s(%s)", c.Path, c.State))
	}
	flag(a.Place != "", "from "+a.Place)
	return strings.Join(words, " ")
}

// authority is a certificate in PEM, followed by its key.
func authority(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
