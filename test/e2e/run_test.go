//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Paths from this folder, made absolute by TestMain.
var (
	root   = "../.."
	bin    = "../../bin"
	shared = "../../../shared"
)

func TestMain(m *testing.M) {
	for _, path := range []*string{&root, &bin, &shared} {
		full, err := filepath.Abs(*path)
		if err != nil {
			panic(err)
		}
		*path = full
	}
	status := m.Run()
	if !exists(shared) {
		println("e2e: ../shared is absent: the corpus and the sites were NOT checked")
	}
	os.Exit(status)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// needShared skips a test whose real manifests are not here.
func needShared(t *testing.T) {
	t.Helper()
	if !exists(shared) {
		t.Skip("../shared is absent: NOT checked")
	}
}

// needTool skips a test whose tool is not installed, or fails it with AIRGAP_E2E=1: no silent green.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("AIRGAP_E2E") == "1" {
		t.Fatalf("%s is not installed, and AIRGAP_E2E=1 wants it", name)
	}
	t.Skipf("%s is not installed: NOT checked", name)
}

// run returns the standard output of a command that must succeed. The plugin is on its PATH.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	if own := filepath.Join(bin, name); exists(own) {
		cmd = exec.CommandContext(t.Context(), own, args...)
	}
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, tail(stdout.String()), stderr.String())
	}
	return stdout.String()
}

// tail is the end of a long output.
func tail(s string) string {
	const enough = 2000
	if len(s) > enough {
		return "…" + s[len(s)-enough:]
	}
	return s
}

func lines(s string) []string {
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}
