//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const megabyte = 1 << 20

// A cost is what one run of the plugin took.
type cost struct {
	status   int
	stderr   string
	resident int64 // the most memory it had, in bytes
	time     time.Duration
}

func measure(t *testing.T, args ...string) cost {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl-airgap"), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cost{
		status:   cmd.ProcessState.ExitCode(),
		stderr:   stderr.String(),
		resident: cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10,
		time:     time.Since(start),
	}
}

// Input that is broken or malicious costs little, is refused with its place, and leaves nothing behind.
func TestHostileInputIsRefusedSoon(t *testing.T) {
	const maxTime, maxMemory = 5 * time.Second, 128 * megabyte
	dir := t.TempDir()
	for name, content := range map[string]string{
		"junk.yaml":    "image: \x00\x01\x02\xff\xfe\n",
		"invalid.yaml": "a: 1\nimage: \"nginx:1\xff\"\n",
		"flow.yaml":    "image: nginx:1\na: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "\n",
		"blocks.yaml":  "image: nginx:1\na:\n  " + strings.Repeat("- ", 20_000) + "x\n",
		"huge.yaml":    "",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "huge.yaml" { // a gigabyte that takes no room
			if err := os.Truncate(path, 1<<30); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(dir, "out")
		got := measure(t, "rewrite", "-f", path, "--to", target, "-o", out)
		if got.status != 1 || !strings.Contains(got.stderr, path) {
			t.Errorf("%s: exit status %d, want 1 and its place: %s", name, got.status, got.stderr)
		}
		if got.time > maxTime || got.resident > maxMemory {
			t.Errorf("%s: took %s and %d MB, more than %s and %d MB", name, got.time, got.resident/megabyte, maxTime, maxMemory/megabyte)
		}
		if exists(out) {
			t.Errorf("%s: left %s behind", name, out)
		}
	}
}

// A bomb of aliases is valid YAML: one reference, spelled once, however often it is meant.
func TestAliasBombIsOneReference(t *testing.T) {
	bomb := strings.Builder{}
	bomb.WriteString("a0: &a0 [{image: \"nginx:1\"}]\n")
	for i := range 12 {
		level := string(rune('b' + i))
		bomb.WriteString(level + "0: &" + level + "0 [" + strings.TrimSuffix(strings.Repeat("*"+string(rune('a'+i))+"0, ", 9), ", ") + "]\n")
	}
	path := filepath.Join(t.TempDir(), "bomb.yaml")
	if err := os.WriteFile(path, []byte(bomb.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := measure(t, "images", "-f", path)
	if got.status != 0 || got.time > 5*time.Second || got.resident > 128*megabyte {
		t.Errorf("exit status %d, %s, %d MB: %s", got.status, got.time, got.resident/megabyte, got.stderr)
	}
	if list := run(t, "kubectl-airgap", "images", "-f", path); list != "docker.io/library/nginx:1\n" {
		t.Errorf("images lists %q", list)
	}
}

// Memory stays below ten times the file, also where most of the file is references.
func TestMemoryOfLargeInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "workloads.yaml")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	inputs := exec.CommandContext(t.Context(), "go", "run", filepath.Join(root, "test/bench/inputs"), "workloads", "10")
	inputs.Stdout = file // not through this process: Linux counts its memory as that of its children
	if err := inputs.Run(); err != nil {
		t.Fatal(err)
	}
	checkMemory(t, path, "images", "-f", path)
	checkMemory(t, path, "rewrite", "-f", path, "--to", target)
}

// Memory stays below ten times the file, also where all of it is references.
func TestMemoryOfDenseList(t *testing.T) {
	const references = 150_000
	for name, line := range map[string]string{
		"list.txt":  "registry.example.org/team-%d/application-%d:v%d.%d.0\n",
		"list.yaml": "- registry.example.org/team-%d/application-%d:v%d.%d.0\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		list := bufio.NewWriter(file) // in small pieces: Linux counts the memory of this process as that of its children
		if name == "list.yaml" {
			fmt.Fprintln(list, "images:")
		}
		for i := range references {
			fmt.Fprintf(list, line, i%200, i, i%50, i%7)
		}
		if err := errors.Join(list.Flush(), file.Close()); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"images", "-f", path},
			{"images", "-f", path, "-o", "json"},
			{"images", "-f", path, "-o", "table"},
			{"images", "-f", path, "-o", "yaml"},
			{"rewrite", "-f", path, "--to", target, "-o", t.TempDir()},
		} {
			checkMemory(t, path, args...)
		}
	}
}

// checkMemory runs the plugin, which must need less than ten times the file.
func checkMemory(t *testing.T, path string, args ...string) {
	t.Helper()
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	got := measure(t, args...)
	t.Logf("%q: %s, %d MB", args, got.time, got.resident/megabyte)
	if got.status != 0 || got.resident > 10*file.Size() {
		t.Errorf("%q: exit status %d, %d MB for a file of %d MB: %s", args, got.status, got.resident/megabyte, file.Size()/megabyte, got.stderr)
	}
}
