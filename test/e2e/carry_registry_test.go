//go:build e2e

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// Who may use a registry with a password. docker-registry knows bcrypt alone.
const (
	carryUser     = "ann"
	carryPassword = "s3cret-word"
	carryHtpasswd = carryUser + ":$2a$04$vSNQQ1jX.f8/qEjYO4LcNehbHP27HQAgMAUWmOZMsXipzC7pPkICq\n"
)

// A dockerRegistry is a process of Debian's docker-registry with its own folder.
type dockerRegistry struct {
	tls      bool // with a certificate of a private CA
	password bool // wants carryUser's
	readOnly bool
	storage  string          // its folder; a new one if empty
	like     *dockerRegistry // whose certificate it has; one of its own if nil

	address string // host:port
	caFile  string // if tls
	dir     string
	process *exec.Cmd
}

// start runs the registry until the test ends, or until stop.
func (r *dockerRegistry) start(t *testing.T) *dockerRegistry {
	t.Helper()
	needTool(t, "docker-registry")
	r.dir = t.TempDir()
	if r.storage == "" {
		r.storage = filepath.Join(r.dir, "storage")
	}
	config := filepath.Join(r.dir, "config.yml")
	writeFile(t, config, r.config(t))
	r.process = exec.Command("docker-registry", "serve", config)
	r.process.Stdout, r.process.Stderr = createFile(t, r.log()), createFile(t, r.diary())
	r.process.SysProcAttr = dieWithParent()
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	r.address = r.listening(t)
	return r
}

func (r *dockerRegistry) config(t *testing.T) string {
	text := "version: 0.1\nlog: {level: info}\nhttp:\n  addr: 127.0.0.1:0\n  secret: e2e\n"
	if r.tls {
		certificate, key := r.certificate(t)
		text += fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", certificate, key)
	}
	text += fmt.Sprintf("storage:\n  filesystem: {rootdirectory: %q}\n  maintenance:\n    uploadpurging: {enabled: false}\n    readonly: {enabled: %v}\n", r.storage, r.readOnly)
	if r.password {
		file := filepath.Join(r.dir, "htpasswd")
		writeFile(t, file, carryHtpasswd)
		text += fmt.Sprintf("auth:\n  htpasswd: {realm: e2e, path: %q}\n", file)
	}
	return text
}

func (r *dockerRegistry) certificate(t *testing.T) (certificate, key string) {
	if r.like != nil {
		r.caFile = r.like.caFile
		return filepath.Join(r.like.dir, "server.crt"), filepath.Join(r.like.dir, "server.key")
	}
	ca, server := newAuthority(t)
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(r.dir, "server.crt"), filepath.Join(r.dir, "server.key")
	r.caFile = filepath.Join(r.dir, "ca.crt")
	writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate[0]})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	writeFile(t, r.caFile, string(ca))
	return certificate, key
}

func (r *dockerRegistry) log() string   { return filepath.Join(r.dir, "access.log") }
func (r *dockerRegistry) diary() string { return filepath.Join(r.dir, "diary.log") }

// listening waits for the registry to say where it listens.
func (r *dockerRegistry) listening(t *testing.T) string {
	t.Helper()
	said := regexp.MustCompile(`listening on ([0-9.]+:[0-9]+)`)
	for range 1000 {
		diary, _ := os.ReadFile(r.diary())
		if m := said.FindSubmatch(diary); m != nil {
			return string(m[1])
		}
		time.Sleep(10 * time.Millisecond)
	}
	diary, _ := os.ReadFile(r.diary())
	t.Fatalf("docker-registry does not listen:\n%s", diary)
	return ""
}

func (r *dockerRegistry) stop() {
	if r.process.ProcessState == nil {
		_ = r.process.Process.Signal(syscall.SIGTERM)
		_ = r.process.Wait()
	}
}

// fill puts a set into the registry, below prefix.
func (r *dockerRegistry) fill(t *testing.T, prefix string, set synthetic.Set) {
	t.Helper()
	filled := synthetic.Registry{URL: r.url(), Client: insecure()}
	if r.password {
		filled.User, filled.Password = carryUser, carryPassword
	}
	if err := filled.Fill(t.Context(), prefix, set); err != nil {
		t.Fatal(err)
	}
}

func (r *dockerRegistry) url() string {
	if r.tls {
		return "https://" + r.address
	}
	return "http://" + r.address
}

// A request is a line of the registry's access log.
type request struct {
	method, path string
	kind         string // ping, manifests, blobs, uploads, tags, referrers
	status       int
}

// mount says whether the request asks for a blob of another repository.
func (q request) mount() bool { return q.method == "POST" && strings.Contains(q.path, "mount=") }

// sends says whether the request writes: an upload, a manifest.
func (q request) sends() bool { return q.method != "GET" && q.method != "HEAD" }

func requestKind(path string) string {
	path, _, _ = strings.Cut(path, "?")
	switch {
	case path == "/v2/":
		return "ping"
	case strings.Contains(path, "/blobs/uploads"):
		return "uploads"
	}
	_, kind, _ := cutRequest(path)
	return kind
}

// requests are all that the registry has answered so far.
func (r *dockerRegistry) requests(t *testing.T) requests {
	t.Helper()
	r.settle(t)
	log, err := os.ReadFile(r.log())
	if err != nil {
		t.Fatal(err)
	}
	var all requests
	for _, m := range regexp.MustCompile(`"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d+) `).FindAllStringSubmatch(string(log), -1) {
		status, _ := strconv.Atoi(m[3])
		if m[2] != settled {
			all = append(all, request{method: m[1], path: m[2], kind: requestKind(m[2]), status: status})
		}
	}
	return all
}

// settled is a request of the test itself.
const settled = "/v2/?settled"

// settle asks for something, and waits until that stands in the log: what was answered before does, too.
func (r *dockerRegistry) settle(t *testing.T) {
	t.Helper()
	count := func() int {
		log, _ := os.ReadFile(r.log())
		return bytes.Count(log, []byte(settled))
	}
	before := count()
	response, err := insecure().Get(r.url() + settled)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for i := 0; count() == before; i++ {
		if i == 500 {
			t.Fatal("the registry's log stands still")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type requests []request

// count is how many of them are as asked.
func (all requests) count(like func(request) bool) int {
	n := 0
	for _, q := range all {
		if like(q) {
			n++
		}
	}
	return n
}

func (all requests) String() string {
	var b strings.Builder
	for _, q := range all {
		fmt.Fprintf(&b, "%s %s %d\n", q.method, q.path, q.status)
	}
	return tail(b.String())
}

// insecure is a client that believes every certificate, for what tests ask themselves.
var insecure = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.MaxIdleConnsPerHost = 8
	return &http.Client{Transport: transport}
})

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func createFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// containsTag says whether the answer to tags/list has a tag.
func containsTag(answer []byte, tag string) bool {
	return bytes.Contains(answer, []byte(strconv.Quote(tag)))
}
