//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// nodeImages are what the node is asked for: what manifests say, from four upstreams.
var nodeImages = []string{"registry.k8s.io/pause:3.9", "quay.io/calico/node:v3.31.7", "docker.io/library/busybox:1.36", "ghcr.io/kube-vip/kube-vip:v1.0.0"}

// workers is a template before the node's configuration is in it.
const workers = `apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
kind: KubeadmConfigTemplate
metadata:
  name: md-0
spec:
  template:
    spec:
      format: cloud-config
      preKubeadmCommands:
      - hostname "node"   # somebody's own
`

// imageBuilder is the containerd configuration of node images before 2024, in short.
const imageBuilder = `version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.9"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
`

// mirrored is one whose registry section has to give way.
const mirrored = imageBuilder + `
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["https://mirror.nowhere.test"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."mirror.nowhere.test".tls]
  insecure_skip_verify = true
`

// first is one of version 1, as containerd 1.2 had it; what of it containerd 2.0 to 2.2 read over.
const first = `version = 1
[plugins.cri]
  sandbox_image = "registry.k8s.io/pause:3.9"
  [plugins.cri.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.cri.containerd.runtimes.runc.options]
      SystemdCgroup = true
  [plugins.cri.registry.mirrors."docker.io"]
    endpoint = ["https://mirror.nowhere.test"]
`

// newer is one for containerd 2, with two folders in config_path, of which pulls would see neither.
const newer = `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.2"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"
`

// A nodeCase is a node image, a registry, and how nodes is told of it.
type nodeCase struct {
	name     string
	config   string // containerd's own, on the image of the node
	registry nodeRegistry
	flags    []string
	template func(string) string
	kept     string // a line of config that has to survive
	major    int    // of containerd, 0 for any
}

var nodeCases = []nodeCase{
	{name: "private CA", config: imageBuilder, registry: nodeRegistry{tls: true}, kept: "SystemdCgroup = true"},
	{name: "no configuration at all", registry: nodeRegistry{tls: true}},
	{name: "no version, as Docker's package has it", config: "disabled_plugins = []\n", registry: nodeRegistry{tls: true}, kept: "disabled_plugins = []"},
	{name: "version 1", config: first, registry: nodeRegistry{tls: true}, kept: "SystemdCgroup = true"},
	{name: "mirrors in the image", config: mirrored, registry: nodeRegistry{tls: true}, kept: `sandbox_image = "registry.k8s.io/pause:3.9"`},
	{
		name: "Ignition", config: imageBuilder, registry: nodeRegistry{tls: true},
		template: func(s string) string { return strings.Replace(s, "cloud-config", "ignition", 1) },
	},
	{name: "two folders", major: 2, config: newer, registry: nodeRegistry{tls: true}, kept: "pause:3.10.2"},
	{name: "plain HTTP", config: imageBuilder, flags: []string{"--plain-http"}},
	{name: "path layout", config: imageBuilder, registry: nodeRegistry{tls: true, path: true}, flags: []string{"--layout", "path"}},
	{
		name: "password", config: imageBuilder, registry: nodeRegistry{tls: true, password: "s3c:r$et\"'"},
		flags: []string{"--username", "ann", "--password-file", "PASSWORD"},
	},
	{
		name: "password in a Secret", config: imageBuilder, registry: nodeRegistry{tls: true, password: "s3c:r$et\"'"},
		flags: []string{"--auth-secret", "login"},
	},
	{
		name: "whole config.toml", major: 1, registry: nodeRegistry{tls: true, password: "s3cret"},
		flags: []string{"--style", "containerd-config", "--username", "ann", "--password-file", "PASSWORD"},
	},
}

// TestNodesPull is the whole way: a template, nodes, Cluster API's renderer, a first boot,
// a real containerd that finds all images in the private registry and asks nobody else.
func TestNodesPull(t *testing.T) {
	tools, upstream := nodeTools(t), trap(t)
	for major, path := range containerds(t) {
		for _, test := range nodeCases {
			if test.major > 0 && test.major != major+1 {
				continue
			}
			t.Run(fmt.Sprintf("containerd %d/%s", major+1, test.name), func(t *testing.T) {
				test.run(t, node{tools: tools, path: path, root: t.TempDir()})
			})
		}
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}

func (test *nodeCase) run(t *testing.T, n node) {
	r := test.registry
	r.start(t)
	template := workers
	if test.template != nil {
		template = test.template(workers)
	}
	n.patch(t, template, &r, test.flags)
	n.boot(t, test.config)
	out := n.pull(t, &r, nodeImages...)
	if strings.Count(out, "ok ") != len(nodeImages) {
		t.Errorf("not all images were pulled:\n%s%s", out, n.logs())
	}
	if config, err := os.ReadFile(filepath.Join(n.root, "etc/containerd/config.toml")); err != nil || !strings.Contains(string(config), test.kept) {
		t.Errorf("config.toml lost %q: %v\n%s", test.kept, err, config)
	}
	if marks := n.marks(); !strings.Contains(marks, "systemctl restart containerd") || !strings.Contains(marks, "kubeadm join") {
		t.Errorf("the first boot went wrong:\n%s%s", marks, n.logs())
	}
}

// A registry that is down, or does not have the image, is an error at once, and of the
// private registry alone.
func TestNodesWithoutRegistry(t *testing.T) {
	tools, upstream := nodeTools(t), trap(t)
	for major, path := range containerds(t) {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprintf("containerd %d/stopped %v", major+1, stopped), func(t *testing.T) {
				r := nodeRegistry{tls: true, stopped: stopped}
				r.start(t)
				n := node{tools: tools, path: path, root: t.TempDir()}
				n.patch(t, workers, &r, nil)
				n.boot(t, imageBuilder)
				checkFailure(t, n.pull(t, &r, "registry.k8s.io/not/there:v1"), n)
			})
		}
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}

func checkFailure(t *testing.T, out string, n node) {
	t.Helper()
	took := regexp.MustCompile(`FAIL \S+ (\d+)ms`).FindStringSubmatch(out)
	if took == nil {
		t.Fatalf("it was pulled, or was not tried:\n%s%s", out, n.logs())
	}
	if ms, _ := strconv.Atoi(took[1]); ms > 1000 {
		t.Errorf("it took %d ms:\n%s", ms, out)
	}
	if regexp.MustCompile(`https?://(registry\.k8s\.io|[^ ]*pkg\.dev)`).MatchString(out) {
		t.Errorf("the error names an upstream:\n%s", out)
	}
	t.Log(strings.TrimSpace(out))
}

// nodeTools are the programs that make a node of this machine.
func nodeTools(t *testing.T) string {
	t.Helper()
	needTool(t, "containerd")
	needTool(t, "unshare")
	if os.Geteuid() != 0 {
		needTool(t, "root, whose mounts these tests need,") // a tool that nobody has
	}
	return buildTools(t, "./cri", "./userdata")
}

// containerds are the folders of containerd 1, Debian's, and 2, built here.
func containerds(t *testing.T) []string {
	t.Helper()
	debian, err := exec.LookPath("containerd")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(root, "test/e2e/tools/containerd"),
		"-tags", "no_btrfs,no_devmapper,no_zfs", "-o", dir+"/", "github.com/containerd/containerd/v2/cmd/containerd")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building containerd: %v\n%s", err, out)
	}
	return []string{filepath.Dir(debian), dir}
}

// buildTools builds programs of the module tools, and gives their folder.
func buildTools(t *testing.T, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-C", filepath.Join(root, "test/e2e/tools"), "-o", dir + "/"}, packages...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// trapAddress is where the upstream registries are on the node: an address of this process.
var trapAddress = fmt.Sprintf("127.9.%d.%d", os.Getpid()>>8&255, os.Getpid()&255)

// trap counts who connects to what the node takes for the upstream registries.
func trap(t *testing.T) *atomic.Int32 {
	t.Helper()
	var n atomic.Int32
	for _, port := range []string{"443", "80"} {
		l, err := net.Listen("tcp", trapAddress+":"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				n.Add(1)
				c.Close()
			}
		}()
	}
	return &n
}

// A node is one that boots from what nodes wrote.
type node struct {
	tools, root string
	path        string // the folder of containerd
}

// patch runs nodes over the template and renders the result as Cluster API does.
func (n node) patch(t *testing.T, template string, r *nodeRegistry, flags []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	}
	args := append([]string{"nodes", "-f", write("cluster.yaml", template), "--to", r.address() + "/airgap"}, flags...)
	if i := slices.Index(args, "PASSWORD"); i >= 0 {
		args[i] = write("password", r.password+"\n")
	}
	if r.tls {
		args = append(args, "--ca-file", write("ca.crt", string(r.ca)))
	}
	write("login/username", "ann")
	write("login/password", r.password)
	patched := run(t, "kubectl-airgap", args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(n.tools, "userdata"), n.root, dir)
	cmd.Stdin = strings.NewReader(patched)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, patched)
	}
}

// boot puts the configuration of containerd in place that the image of the node has.
func (n node) boot(t *testing.T, config string) {
	t.Helper()
	if config == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(n.root, "etc/containerd/config.toml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pull boots the node and gives what became of each image.
func (n node) pull(t *testing.T, r *nodeRegistry, images ...string) string {
	t.Helper()
	hosts := "127.0.0.1 localhost " + nodeRegistryHost + "\n" + trapAddress + " mirror.nowhere.test registry-1.docker.io"
	for _, image := range images {
		host, _, _ := strings.Cut(image, "/")
		hosts += " " + host
	}
	if err := os.WriteFile(filepath.Join(n.root, "hosts"), []byte(hosts+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "test/e2e/node.sh"), append([]string{n.root, n.tools}, images...)...)
	cmd.Env = append(os.Environ(), "PATH="+n.path+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("node.sh: %v\n%s", err, n.logs())
	}
	return string(out)
}

func (n node) marks() string {
	marks, _ := os.ReadFile(filepath.Join(n.root, "marks"))
	return string(marks)
}

// logs are what boot and containerd said.
func (n node) logs() string {
	var all bytes.Buffer
	for _, name := range []string{"boot.log", "marks", "containerd.log"} {
		log, _ := os.ReadFile(filepath.Join(n.root, name))
		fmt.Fprintf(&all, "-- %s --\n%s", name, tail(string(log)))
	}
	return all.String()
}

const nodeRegistryHost = "registry.airgap.test"

// newAuthority makes a CA and a certificate of it for the registry.
func newAuthority(t *testing.T) (ca []byte, server tls.Certificate) {
	t.Helper()
	sign := func(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if parentKey == nil {
			parentKey = key
		}
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authority.Subject.CommonName = "airgap test CA"
	caDER, caKey := sign(authority, authority, nil)
	der, key := sign(&x509.Certificate{DNSNames: []string{nodeRegistryHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, authority, caKey)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// clusterctl fills in the variables of a template, and leaves all that nodes wrote as it is.
func TestClusterctlPassesNodesOn(t *testing.T) {
	needShared(t)
	clusterctl := needClusterctl(t)
	template := filepath.Join(shared, "corpus/templates/capv/v1.16.1/cluster-template.yaml")
	before, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := newAuthority(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	after := run(t, "kubectl-airgap", "nodes", "-f", template, "--to", "registry.airgap.test/airgap", "--ca-file", filepath.Join(dir, "ca.crt"))
	if err := os.WriteFile(filepath.Join(dir, "cluster.yaml"), []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), clusterctl, "generate", "yaml", "--from", filepath.Join(dir, "cluster.yaml"))
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	for _, variable := range regexp.MustCompile(`\$\{([A-Z_0-9]+)`).FindAllStringSubmatch(string(before), -1) {
		cmd.Env = append(cmd.Env, variable[1]+"=1")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	// clusterctl sorts keys, and breaks and indents lines as it likes; their words stay.
	words := func(text string) string { return strings.Join(strings.Fields(strings.ReplaceAll(text, `"`, "")), " ") }
	old, generated := "\n"+string(before), words(string(out))
	added := 0
	for line := range strings.Lines(after) {
		if strings.Contains(old, "\n"+line) {
			continue
		}
		added++
		if !strings.Contains(generated, words(strings.TrimLeft(line, " -"))) {
			t.Errorf("clusterctl changed %s", line)
		}
	}
	if added < 100 {
		t.Errorf("only %d lines were added", added)
	}
}
