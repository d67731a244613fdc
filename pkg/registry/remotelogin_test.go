package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// writeAuths writes an auth.json with entries of name and user:password.
func writeAuths(t *testing.T, entries map[string]string) string {
	t.Helper()
	var auths []string
	for name, login := range entries {
		auths = append(auths, fmt.Sprintf("%q:{\"auth\":%q}", name, base64.StdEncoding.EncodeToString([]byte(login))))
	}
	path := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(path, []byte(`{"auths":{`+strings.Join(auths, ",")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLoginNamespaces: of several entries for a registry the most specific one counts
// (containers-auth.json(5)), and that of a namespace is nobody else's.
func TestLoginNamespaces(t *testing.T) {
	podman := writeAuths(t, map[string]string{
		"quay.io": "host:x", "quay.io/org1": "one:x", "quay.io/org1/deep": "deep:x", "quay.io/org2": "two:x",
		"only.io/org": "only:x", "docker.io/hub": "hub:x", "old.io/v2/": "old:x", "https://older.io/v1/": "older:x",
	})
	second := writeAuths(t, map[string]string{"only.io": "second:x", "quay.io/org1/deep/er": "late:x"})
	l, err := newLogins(RemoteOptions{AuthFiles: []string{podman, second}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"quay.io/a": "host", "quay.io/org1/a": "one", "quay.io/org1": "one", "quay.io/org12/a": "host",
		"quay.io/org1/deep/a": "deep", "quay.io/org2/b/c": "two", "quay.io/org1/deep/er": "deep",
		"only.io/org/a": "only", "only.io/b": "second", "docker.io/hub/a": "hub", "docker.io/library/a": "",
		"old.io/a": "old", "older.io/a": "older",
	} {
		for range 20 { // maps have no order
			got, err := l.credential(t.Context(), l.place(ref(t, name+":v1")))
			if err != nil || got.Username != want {
				t.Fatalf("%s: %q, %v; want %q", name, got.Username, err, want)
			}
		}
	}
}

// TestRemoteNamespaces: one registry is shown to each repository's request the login of
// its namespace, whatever was asked before.
func TestRemoteNamespaces(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, _, _ := req.BasicAuth()
		if want, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/"); user != want {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	r, _ := remote(t, RemoteOptions{AuthFiles: []string{writeAuths(t, map[string]string{
		host: "rest:x", host + "/org1": "org1:x", host + "/org2": "org2:x", host + "/bad": "wrong:x",
	})}})
	for _, name := range []string{"bad/a", "org1/a", "org2/a", "rest/a", "org1/b"} {
		_, err := r.Resolve(t.Context(), ref(t, host+"/"+name+":v1"))
		if _, found := asError[*NotFoundError](err); found != (name != "bad/a") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHelperLeavesChild: a credential helper whose child holds its output is not waited
// for when the user interrupts.
func TestHelperLeavesChild(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	dir := t.TempDir()
	gate, started := filepath.Join(dir, "gate"), filepath.Join(dir, "started")
	script := fmt.Sprintf("#!/bin/sh\nmkfifo %[1]s\ncat %[1]s &\ntouch %[2]s\nwait\n", gate, started)
	config := filepath.Join(dir, "config.json")
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "docker-credential-testhelper"), []byte(script), 0o755),
		os.WriteFile(config, []byte(`{"credsStore":"testhelper"}`), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	r, _ := remote(t, RemoteOptions{AuthFiles: []string{config}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := r.logins.credential(ctx, r.logins.place(image.Ref{Registry: "example.org", Repository: "a"}))
		done <- err
	}()
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for the child of the helper")
	}
	if f, err := os.OpenFile(gate, os.O_RDWR, 0); err != nil {
		t.Error(err)
	} else {
		_ = f.Close() // the child ends
	}
}
