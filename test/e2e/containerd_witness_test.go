//go:build e2e

package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A witness is every registry that a node could ask: it notes who asked for what, and has
// nothing. It speaks TLS with a certificate of its own authority for any name, or HTTP.
type witness struct {
	ca   []byte
	sign func(name string) (*tls.Certificate, error)

	mirrors *strings.Replacer
	plain   map[string]bool // by host:port: it speaks no TLS

	mutex sync.Mutex
	log   []string
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{plain: map[string]bool{}}
	w.authority(t)
	a, b, p := "a.mirror.test:"+w.listen(t, "127.0.0.1:0", true), "b.mirror.test:"+w.listen(t, "127.0.0.1:0", true), "p.mirror.test:"+w.listen(t, "127.0.0.1:0", false)
	w.listen(t, trapAddress+":443", true)
	w.listen(t, trapAddress+":80", false)
	w.listen(t, trapAddress+":5000", true)
	local := "localhost:" + w.listen(t, "127.0.0.1:0", false)
	w.plain[p], w.plain[local] = true, true
	w.mirrors = strings.NewReplacer("{A}", a, "{B}", b, "{P}", p, "{CA}", string(w.ca), "{L}", local)
	return w
}

// fill puts names into the text of a case.
func (w *witness) fill(text, registry string) string {
	return strings.ReplaceAll(w.mirrors.Replace(text), "{U}", registry)
}

// authority makes the CA, and what signs certificates with it.
func (w *witness) authority(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	valid := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	ca := valid
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	ca.Subject.CommonName = "witness"
	der, err := x509.CreateCertificate(rand.Reader, &ca, &ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	w.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	w.sign = func(name string) (*tls.Certificate, error) {
		leaf := valid
		leaf.DNSNames = []string{name}
		der, err := x509.CreateCertificate(rand.Reader, &leaf, &ca, &key.PublicKey, key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}
}

// listen serves at an address, and gives the port.
func (w *witness) listen(t *testing.T, address string, secure bool) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &http.Server{Handler: w.handler(secure), ErrorLog: log.New(io.Discard, "", 0)}
	l = &wrongScheme{Listener: l, secure: secure, note: func() { w.note("the wrong scheme at port " + port) }}
	if secure {
		l = tls.NewListener(l, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return w.sign(hello.ServerName) }})
	}
	t.Cleanup(func() { s.Close() })
	go func() { _ = s.Serve(l) }()
	return port
}

// A wrongScheme notes clients that speak HTTP where TLS is spoken, and the other way round.
type wrongScheme struct {
	net.Listener
	secure bool
	note   func()
}

type sniffed struct {
	net.Conn
	*bufio.Reader
}

func (c sniffed) Read(b []byte) (int, error) { return c.Reader.Read(b) }

func (l *wrongScheme) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	const handshake = 0x16
	if first, err := r.Peek(1); err == nil && (first[0] == handshake) != l.secure {
		l.note()
	}
	return sniffed{c, r}, nil
}

func (w *witness) note(line string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.log = append(w.log, line)
}

func (w *witness) reset() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.log = nil
}

// handler has nothing, but says what the tag of an image means whose content is asked for.
func (w *witness) handler(secure bool) http.Handler {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		w.note(q.Method + " " + scheme + q.Host + q.URL.RequestURI())
		_, repository, ok := strings.Cut(q.URL.Path, "/team/")
		repository, tag, _ := strings.Cut(repository, "/manifests/")
		if ok && q.Method == http.MethodHead && strings.HasSuffix(repository, "-content") && tag == "v1" {
			rw.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			rw.Header().Set("Docker-Content-Digest", digest([]byte("team/"+repository)))
			rw.Header().Set("Content-Length", "100")
			return
		}
		rw.WriteHeader(http.StatusNotFound)
	})
}

// requests are those for an image. What did not get as far as a path belongs to all images
// of a node, so that only one can be asked for.
func (w *witness) requests(ref image.Ref) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var list []string
	for _, line := range w.log {
		if strings.Contains(line, "/"+ref.Repository+"/") {
			list = append(list, line)
		}
	}
	return list
}

// request is what the witness notes of one attempt, and whether it gets an answer.
func (w *witness) request(method string, a containerd.Attempt, object string) (lines []string, answered bool) {
	scheme := a.Scheme
	if a.ThenHTTP && w.plain[a.Host] {
		scheme = "http"
	}
	if a.Host == "" || scheme == "https" && w.plain[a.Host] || scheme == "http" && !w.plain[a.Host] && !strings.Contains(a.Host, ".upstream.test") {
		return nil, false
	}
	line := method + " " + scheme + "://" + a.Host + a.Path + "/" + a.Repository + "/" + object
	if a.Namespace != "" {
		line += "?ns=" + url.QueryEscape(a.Namespace)
	}
	return []string{line}, true
}
