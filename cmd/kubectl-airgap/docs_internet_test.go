package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
)

// An internet is a proxy behind which every host of the world is played: a registry has whatever image it is asked for, a
// web server the files of a folder, and registry.example.com is the site's own registry, empty at first. So a page of the
// documentation can be run as it stands. Programs trust it by SSL_CERT_FILE.
type internet struct {
	proxy *httptest.Server
	ca    *x509.Certificate
	key   *ecdsa.PrivateKey
	files string // a folder: HOST/PATH

	upstream, site *registrytest.Registry
	lock           sync.Mutex
	seeded         map[string]bool
}

// siteHosts are what pages and help call the registry of the site.
var siteHosts = []string{"registry.example.com", "registry.airgap.example.com"}

func newInternet(t *testing.T, files string) *internet {
	t.Helper()
	in := &internet{files: files, upstream: registrytest.New(registrytest.Options{}), site: registrytest.New(registrytest.Options{}), seeded: map[string]bool{}}
	in.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	in.ca = in.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "the internet"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	in.proxy = httptest.NewServer(http.HandlerFunc(in.connect))
	t.Cleanup(in.proxy.Close)
	in.publishTKG(t)
	return in
}

// must gives what a call gave, or ends the test.
func must[T any](got T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

// sign makes a certificate with the one key that there is; the authority's own, too.
func (in *internet) sign(t *testing.T, c *x509.Certificate) *x509.Certificate {
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent := in.ca
	if parent == nil {
		parent = c
	}
	der := must(x509.CreateCertificate(rand.Reader, c, parent, &in.key.PublicKey, in.key))(t)
	return must(x509.ParseCertificate(der))(t)
}

func (in *internet) caPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: in.ca.Raw})
}

// connect is a proxy that opens each connection itself, whatever host is asked for.
func (in *internet) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		in.answer(w, r)
		return
	}
	w.WriteHeader(http.StatusOK)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	host, _, _ := net.SplitHostPort(r.Host)
	server := &http.Server{Handler: http.HandlerFunc(in.answer), ReadHeaderTimeout: time.Minute}
	_ = server.Serve(&oneConn{conn: tls.Server(conn, in.config(host))}) // it ends with the connection
}

func (in *internet) config(host string) *tls.Config {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, in.ca, &in.key.PublicKey, in.key)
	if err != nil {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: in.key}}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// A oneConn is a listener that has one connection.
type oneConn struct {
	conn net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	var conn net.Conn
	l.once.Do(func() { conn = l.conn })
	if conn == nil {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// answer is what the host of a request says.
func (in *internet) answer(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimSuffix(r.Host, ":443")
	rest, isRegistry := strings.CutPrefix(r.URL.Path, "/v2/")
	switch file := filepath.Join(in.files, host, filepath.FromSlash(r.URL.Path)); {
	case slices.Contains(siteHosts, host):
		in.site.ServeHTTP(w, r)
	case r.Method == http.MethodPut && !isRegistry: // a server of files that takes what it gets
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	case isRegistry && rest == "":
		w.WriteHeader(http.StatusOK)
	case isRegistry:
		in.pull(w, r, strings.Replace(host, "registry-1.docker.io", "docker.io", 1)+"/"+rest)
	case isFile(file):
		http.ServeFile(w, r, file)
	default:
		http.NotFound(w, r)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// pull answers for a registry that has every image by its tag.
func (in *internet) pull(w http.ResponseWriter, r *http.Request, path string) {
	if repository, tag, ok := strings.Cut(path, "/manifests/"); ok && digest.Digest(tag).Validate() != nil {
		in.lock.Lock()
		if name := repository + ":" + tag; !in.seeded[name] {
			in.seeded[name] = true
			_, err := in.upstream.Seed(registrytest.Image{Name: name, Base: "base", Platforms: []string{"linux/amd64", "linux/arm64"}, Size: 5000})
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
		in.lock.Unlock()
	}
	r.URL.Path = "/v2/" + path
	in.upstream.ServeHTTP(w, r)
}
