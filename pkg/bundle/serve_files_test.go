package bundle

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// Files are found by the paths that a mirror of their hosts has, and by those in the archive.
func TestServeFilesAtTheTop(t *testing.T) {
	content := map[string]string{
		"files/dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubeadm": "kubeadm's bytes",
		"files/both": "below", "both": "top", "charts/index.yaml": "apiVersion: v1\n",
	}
	var files []File
	for name, text := range content {
		files = append(files, File{Path: name, Size: int64(len(text)), Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte(text))), nil
		}})
	}
	path := filepath.Join(t.TempDir(), "site.tar")
	if _, err := Create(t.Context(), path, Contents{Files: files}, nil, CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	h := handle(t, a, HandlerOptions{})
	const kubeadm = "dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubeadm"
	for requested, want := range map[string]string{
		"/" + kubeadm:                    "kubeadm's bytes",
		"/files/" + kubeadm:              "kubeadm's bytes",
		"/files/files/" + kubeadm:        "kubeadm's bytes",
		"/both":                          "below",
		"/files/both":                    "top",
		"/files/files/both":              "below",
		"/charts/index.yaml":             "apiVersion: v1\n",
		"/files/charts/index.yaml":       "apiVersion: v1\n",
		"/dl.k8s.io/../both":             "",
		"/dl.k8s.io/%2e%2e/both":         "",
		"/../files/both":                 "",
		"//both":                         "",
		"/files/../charts/index.yaml":    "",
		"/index.json":                    "",
		"/oci-layout":                    "",
		"/dl.k8s.io":                     "",
		"/dl.k8s.io/release/v1.35.4/bin": "",
	} {
		w := ask(h, "GET", requested)
		if got := w.Body.String(); w.Code == 200 && got != want || w.Code != 200 && want != "" || w.Code != 200 && w.Code != 404 {
			t.Errorf("%s: %d %q, want %q", requested, w.Code, got, want)
		}
	}
	w := ask(h, "GET", "/"+kubeadm, "Range", "bytes=0-6")
	if w.Code != 206 || w.Body.String() != "kubeadm" || w.Header().Get("X-Checksum-Sha256") == "" || !strings.Contains(w.Header().Get("ETag"), w.Header().Get("X-Checksum-Sha256")) {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if w := ask(h, "PUT", "/"+kubeadm); w.Code != 405 {
		t.Errorf("PUT: %d", w.Code)
	}
}
