package bundle

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestKill: a process that is killed at any moment leaves what the next one goes
// on with, and nothing under the final name that is not whole.
func TestKill(t *testing.T) {
	u, c := makeSite(t)
	if path := os.Getenv("BUNDLE_KILL"); path != "" { // this is the process to be killed
		u.jitter = rand.New(rand.NewPCG(1, 2))
		pull(t, path, c, u)
		return
	}
	want := filepath.Join(t.TempDir(), "site.tar")
	pull(t, want, c, u)
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	killed, writing := 0, 0
	for range 20 {
		path := filepath.Join(t.TempDir(), "site.tar")
		for range 3 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
			cmd.Env = append(os.Environ(), "BUNDLE_KILL="+path)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
			_ = cmd.Process.Kill()
			if cmd.Wait() != nil {
				killed++
			}
			if _, err := os.Stat(path); err == nil {
				wantSound(t, path)
			}
		}
		if len(partials(path, "")) > 0 {
			writing++
		}
		pull(t, path, c, u)
		if !bytes.Equal(get(t, path), get(t, want)) {
			t.Error("after some kills the archive is another one")
		}
		wantAlone(t, path)
	}
	if killed == 0 {
		t.Error("no process was killed: nothing was shown")
	}
	t.Logf("%d processes were killed; %d of 20 archives were half written", killed, writing)
}
