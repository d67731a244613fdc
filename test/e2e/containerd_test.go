//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// certsD is the config.toml of a node whose tree is read.
const certsD = `version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
`

// A certsCase is what is below /etc/containerd of a node. In texts, {U} is the registry
// that images name, {A} and {B} are mirrors with TLS, {P} is one without; all answer 404.
type certsCase struct {
	name  string
	hosts string            // certs.d/{U}/hosts.toml
	files map[string]string // others, by path below certs.d; one that begins with -> is a link
	// registry is {U}, where it is not a name of the case's own.
	registry string
	// alone is a case whose files say something of other cases' images, or whose requests
	// do not all get as far as a path. config is its config.toml, certsD if empty.
	alone  bool
	config string
}

// image names an image of a case for one way of asking.
func (m certsMatrix) image(i int, way string) image.Ref {
	r := image.Ref{Registry: m.host(i), Repository: fmt.Sprintf("team/c%d-%s", i, way), Tag: "v1"}
	if way == "digest" {
		r.Tag, r.Digest = "", digest([]byte(r.Repository))
	}
	return r
}

func (m certsMatrix) host(i int) string {
	if c := certsCases[i]; c.registry != "" {
		return m.fill(c.registry, "")
	}
	return fmt.Sprintf("c%d.upstream.test", i)
}

// What is asked for: a tag that nobody has, a digest that nobody has, and a tag whose
// manifest nobody has.
var ways = []string{"tag", "digest", "content"}

// TestContainerdAsksAsSimulated holds pkg/containerd against real ones: for each case they
// pull, and everybody whom they could ask notes who asked for what.
func TestContainerdAsksAsSimulated(t *testing.T) {
	tools := nodeTools(t)
	asked := newWitness(t)
	// AIRGAP_CONTAINERDS are folders of other releases, which somebody built.
	for _, path := range append(containerds(t), filepath.SplitList(os.Getenv("AIRGAP_CONTAINERDS"))...) {
		version := containerdVersion(t, path)
		t.Run(version, func(t *testing.T) {
			m := certsMatrix{node: node{tools: tools, path: path}, version: version, witness: asked}
			var shared []int
			for i, c := range certsCases {
				if c.alone {
					t.Run(c.name, func(t *testing.T) { m.run(t, []int{i}) })
					continue
				}
				shared = append(shared, i)
			}
			m.run(t, shared)
		})
	}
}

func containerdVersion(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "containerd"), "--version").Output()
	version := regexp.MustCompile(`\b\d+\.\d+\.\d+`).FindString(string(out))
	if err != nil || version == "" {
		t.Fatalf("the version of containerd: %v %s", err, out)
	}
	return version
}

// A certsMatrix runs cases on one containerd.
type certsMatrix struct {
	node
	version string
	*witness
}

// run lays out the cases, simulates them, pulls on a real node, and compares.
func (m certsMatrix) run(t *testing.T, cases []int) {
	m.root = t.TempDir()
	config, registries := certsD, []string{}
	for _, i := range cases {
		c := certsCases[i]
		if c.config != "" {
			config = m.fill(c.config, m.host(i))
		}
		m.layOut(t, c, m.host(i))
		host, _, _ := strings.Cut(m.host(i), ":")
		registries = append(registries, host)
	}
	simulated, err := containerd.Load(os.DirFS(filepath.Join(m.root, "etc/containerd/certs.d")), containerd.Options{Version: m.version, Config: []byte(config)})
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, "etc/containerd/config.toml", config)
	var images []string
	for _, i := range cases {
		for _, way := range ways {
			images = append(images, m.image(i, way).String())
		}
	}
	m.reset()
	wait := "20s"
	if _, problems := simulated.Attempts(m.image(cases[0], ways[0])); len(cases) == 1 && len(problems) > 0 {
		wait = "3s" // for a CRI that will not come, or else is there at once
	}
	out := m.pullAll(t, registries, images, wait)
	for _, i := range cases {
		for _, way := range ways {
			ref := m.image(i, way)
			t.Run(certsCases[i].name+"/"+way, func(t *testing.T) {
				attempts, problems := simulated.Attempts(ref)
				want, got := m.expect(attempts, ref, way), m.requests(ref)
				if !slices.Equal(got, want) {
					t.Errorf("containerd asked\n\t%s\nand is said to ask\n\t%s\n%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), resultOf(out, ref))
				}
				if len(problems) > 0 && len(want) > 0 {
					t.Errorf("attempts beside %v", problems)
				}
			})
		}
	}
	if t.Failed() {
		t.Log(m.logs())
	}
}

func resultOf(out string, ref image.Ref) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, ref.String()+" ") {
			return line
		}
	}
	return out
}

func (m certsMatrix) layOut(t *testing.T, c certsCase, registry string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(m.root, "etc/containerd/certs.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if c.hosts != "" {
		m.write(t, "etc/containerd/certs.d/"+registry+"/hosts.toml", m.fill(c.hosts, registry))
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		content := c.files[name]
		name = "etc/containerd/certs.d/" + m.fill(name, registry)
		if to, ok := strings.CutPrefix(content, "->"); ok {
			m.write(t, filepath.Dir(name)+"/", "")
			if err := os.Symlink(to, filepath.Join(m.root, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		m.write(t, name, m.fill(content, registry))
	}
}

func (m certsMatrix) write(t *testing.T, name, content string) {
	t.Helper()
	full := filepath.Join(m.root, name)
	if strings.HasSuffix(name, "/") {
		if err := os.MkdirAll(full, 0o755); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pullAll boots the node and pulls. The registries are at the witness's upstream address.
func (m certsMatrix) pullAll(t *testing.T, registries, images []string, wait string) string {
	t.Helper()
	slices.Sort(registries)
	m.write(t, "boot.sh", "")
	m.write(t, "hosts", "127.0.0.1 localhost a.mirror.test b.mirror.test p.mirror.test\n"+
		trapAddress+" registry-1.docker.io "+strings.Join(slices.Compact(registries), " ")+"\n")
	m.write(t, "ca.crt", string(m.ca))
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "test/e2e/node.sh"), append([]string{m.root, m.tools}, images...)...)
	cmd.Env = append(os.Environ(), "PATH="+m.path+string(os.PathListSeparator)+os.Getenv("PATH"), "SSL_CERT_FILE="+filepath.Join(m.root, "ca.crt"), "CRI_WAIT="+wait)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "the CRI is not served") {
		t.Errorf("node.sh: %v\n%s\n%s", err, out, m.logs())
	}
	return string(out)
}

// expect gives the requests that attempts lead to, where nobody has anything.
func (m certsMatrix) expect(attempts []containerd.Attempt, ref image.Ref, way string) []string {
	var list []string
	object := ref.Tag
	paths := []string{"manifests"}
	if way == "digest" {
		object, paths = ref.Digest, []string{"manifests", "blobs"}
	}
	for _, kind := range paths {
		for _, a := range attempts {
			if !a.Resolve {
				continue
			}
			requests, arrives := m.request("HEAD", a, kind+"/"+object)
			list = append(list, requests...)
			if way == "content" && arrives {
				return append(list, m.fetch(attempts, ref)...)
			}
		}
	}
	return list
}

// fetch gives the requests for a manifest that nobody has.
func (m certsMatrix) fetch(attempts []containerd.Attempt, ref image.Ref) []string {
	var list []string
	for _, a := range attempts {
		requests, _ := m.request("GET", a, "manifests/"+digest([]byte(ref.Repository)))
		list = append(list, requests...)
	}
	return list
}
