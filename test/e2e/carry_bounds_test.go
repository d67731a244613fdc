//go:build e2e && linux

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// watch runs a program that must succeed, and gives the most memory that it had, and the most room that dir took (if
// there is one), in bytes. The memory is the kernel's own high-water mark: what wait reports of a process counts the
// memory of the one that started it.
func watch(t *testing.T, cmd *exec.Cmd, dir string) (memory, disk int64) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- cmd.Wait() }()
	mark := regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	exe, program := fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid), cmd.Path
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %v\n%s", cmd.Args, err, tail(stderr.String()))
			}
			return memory, max(disk, allocated(dir))
		case <-time.After(2 * time.Millisecond):
		}
		if now, _ := os.Readlink(exe); now != program {
			continue // not begun yet, or over
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if m := mark.FindSubmatch(status); m != nil {
			kilobytes, _ := strconv.ParseInt(string(m[1]), 10, 64)
			memory = max(memory, kilobytes<<10)
		}
		disk = max(disk, allocated(dir))
	}
}

// allocated is the room that the files of dir take on the disk, in bytes.
func allocated(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // it was renamed while we looked
		}
		if info, err := d.Info(); err == nil {
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return sum
}

// However large an image, carrying it takes little memory; and the archive is made in its place.
func TestCarryBounds(t *testing.T) {
	const maxMemory = 100_000_000
	big := func(n int) synthetic.Set {
		var set synthetic.Set
		for i := range n {
			set = append(set, synthetic.Large(fmt.Sprintf("registry.k8s.io/large/image-%d:v1", i), 150_000_000))
		}
		return set
	}
	for name, set := range map[string]synthetic.Set{
		"40 images of all kinds": synthetic.Cluster(40, 2_000_000),
		"500 small images":       synthetic.Small(500),
		"layers of 150 MB":       big(4),
	} {
		t.Run(name, func(t *testing.T) {
			source, target, mirror := new(dockerRegistry).start(t), new(dockerRegistry).start(t), new(dockerRegistry).start(t)
			source.fill(t, "", set)
			list, dir, temporary := imageList(t, set), t.TempDir(), t.TempDir()
			site := filepath.Join(dir, "site.tar")
			for _, args := range [][]string{
				{"pull", "-f", list, "-o", site, from(source.address)},
				{"push", site, "--to", target.address},
				{"mirror", "-f", list, from(source.address), "--to", mirror.address},
				{"bundle", "check", site},
				{"bundle", "ls", site},
				{"load", site, "-o", filepath.Join(temporary, "images.tar")},
			} {
				cmd := plugin(t, args...)
				cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
				memory, disk := watch(t, cmd, dir)
				t.Logf("%-12s %4d MB of memory, %4d MB of disk for %d MB", args[0], memory/1e6, disk/1e6, set.Size()/1e6)
				if memory > maxMemory {
					t.Errorf("%v: %d MB of memory", args[0], memory/1e6)
				}
				if most := set.Size() * 105 / 100; args[0] == "pull" && disk > most {
					t.Errorf("pull: %d bytes of disk for %d, more than 1.05 times as much", disk, set.Size())
				}
				if left := allocated(temporary); args[0] != "load" && left > 0 {
					t.Errorf("%v: %d bytes left in the folder for temporary files", args[0], left)
				}
			}
		})
	}
}
