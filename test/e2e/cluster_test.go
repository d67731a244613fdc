//go:build e2e && linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A liveCluster is a real kube-apiserver over a real etcd, without controllers.
type liveCluster struct{ url, kubeconfig string }

// startCluster builds and starts a cluster. Building kube-apiserver takes seven minutes of one
// processor, so it is done only with AIRGAP_E2E_FULL=1.
func startCluster(t *testing.T) liveCluster {
	t.Helper()
	if os.Getenv("AIRGAP_E2E_FULL") != "1" {
		t.Skip("AIRGAP_E2E_FULL is not 1: a real kube-apiserver was NOT read")
	}
	needTool(t, "etcd")
	needTool(t, "kubectl")
	apiserver := needBuilt(t, "kube-apiserver-v1.36.3", "build", "-C", filepath.Join(root, "test/e2e/tools/kube-apiserver"), "-p", "2", "-trimpath",
		"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
		"-o", filepath.Join(bin, "kube-apiserver-v1.36.3"), ".")
	dir, etcd, secure := t.TempDir(), "http://"+freeAddress(t), freeAddress(t)
	start(t, "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", "http://"+freeAddress(t))
	key, tokens := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens.csv")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})))
	write(t, tokens, "admin,admin,1,system:masters\nann,ann,2,\n")
	host, port, _ := net.SplitHostPort(secure)
	start(t, apiserver, "--etcd-servers="+etcd, "--bind-address="+host, "--secure-port="+port, "--cert-dir="+filepath.Join(dir, "certs"),
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key, "--service-account-issuer=https://site",
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.0.0.0/24")
	c := liveCluster{"https://" + secure, filepath.Join(dir, "kubeconfig")}
	write(t, c.kubeconfig, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: live,
contexts: [{name: live, context: {cluster: live, user: admin}}, {name: ann, context: {cluster: live, user: ann}}],
clusters: [{name: live, cluster: {server: %q, insecure-skip-tls-verify: true}}],
users: [{name: admin, user: {token: admin}}, {name: ann, user: {token: ann}}]}
`, c.url))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if c.kubectl("", "get", "--raw", "/readyz") == nil && c.kubectl("", "get", "namespace", "default", "kube-system") == nil {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal("kube-apiserver is not ready after two minutes")
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a server until the test ends.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s:\n%s", name, tail(string(text)))
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c liveCluster) kubectl(stdin string, args ...string) error {
	cmd := exec.Command("kubectl", append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// images runs the binary on the cluster and gives the result, and what it took.
func (c liveCluster) images(t *testing.T, args ...string) (stdout, stderr string, took time.Duration, rssMiB int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl-airgap"), append([]string{"images", "--kubeconfig", c.kubeconfig}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errOut.String())
	}
	return out.String(), errOut.String(), time.Since(begun), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
}

// A real API server that holds one object of every kind is listed exactly, as is a dump of it.
func TestLiveCluster(t *testing.T) {
	c := startCluster(t)
	objects, err := os.ReadFile("testdata/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	definitions, rest, _ := strings.Cut(string(objects), "--- # and objects\n")
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{definitions, []string{"apply", "-f", "-"}},
		{"", []string{"wait", "--for=condition=Established", "customresourcedefinition", "--all", "--timeout=60s"}},
		{rest, []string{"apply", "-f", "-"}},
		{"", []string{"patch", "node", "node1", "--subresource=status", "-p", `{"status":{"images":[{"names":["example.com/node/pause:v1"]}]}}`}},
		{"", []string{"patch", "pod", "all", "--subresource=status", "-p", `{"status":{"phase":"Succeeded","containerStatuses":[{"name":"a","image":"example.com/status-not-used:v1","imageID":"x","ready":false,"restartCount":0}]}}`}},
	} {
		if err := c.kubectl(step.stdin, step.args...); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for line := range strings.Lines(string(objects)) {
		_, image, ok := strings.Cut(strings.TrimSpace(line), "# wanted: ")
		if ok {
			want = append(want, image)
		}
	}
	got, said, took, _ := c.images(t, "--from-cluster")
	t.Logf("read in %s", took)
	check := func(what, got string, want []string) {
		t.Helper()
		if !slices.Equal(lines(got), want) {
			t.Errorf("%s: %q, want %q", what, lines(got), want)
		}
	}
	check("live", got, want)
	if said != "" {
		t.Errorf("on standard error: %s", said)
	}
	nodes := append(slices.Clone(want), "example.com/node/pause:v1")
	got, _, _, _ = c.images(t, "--from-cluster", "--include-node-images")
	slices.Sort(nodes)
	check("with node images", got, nodes)
	if _, said, _, _ = c.images(t, "--from-cluster", "--context", "ann"); !strings.Contains(said, "secrets is forbidden") {
		t.Errorf("of what ann may not list: %s", said)
	}
	for _, format := range []string{"json", "yaml"} {
		dump := run(t, "kubectl", "--kubeconfig", c.kubeconfig, "get", "--all-namespaces", "-o", format,
			"pods,deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,replicationcontrollers,podtemplates,configmaps,secrets,nodes,widgets")
		file := filepath.Join(t.TempDir(), "dump")
		write(t, file, dump)
		got, _, _, _ = c.images(t, "--from-dump", file)
		check("a dump as "+format, got, want)
	}
	t.Run("10,000 pods", func(t *testing.T) { manyPods(t, c) })
}

// manyPods makes 10,000 pods and reads them in the time and the memory that issue 5 gives.
func manyPods(t *testing.T, c liveCluster) {
	const pods, workers = 10_000, 16
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.InsecureSkipVerify = true
	transport.MaxIdleConnsPerHost = workers
	client := &http.Client{Transport: transport}
	env := strings.Repeat(`{"name":"VARIABLE","value":"some value"},`, 20)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < pods; i += workers {
				body := fmt.Sprintf(`{"metadata":{"name":"p%d"},"spec":{"containers":[{"name":"a","image":"example.com/many/a:v%d","env":[%s{"name":"A"}]},{"name":"b","image":"example.com/many/b:v1"}]}}`, i, i%100, env)
				request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/api/v1/namespaces/default/pods", strings.NewReader(body))
				request.Header.Set("Authorization", "Bearer admin")
				request.Header.Set("Content-Type", "application/json")
				response, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusCreated {
					t.Errorf("creating a pod: %s", response.Status)
					return
				}
			}
		})
	}
	group.Wait()
	got, _, took, rss := c.images(t, "--from-cluster")
	t.Logf("%d pods in %s and %d MiB", pods, took, rss)
	if n := strings.Count(got, "example.com/many/"); n != 101 {
		t.Errorf("%d images of them, want 101", n)
	}
	if took > 10*time.Second || rss > 200 {
		t.Errorf("%s and %d MiB, more than 10 s and 200 MiB", took, rss)
	}
}
