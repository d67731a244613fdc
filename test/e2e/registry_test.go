//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A nodeRegistry is a private registry that holds one small image under the names of
// nodeImages, below airgap/.
type nodeRegistry struct {
	tls      bool
	path     bool   // names have no upstream host in them
	password string // of user ann, empty for none
	stopped  bool

	ca     []byte
	server *httptest.Server
}

func (r *nodeRegistry) start(t *testing.T) {
	t.Helper()
	r.server = httptest.NewUnstartedServer(r.handler(t))
	if r.tls {
		ca, certificate := newAuthority(t)
		r.ca, r.server.TLS = ca, &tls.Config{Certificates: []tls.Certificate{certificate}}
		r.server.StartTLS()
	} else {
		r.server.Start()
	}
	if r.stopped {
		r.server.Close()
	} else {
		t.Cleanup(r.server.Close)
	}
}

// address is host:port as nodes reach it.
func (r *nodeRegistry) address() string {
	_, port, _ := net.SplitHostPort(r.server.Listener.Addr().String())
	return nodeRegistryHost + ":" + port
}

func (r *nodeRegistry) handler(t *testing.T) http.Handler {
	manifest, blobs := smallImage(t)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if user, password, _ := q.BasicAuth(); r.password != "" && (user != "ann" || password != r.password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="airgap"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if q.URL.Path == "/v2/" { // are you a registry?
			return
		}
		name, kind, last := cutRequest(q.URL.Path)
		body, mediaType := blobs[last], "application/octet-stream"
		if kind == "manifests" {
			body, mediaType = manifest, "application/vnd.oci.image.manifest.v1+json"
		}
		if body == nil || !r.holds(name) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", digest(body))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	})
}

// holds says whether there is a repository of this name.
func (r *nodeRegistry) holds(name string) bool {
	return slices.ContainsFunc(nodeImages, func(image string) bool {
		if r.path {
			_, image, _ = strings.Cut(image, "/")
		}
		repository, _, _ := strings.Cut(image, ":")
		return name == "airgap/"+repository
	})
}

// cutRequest takes /v2/NAME/manifests/TAG apart.
func cutRequest(path string) (name, kind, last string) {
	parts := strings.Split(strings.TrimPrefix(path, "/v2/"), "/")
	if len(parts) < 3 {
		return "", "", ""
	}
	n := len(parts) - 2
	return strings.Join(parts[:n], "/"), parts[n], parts[n+1]
}

// smallImage is an image with one file in it.
func smallImage(t *testing.T) (manifest []byte, blobs map[string][]byte) {
	t.Helper()
	var layer, plain bytes.Buffer
	w := tar.NewWriter(&plain)
	if err := w.WriteHeader(&tar.Header{Name: "airgap", Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	z := gzip.NewWriter(&layer)
	_, _ = z.Write(plain.Bytes())
	z.Close()
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, digest(plain.Bytes()))
	manifest = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}]}`,
		digest(config), len(config), digest(layer.Bytes()), layer.Len())
	return manifest, map[string][]byte{digest(config): config, digest(layer.Bytes()): layer.Bytes()}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
