//go:build e2e

package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a list of skopeo sync names is what the real skopeo would copy: a registry without dot or port is a namespace of
// Docker Hub to it.
func TestSkopeoListRead(t *testing.T) {
	needTool(t, "skopeo")
	dir := t.TempDir()
	list := writeFile(t, filepath.Join(dir, "skopeo.yaml"), `quay.io:
  images:
    coreos/etcd: [v3.5.21, v3.6.0]
kindest:
  tls-verify: true
  images:
    node: [v1.36.1, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
docker.io:
  images:
    nginx: ["1.29"]
localhost:
  images:
    a/b: [v1]
127.0.0.1:5000:
  images:
    c: [v1]
`)
	out, err := exec.CommandContext(t.Context(), "skopeo", "sync", "--dry-run", "--src", "yaml", "--dest", "dir", list, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want []string
	for _, m := range regexp.MustCompile(`from="docker://([^"]+)"`).FindAllStringSubmatch(string(out), -1) {
		want = append(want, must(t, "images", "--image", m[1]).stdout)
	}
	slices.Sort(want)
	if got := must(t, "images", "-f", list).stdout; got != strings.Join(want, "") || len(want) != 7 {
		t.Errorf("the list names\n%sskopeo would copy\n%s", got, strings.Join(want, ""))
	}
}
