package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
)

func TestRemoteTLS(t *testing.T) {
	login := registrytest.Options{Username: "me", Password: secret, Realm: "/token"}
	s, ca := registrytest.StartTLS(t, login, false)
	strict, strictCA := registrytest.StartTLS(t, registrytest.Options{}, true)
	cert, key, err := strictCA.Issue("client")
	if err != nil {
		t.Fatal(err)
	}
	at, want := seed(t, s, registrytest.Image{Name: "a:v1"})
	strictAt, _ := seed(t, strict, registrytest.Image{Name: "a:v1"})
	otherName := at
	otherName.Registry = "registry.example.com"
	user := RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret}
	withCA := user
	withCA.CA = ca.PEM

	r, _ := remote(t, withCA)
	if got, err := r.Resolve(t.Context(), at); err != nil || got.Digest != want.Digest {
		t.Errorf("with the CA, for the token as well: %v, %v", got, err)
	}
	r, notes := remote(t, user)
	_, err = r.Resolve(t.Context(), at)
	if err == nil || !strings.Contains(err.Error(), "the certificate of "+s.Host+" is signed by an authority that is not known here: give its certificate (--ca-file)") {
		t.Errorf("without the CA: %v", err)
	}
	if len(notes()) > 0 || s.Count(registrytest.ManifestHead) != 2 {
		t.Errorf("tried again: %v", notes())
	}
	r, _ = remote(t, withCA)
	r.bare.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Host)
	}
	if _, err = r.Resolve(t.Context(), otherName); err == nil || !strings.Contains(err.Error(), "the certificate of registry.example.com is for other names") {
		t.Errorf("another name: %v", err)
	}
	r, notes = remote(t, RemoteOptions{CA: strictCA.PEM})
	if _, err = r.Resolve(t.Context(), strictAt); err == nil || !strings.Contains(err.Error(), "wants a client certificate") {
		t.Errorf("without a client certificate: %v", err)
	}
	if len(notes()) > 0 {
		t.Errorf("without a client certificate it was tried again: %v", notes())
	}
	r, _ = remote(t, RemoteOptions{CA: strictCA.PEM, ClientCert: cert, ClientKey: key})
	if _, err = r.Resolve(t.Context(), strictAt); err != nil {
		t.Errorf("with a client certificate: %v", err)
	}
	plain := registrytest.Start(t, registrytest.Options{})
	down, downCA := registrytest.StartTLS(t, registrytest.Options{RedirectBlobs: "http://" + plain.Host}, false)
	r, notes = remote(t, RemoteOptions{CA: downCA.PEM})
	blobAt, blob, _ := blobOf(t, down, "a", 160)
	if _, err = r.Fetch(t.Context(), blobAt, blob); err == nil || !strings.Contains(err.Error(), "redirects from https to http") || len(notes()) > 0 {
		t.Errorf("redirected to plain HTTP: %v, waits %v", err, notes())
	}
	for _, bad := range []RemoteOptions{{CA: []byte("x")}, {ClientCert: cert}, {ClientCert: cert, ClientKey: []byte("x")}, {Username: "me"}} {
		if _, err := NewRemote(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestRemotePlainHTTP: only loopback is spoken to without TLS unasked.
func TestRemotePlainHTTP(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	at, _ := seed(t, s, registrytest.Image{Name: "a:v1"})
	elsewhere := at
	elsewhere.Registry = "registry.example.com"
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://" + s.Host) }
	toIt := &net.Dialer{}
	for _, plain := range []bool{false, true} {
		r, _ := remote(t, RemoteOptions{PlainHTTP: plain})
		r.bare.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return toIt.DialContext(ctx, network, s.Host)
		}
		_, err := r.Resolve(t.Context(), elsewhere)
		if plain && err != nil || !plain && (err == nil || !strings.Contains(err.Error(), "registry.example.com speaks plain HTTP where TLS is expected (--plain-http)")) {
			t.Errorf("plain HTTP %v: %v", plain, err)
		}
		if _, err := r.Resolve(t.Context(), at); err != nil {
			t.Errorf("loopback: %v", err)
		}
	}
	r, _ := remote(t, RemoteOptions{PlainHTTP: true, Proxy: proxy})
	if _, err := r.Resolve(t.Context(), elsewhere); err != nil {
		t.Errorf("by a proxy: %v", err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "LocalHost:5000": true, "127.0.0.1:5000": true, "127.8.0.1": true, "[::1]:5000": true, "::1": false,
		"localhost.example.com": false, "192.168.0.1": false, "registry.k8s.io": false,
	} {
		if isLoopback(host) != want {
			t.Errorf("%s is loopback: %v", host, !want)
		}
	}
}

func TestRemoteUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	r, notes := remote(t, RemoteOptions{})
	_, err = r.Resolve(t.Context(), ref(t, host+"/a:v1"))
	if err == nil || !strings.Contains(err.Error(), "refused") || len(notes()) != 2 {
		t.Errorf("%v, waits %v", err, notes())
	}
	_, err = r.Resolve(t.Context(), ref(t, "no-such-host.invalid/a:v1"))
	var dns *net.DNSError
	if !errors.As(err, &dns) || len(notes()) > 2+4 {
		t.Errorf("%v, waits %v", err, notes())
	}
}

func TestLogins(t *testing.T) {
	dir := t.TempDir()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if runtime.GOOS != "windows" {
		script := "#!/bin/sh\nread host\ncase $host in\nhelped.io) echo '{\"Username\":\"h\",\"Secret\":\"helper\"}';;\n" +
			"tok.io) echo '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}';;\n*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n"
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-testhelper"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	docker := write("config.json", fmt.Sprintf(`{"auths":{"https://index.docker.io/v1/":{"auth":%q},"https://old.example.com/v2/":{"auth":%q}},
		"credHelpers":{"helped.io":"testhelper","tok.io":"testhelper","unknown.io":"testhelper","lost.io":"no-such-helper"}}`, encode("hub:docker"), encode("o:old")))
	podman := write("auth.json", fmt.Sprintf(`{"auths":{"docker.io":{"auth":%q},"quay.io":{"auth":%q},"unknown.io":{"auth":%q},"broken.io":{"auth":%q}}}`,
		encode("pod:man"), encode("q:quay"), encode("u:second"), encode(secret)))
	l, err := newLogins(RemoteOptions{LoginHost: "mine.io", Username: "me", Password: "own", AuthFiles: []string{filepath.Join(dir, "none"), docker, podman}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]auth.Credential{
		"docker.io": {Username: "hub", Password: "docker"}, "old.example.com": {Username: "o", Password: "old"},
		"quay.io": {Username: "q", Password: "quay"}, "mine.io": {Username: "me", Password: "own"}, "nobody.io": {},
	}
	if runtime.GOOS != "windows" {
		want["helped.io"] = auth.Credential{Username: "h", Password: "helper"}
		want["tok.io"] = auth.Credential{RefreshToken: "refresh"}
		want["unknown.io"] = auth.Credential{Username: "u", Password: "second"}
	}
	for host, want := range want {
		if got, err := l.credential(t.Context(), address(host)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	if _, err := l.credential(t.Context(), "broken.io"); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), podman) {
		t.Errorf("broken: %v", err)
	}
	if _, err := l.credential(t.Context(), "lost.io"); err == nil || !strings.Contains(err.Error(), "no-such-helper") {
		t.Errorf("lost helper: %v", err)
	}
	only, _ := newLogins(RemoteOptions{AuthFiles: []string{podman}})
	if got, err := only.credential(t.Context(), "registry-1.docker.io"); got.Username != "pod" || err != nil {
		t.Errorf("podman's name of Docker Hub: %+v, %v", got, err)
	}
	if _, err := NewRemote(RemoteOptions{AuthFiles: []string{write("bad.json", `{"auths":`+secret)}}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("bad file: %v", err)
	}
}

// TestRemoteProxyRefuses: a proxy that wants other credentials is asked once, and named
// without them.
func TestRemoteProxyRefuses(t *testing.T) {
	for status, tries := range map[int]int{http.StatusProxyAuthRequired: 1, http.StatusForbidden: 1, http.StatusBadGateway: 5} {
		asked := 0
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(status)
		}))
		defer proxy.Close()
		at, err := url.Parse(strings.Replace(proxy.URL, "http://", "http://ann:"+secret+"@", 1))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := remote(t, RemoteOptions{Proxy: http.ProxyURL(at)})
		_, err = r.Resolve(t.Context(), ref(t, "registry.example.com/a:v1"))
		want := fmt.Sprintf("the proxy %s does not connect: it answered %d", at.Host, status)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) || asked != tries {
			t.Errorf("%d: asked %d times, want %d: %v", status, asked, tries, err)
		}
	}
}
