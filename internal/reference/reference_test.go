package reference_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/reference"
)

var update = flag.Bool("update", false, "write docs/reference anew")

// docs/reference says what the commands say of themselves.
func TestDocsReference(t *testing.T) {
	const folder = "../../docs/reference"
	if *update {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := reference.Markdown(folder); err != nil {
			t.Fatal(err)
		}
	}
	made := t.TempDir()
	if err := reference.Markdown(made); err != nil {
		t.Fatal(err)
	}
	want, got := pages(t, made), pages(t, folder)
	for name, text := range want {
		if !bytes.Equal(got[name], text) {
			t.Errorf("docs/reference/%s is not what the command says: go test ./internal/reference -update", name)
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("docs/reference/%s is of no command: go test ./internal/reference -update", name)
		}
	}
}

// Man pages name the version and the day that they are told, not that of today.
func TestManHasNoClock(t *testing.T) {
	dir := t.TempDir()
	if err := reference.Man(dir, "v1.2.3", time.Date(2020, 4, 1, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages(t, dir) {
		if head, _, _ := strings.Cut(string(text), "\n.SH"); !strings.Contains(head, "Apr 2020") || !strings.Contains(head, "v1.2.3") {
			t.Errorf("%s begins with %q", name, head)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "kubectl-airgap-bundle-check.1")); err != nil {
		t.Error(err)
	}
}

func pages(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all, err := reference.Pages(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
