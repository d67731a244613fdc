//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// crowd runs one command several times at once.
func crowd(t *testing.T, n int, args ...string) []outcome {
	t.Helper()
	outcomes := make([]outcome, n)
	var all sync.WaitGroup
	for i := range n {
		cmd := plugin(t, args...)
		all.Go(func() { outcomes[i] = finish(t, cmd) })
	}
	all.Wait()
	return outcomes
}

// Several that do one thing at once do not disturb each other: pushes all succeed, although docker-registry does not see
// a blob while another one writes it, and of those that write one file each succeeds or says that another one does.
func TestCarryAtOnce(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Small(60)
	source, target := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	source.fill(t, "", set)
	dir := t.TempDir()
	site, nodes, list := filepath.Join(dir, "site.tar"), filepath.Join(dir, "nodes.tar"), imageList(t, set)
	writesOne := func(what string, outcomes []outcome) {
		t.Helper()
		done := 0
		for _, o := range outcomes {
			if o.status == 0 {
				done++
			} else if !strings.Contains(o.stderr, "another process is writing it") {
				t.Errorf("%s: exit status %d\n%s", what, o.status, tail(o.stderr))
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); done == 0 || len(left) > 0 {
			t.Errorf("%s: %d of %d have succeeded, and there is %q", what, done, len(outcomes), left)
		}
	}
	writesOne("pull", crowd(t, 4, "pull", "-f", list, "--referrers", "-o", site, from(source.address)))
	must(t, "bundle", "check", site)
	for i, o := range crowd(t, 4, "push", site, "--to", target.address+"/p") {
		if o.status != 0 {
			t.Errorf("push %d: exit status %d\n%s", i, o.status, tail(o.stderr))
		}
	}
	checkSame(t, source, target, "p/", set)
	writesOne("load", crowd(t, 4, "load", site, "-o", nodes))
	must(t, "load", site, "-o", filepath.Join(dir, "again.tar"))
	if sum(t, nodes) != sum(t, filepath.Join(dir, "again.tar")) {
		t.Error("load: the tar that several wrote at once is another one")
	}
}

// What is no file is written to and stays what it is, also for root.
func TestCarryNoFile(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("only root makes devices")
	}
	set := synthetic.Cluster(2, 20_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	dir := t.TempDir()
	site, null := filepath.Join(dir, "site.tar"), filepath.Join(dir, "null")
	must(t, "pull", "-f", imageList(t, set), "-o", site, from(source.address))
	run(t, "mknod", "-m", "666", null, "c", "1", "3") // a device of our own: nobody's /dev/null is at stake
	must(t, "load", site, "-o", null)
	must(t, "bundle", "split", site, "--size", "20k")
	must(t, "bundle", "join", site+".part-0001", "-o", null)
	refused(t, "no regular file", "pull", "-f", imageList(t, set), "-o", null, from(source.address))
	if info, err := os.Lstat(null); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("the device has become %v, %v", info.Mode(), err)
	}
}
