//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// few is how many requests may fail before a program knows that it is not wanted: more than one, since sixteen images
// are looked at side by side, each without a login and with one; but not some for every image of forty. That the target
// does not have an image is no failure.
const few = 32

func failed(q request) bool { return q.status >= 400 && (q.status != 404 || q.method != "HEAD") }

// layersIn counts the downloads of layers, not of the configs that say for which platform an image is.
func layersIn(asked requests, set synthetic.Set) int {
	return asked.count(func(q request) bool {
		_, _, blob := cutRequest(q.path)
		return q.method == "GET" && slices.ContainsFunc(set, func(i *synthetic.Image) bool { return i.Layers[blob].Digest != "" })
	})
}

// What cannot work is one clear error, soon, without secrets, and asks the registry little.
func TestCarryRefusals(t *testing.T) {
	set := synthetic.Cluster(40, 20_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	list, site := imageList(t, set), filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", list, "-o", site, from(source.address))
	right, wrong := writeFile(t, filepath.Join(t.TempDir(), "right"), carryPassword), writeFile(t, filepath.Join(t.TempDir(), "wrong"), "wr0ng-word")
	secret := (&dockerRegistry{tls: true, password: true}).start(t)
	readOnly := (&dockerRegistry{readOnly: true}).start(t)
	private := (&dockerRegistry{tls: true}).start(t)
	for _, test := range []struct {
		name, want string
		registry   *dockerRegistry
		flags      []string
	}{
		{"wrong password", `(?i)unauthorized|password|credential|401`, secret, []string{"--ca-file", secret.caFile, "--username", carryUser, "--password-file", wrong}},
		{"wrong user", `(?i)unauthorized|password|credential|401`, secret, []string{"--ca-file", secret.caFile, "--username", "bob", "--password-file", right}},
		{"no password", `(?i)unauthorized|password|credential|401`, secret, []string{"--ca-file", secret.caFile}},
		{"read-only", `(?i)unsupported|read-only|405`, readOnly, nil},
		{"unknown CA", `(?i)certificate`, private, nil},
	} {
		for _, args := range [][]string{{"push", site}, {"mirror", "-f", list, from(source.address)}} {
			t.Run(test.name+"/"+args[0], func(t *testing.T) {
				before := len(test.registry.requests(t))
				o := refused(t, test.want, append(append(args, "--to", test.registry.address), test.flags...)...)
				if strings.Contains(o.stderr, "wr0ng-word") {
					t.Error("the password is in the output")
				}
				asked := test.registry.requests(t)[before:]
				if n := asked.count(failed); n > few {
					t.Errorf("%d requests failed\n%s", n, asked)
				}
				t.Logf("%d requests, %d of them failed:\n%s", len(asked), asked.count(failed), o.stderr)
			})
		}
	}
	t.Run("wrong password/pull", func(t *testing.T) {
		before := len(secret.requests(t))
		refused(t, `(?i)unauthorized|password|credential|401`, "pull", "-f", list, "-o", filepath.Join(t.TempDir(), "x.tar"), from(secret.address),
			"--ca-file", secret.caFile, "--username", carryUser, "--password-file", wrong)
		if asked := secret.requests(t)[before:]; asked.count(failed) > few {
			t.Errorf("%d requests failed\n%s", asked.count(failed), asked)
		}
	})
}

// A project that is not there, as Harbor and others say it; the password is right, which the error must not doubt.
func TestCarryMissingProject(t *testing.T) {
	set := synthetic.Cluster(20, 50_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	list, site := imageList(t, set), filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", list, "-o", site, from(source.address))
	for name, answer := range map[string]struct {
		status     int
		body, want string
	}{
		"404": {http.StatusNotFound, `{"errors":[{"code":"NAME_UNKNOWN","message":"project airgap not found"}]}`, `project airgap not found`},
		"403": {http.StatusForbidden, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`, `(?i)denied`},
	} {
		t.Run(name, func(t *testing.T) {
			target := new(dockerRegistry).start(t)
			var writes atomic.Int64
			missing := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.Method == http.MethodGet || q.Method == http.MethodHead {
						next.ServeHTTP(w, q)
						return
					}
					writes.Add(1)
					w.Header().Set("Content-Type", "application/json")
					http.Error(w, answer.body, answer.status)
				})
			}
			o := refused(t, answer.want, "push", site, "--to", behind(t, target, missing)+"/airgap")
			if n := writes.Load(); n > few/2 {
				t.Errorf("%d attempts to write", n)
			}
			t.Logf("%d attempts:\n%s", writes.Load(), tail(o.stderr))
		})
	}
}

// An image that the source does not have: every such image is named, the others are not carried under a name that says all.
func TestCarryMissingImage(t *testing.T) {
	set := synthetic.Cluster(4, 50_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	site := filepath.Join(t.TempDir(), "site.tar")
	before := len(source.requests(t))
	o := refused(t, `registry\.k8s\.io/not/there:v1`, "pull", "-f", imageList(t, set), "--image", "registry.k8s.io/not/there:v1", "--image", "quay.io/nor/this:v2", "-o", site, from(source.address))
	if !strings.Contains(o.stderr, "quay.io/nor/this:v2") {
		t.Errorf("the second one is not named:\n%s", o.stderr)
	}
	if exists(site) {
		t.Error("there is an archive")
	}
	if n := layersIn(source.requests(t)[before:], set); n > 0 {
		t.Errorf("%d layers were fetched for nothing", n)
	}
	t.Log(o.stderr)
}

// A disk that is full, of the one who pulls and of the registry that is pushed to.
func TestCarryFullDisk(t *testing.T) {
	set := synthetic.Cluster(12, 500_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	list := imageList(t, set)
	t.Run("found before", func(t *testing.T) {
		small := tmpfs(t, set.Size()/3)
		before := len(source.requests(t))
		o := refused(t, `(?i)space|room|free`, "pull", "-f", list, "-o", filepath.Join(small, "site.tar"), from(source.address))
		if n := layersIn(source.requests(t)[before:], set); n > 0 {
			t.Errorf("%d layers were fetched", n)
		}
		t.Log(o.stderr)
	})
	t.Run("on the way", func(t *testing.T) { // a file may not be larger than the limit, as on a disk that fills
		cmd := plugin(t, "pull", "-f", list, "-o", filepath.Join(t.TempDir(), "site.tar"), from(source.address))
		shell, err := exec.LookPath("bash")
		if err != nil {
			t.Skip("bash is not installed: NOT checked")
		}
		cmd.Args = append([]string{"bash", "-c", `ulimit -f 3000; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = shell
		before := len(source.requests(t))
		o := checkRefusal(t, `(?i)file too large|file size limit|space`, finish(t, cmd), "pull")
		if n := layersIn(source.requests(t)[before:], set); n > len(set.Blobs()) {
			t.Errorf("%d layers were fetched", n)
		}
		t.Log(o.stderr)
	})
	t.Run("of the registry", func(t *testing.T) {
		site := filepath.Join(t.TempDir(), "site.tar")
		must(t, "pull", "-f", list, "-o", site, from(source.address))
		target := (&dockerRegistry{storage: tmpfs(t, set.Size()/3)}).start(t)
		o := refused(t, `(?i)500|unknown|internal|space`, "push", site, "--to", target.address)
		writes := target.requests(t).count(func(q request) bool { return q.sends() && q.status >= 500 })
		if writes > 60 {
			t.Errorf("%d attempts failed", writes)
		}
		t.Logf("%d failed attempts:\n%s", writes, o.stderr)
	})
}

// tmpfs is a folder with so much room; it needs root.
func tmpfs(t *testing.T, size int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		needTool(t, "root, whose mounts these tests need,")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+itoa(size), "e2e", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir
}
