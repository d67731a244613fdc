//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A gate is the only way from a site to anywhere: a proxy that leads to its registry, and notes who is asked beside it.
type gate struct {
	address  string // host:port
	registry *dockerRegistry

	lock sync.Mutex
	seen []string
}

func newGate(t *testing.T, registry *dockerRegistry) *gate {
	t.Helper()
	g := &gate{registry: registry}
	server := httptest.NewServer(g)
	server.Config.ErrorLog = quiet
	t.Cleanup(server.Close)
	g.address = strings.TrimPrefix(server.URL, "http://")
	return g
}

// leaks are those who were asked and are not the registry.
func (g *gate) leaks() []string {
	g.lock.Lock()
	defer g.lock.Unlock()
	return slices.Clone(g.seen)
}

// ServeHTTP answers CONNECT.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || r.Host != nodeRegistryHost+":443" {
		g.lock.Lock()
		g.seen = append(g.seen, r.Method+" "+r.Host)
		g.lock.Unlock()
		w.WriteHeader(http.StatusForbidden)
		return
	}
	to, err := net.Dial("tcp", g.registry.address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	w.WriteHeader(http.StatusOK)
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer from.Close()
	go func() {
		_, _ = io.Copy(to, buffered)
		to.Close()
	}()
	_, _ = io.Copy(from, to)
}
