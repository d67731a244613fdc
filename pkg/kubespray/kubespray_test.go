package kubespray_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
)

func TestParseFileList(t *testing.T) {
	files, err := kubespray.ParseFileList("files.list", []byte("\ufeff# made by hand\r\n"+
		"https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubelet\r\n\n"+
		"  https://user:word@Example.com:8443/a%20b/c.tgz?token=1  \n"+
		"https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubelet\n"))
	want := []kubespray.File{
		{URL: "https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubelet", Path: "dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubelet", Line: 2},
		{URL: "https://user:word@Example.com:8443/a%20b/c.tgz?token=1", Path: "example.com_8443/a b/c.tgz", Line: 4},
	}
	if err != nil || len(files) != 2 || files[0] != want[0] || files[1] != want[1] {
		t.Errorf("%+v, %v", files, err)
	}
}

func TestParseFileListRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "f: there is no URL in it",
		"# nothing\n":                  "f: there is no URL in it",
		"https://h/a\n{{ x }}/b\n":     "f:2:1: a variable of Ansible is not filled in",
		" https://h/{{ v }}/b\n":       "f:1:12: a variable of Ansible",
		"https://h/ä/{% if x %}":       "f:1:13: a variable of Ansible",
		"https://h/a b":                "f:1:12: a line is one URL",
		"ftp://h/a":                    "f:1:1: a URL begins with",
		"dl.k8s.io/x":                  "f:1:1: a URL begins with",
		"https://":                     "f:1:1: this URL has no host",
		"https://u:secret@h:x/a":       "f:1:1: this is no URL",
		"https://h":                    "f:1:9: this URL names no file",
		"https://h/":                   "f:1:9: this URL names no file",
		"https://h/a/":                 "f:1:9: this URL names no file",
		"https://h/a/../../b":          "f:1:9: this URL's path has an element \"..\"",
		"https://h/a/%2e%2e/b":         "f:1:9: this URL's path has an element \"..\"",
		"https://h//b":                 "f:1:9: this URL's path has an element \"\"",
		"https://h/a:b":                "f:1:9: this URL's path has a character",
		"https://h/%5c":                "f:1:9: this URL's path has a character",
		"https://h/a?x\nhttps://h/a?y": "f:2:1: it would be the same file as line 1, h/a",
		"ftp://h/a\nhttps://h/":        "f:1:1: a URL begins with https:// or http://\nf:2:9: this URL names no file, but a folder",
		strings.Repeat("x", 9000):      "f:1:1: the list has lines of more than",
	} {
		_, err := kubespray.ParseFileList("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: the error shows a password: %v", text, err)
		}
	}
}

// The real list of v2.31.0: 24 files under their hosts.
func TestParseFileListOfKubespray(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "samples", "kubespray-v2.31.0-files.list"))
	if err != nil {
		t.Skip("../shared is absent: the list of v2.31.0 is NOT checked")
	}
	files, err := kubespray.ParseFileList("files.list", text)
	if err != nil || len(files) != 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if "https://"+f.Path != f.URL {
			t.Errorf("%s is at %s", f.URL, f.Path)
		}
	}
}

func TestCheckList(t *testing.T) {
	for text, want := range map[string]string{
		"quay.io/a/b:v1\n{{ kube_image_repo }}/kube-proxy:v{{ kube_version }}\n": "i:2:1: a variable of Ansible",
		"quay.io/a/b:{{ v }}\n":      "i:1:13: a variable of Ansible",
		"quay.io/a/b:v1\n":           "",
		"image: {{ .Values.image }}": "", // a template of something else
		"# {{ x }}\nquay.io/a:v1":    "",
		"{{ x":                       "i:1:1: a variable of Ansible",
	} {
		err := kubespray.CheckList("i", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestChecksums(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	sums, err := kubespray.ParseChecksums([]byte("---\nkubelet_checksums:\n  amd64:\n    1.35.4: sha256:" + a + "\n  arm64:\n    1.35.4: sha256:" + b +
		"\ncrun_checksums:\n  amd64:\n    1.17: sha256:" + b + "\ncalico_crds_checksums:\n  no_arch:\n    3.31.5: sha256:" + a +
		"\nyouki_checksums:\n  amd64:\n    0.5.7: sha256:" + b + "\ngvisor_runsc_binary_checksums:\n  amd64:\n    '20260323.0': sha512:" + a + b +
		"\ncri_dockerd_archive_checksums:\n  amd64:\n    0.3.24: sha256:" + a + "\ncontainerd_archive_checksums:\n  amd64:\n    2.2.3: sha256:" + a + "\ncontainerd_static_archive_checksums:\n  amd64:\n    2.2.3: sha256:" + b + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubelet":                                                       a,
		"https://dl.k8s.io/release/v1.35.4/bin/linux/arm64/kubelet":                                                       b,
		"https://dl.k8s.io/release/v1.35.5/bin/linux/amd64/kubelet":                                                       "",
		"https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubectl":                                                       "",
		"https://evil.example/release/v1.35.4/bin/linux/amd64/kubelet":                                                    "",
		"https://github.com/containers/crun/releases/download/1.17/crun-1.17-linux-amd64":                                 b,
		"https://github.com/containers/crun/releases/download/1.17/crun-1.16-linux-amd64":                                 "",
		"https://github.com/projectcalico/calico/raw/v3.31.5/manifests/crds.yaml":                                         a,
		"https://github.com/youki-dev/youki/releases/download/v0.5.7/youki-0.5.7-x86_64-gnu.tar.gz":                       b,
		"https://github.com/Mirantis/cri-dockerd/releases/download/v0.3.24/cri-dockerd-0.3.24.amd64.tgz":                  a,
		"https://github.com/Mirantis/cri-dockerd/releases/download/v0.3.24/cri-dockerd-0.3.2.amd64.tgz":                   "",
		"https://storage.googleapis.com/gvisor/releases/release/20260323.0/x86_64/runsc":                                  "",
		"https://github.com/containerd/containerd/releases/download/v2.2.3/containerd-2.2.3-linux-amd64.tar.gz":           a,
		"https://github.com/containerd/containerd/releases/download/v2.2.3/containerd-static-2.2.3-linux-amd64.tar.gz":    b,
		"https://github.com/containerd/containerd/releases/download/v2.2.3/containerd-static-2.2.3-linux-amd64.tar.gz.x":  "",
		"https://github.com/containerd/containerd/releases/download/v2.2.3/x/containerd-static-2.2.3-linux-amd64.tar.gz.": "",
	} {
		if got, ok := sums.SHA256(url); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %s, want %q", url, got, want)
		}
	}
	for _, text := range []string{"", "a: b", "x:\n  y:\n    z: w\n", "[]"} {
		if _, err := kubespray.ParseChecksums([]byte(text)); err == nil {
			t.Errorf("%q is taken for checksums", text)
		}
	}
}

// FuzzParseFileList: whatever is in a list, what is taken is a path inside a folder.
func FuzzParseFileList(f *testing.F) {
	f.Add("https://dl.k8s.io/release/v1/kubelet\n{{ x }}\n")
	f.Add("http://h:1/%2e%2e/a?b\nhttps://h/a/../b")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := kubespray.ParseFileList("f", []byte(text))
		if err == nil && len(files) == 0 {
			t.Error("neither files nor an error")
		}
		for _, file := range files {
			if !filepath.IsLocal(file.Path) || strings.ContainsAny(file.Path, "\\:\n") || strings.Contains(file.Path, "{{") {
				t.Errorf("%q", file.Path)
			}
		}
		_ = kubespray.CheckList("f", []byte(text))
	})
}
