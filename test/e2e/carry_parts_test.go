//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// Parts for media: each can be checked, one that is lost or damaged is named, and they are pushed as they are.
func TestCarryParts(t *testing.T) {
	needTool(t, "curl")
	set := synthetic.Cluster(10, 500_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	media, dir := t.TempDir(), t.TempDir()
	site := filepath.Join(dir, "site.tar")
	must(t, "pull", "-f", imageList(t, set), "-o", filepath.Join(media, "site.tar"), from(source.address))
	must(t, "bundle", "split", filepath.Join(media, "site.tar"), "--size", "2MB")
	if err := os.Rename(filepath.Join(media, "site.tar"), site); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(media, "site.tar.part-*"))
	if err != nil || len(parts) < 3 {
		t.Fatalf("%v: %q", err, parts)
	}
	slices.Sort(parts)
	for _, part := range parts {
		if info, err := os.Stat(part); err != nil || info.Size() > 2_000_000 {
			t.Errorf("%s has %d bytes: %v", part, info.Size(), err)
		}
	}
	first, second := parts[0], parts[1]
	must(t, "bundle", "check", first)

	t.Run("joined", func(t *testing.T) {
		joined := filepath.Join(t.TempDir(), "joined.tar")
		must(t, "bundle", "join", first, "-o", joined)
		if sum(t, joined) != sum(t, site) {
			t.Error("it is another archive")
		}
	})
	t.Run("pushed without joining", func(t *testing.T) {
		target := new(dockerRegistry).start(t)
		must(t, "push", first, "--to", target.address)
		checkHeads(t, everything(target, "", set))
		checkNothingSent(t, target, "push", first, "--to", target.address)
	})
	t.Run("lost", func(t *testing.T) {
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(second, away); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Rename(away, second) }()
		checkPartNamed(t, first, second)
	})
	t.Run("damaged", func(t *testing.T) {
		whole, err := os.ReadFile(second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.WriteFile(second, whole, 0o600) }()
		damaged := slices.Clone(whole)
		damaged[len(damaged)/2] ^= 1
		writeFile(t, second, string(damaged))
		checkPartNamed(t, first, second)
	})
	t.Run("cut short", func(t *testing.T) {
		whole, err := os.ReadFile(second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.WriteFile(second, whole, 0o600) }()
		writeFile(t, second, string(whole[:len(whole)-700]))
		checkPartNamed(t, first, second)
	})
	must(t, "bundle", "check", first)
}

func checkPartNamed(t *testing.T, first, bad string) {
	t.Helper()
	o := try(t, "bundle", "check", first)
	if said := o.stdout + o.stderr; o.status == 0 || !strings.Contains(said, filepath.Base(bad)) {
		t.Errorf("exit status %d; %s is not named:\n%s", o.status, filepath.Base(bad), tail(said))
	}
	target := t.TempDir()
	if o := try(t, "bundle", "join", first, "-o", filepath.Join(target, "joined.tar")); o.status == 0 || exists(filepath.Join(target, "joined.tar")) {
		t.Errorf("they were joined: exit status %d", o.status)
	}
}
