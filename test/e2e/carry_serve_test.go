//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// A served archive is a registry: to skopeo, and to another pull, which makes the same archive of it.
func TestCarryServe(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Cluster(10, 200_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	dir := t.TempDir()
	site, list := filepath.Join(dir, "site.tar"), imageList(t, set)
	must(t, "pull", "-f", list, "-o", site, from(source.address))
	t.Run("plain", func(t *testing.T) {
		address, stop := serve(t, site, "--listen", "127.0.0.1:0")
		for _, image := range set {
			name := "docker://" + address + "/" + image.Name
			if got := digest([]byte(run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", name))); got != image.Root().Digest {
				t.Errorf("%s is %s", image.Name, got)
			}
			run(t, "skopeo", "copy", "-q", "--all", "--src-tls-verify=false", name, "dir:"+t.TempDir())
		}
		again := filepath.Join(dir, "again.tar")
		must(t, "pull", "-f", list, "-o", again, from(address))
		must(t, "bundle", "check", again)
		if got := strings.TrimSpace(must(t, "bundle", "diff", site, again).stdout); strings.Contains(got, "image-") {
			t.Errorf("it differs:\n%s", got)
		}
		if out, err := exec.Command("skopeo", "copy", "--dest-tls-verify=false", "--src-tls-verify=false", "docker://"+address+"/"+set[0].Name, "docker://"+address+"/new/one:v1").CombinedOutput(); err == nil {
			t.Errorf("it can be written to:\n%s", out)
		}
		stop()
	})
	t.Run("TLS and password", func(t *testing.T) {
		htpasswd := writeFile(t, filepath.Join(t.TempDir(), "htpasswd"), carryHtpasswd)
		address, stop := serve(t, site, "--listen", "127.0.0.1:0", "--tls-self-signed", "--htpasswd", htpasswd)
		name := "docker://" + address + "/" + set[0].Name
		run(t, "skopeo", "inspect", "--tls-verify=false", "--creds", carryUser+":"+carryPassword, name)
		if out, err := exec.Command("skopeo", "inspect", "--tls-verify=false", "--creds", carryUser+":wrong", name).CombinedOutput(); err == nil {
			t.Errorf("a wrong password is taken:\n%s", out)
		}
		stop()
	})
}

// serve runs the server until stop, and gives host:port of what it says it serves at.
func serve(t *testing.T, args ...string) (address string, stop func()) {
	t.Helper()
	cmd := plugin(t, append([]string{"serve"}, args...)...)
	var said locked
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("serve ended with %v\n%s", err, said.String())
		}
	})
	t.Cleanup(stop)
	at := regexp.MustCompile(`127\.0\.0\.1:([1-9][0-9]*)`)
	for range 500 {
		if m := at.FindString(said.String()); m != "" {
			return m, stop
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("serve does not say where:\n%s", said.String())
	return "", nil
}

// locked is a buffer for two goroutines.
type locked struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}
