//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

const kills = 20

// killSeed is what makes the moments of a run; another one every time, and printed.
func killSeed(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A trigger stands between a program and a registry, and kills the program when a given number of bytes and requests
// has passed; in full flight, whatever the speed of the machine. A request counts as much as some kilobytes.
type trigger struct {
	sync.Mutex
	passed, limit int64
	victim        *os.Process
}

const requestWeight = 8 << 10

func (k *trigger) fault(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		k.pass(requestWeight)
		q.Body = io.NopCloser(passingReader{q.Body, k})
		next.ServeHTTP(passingWriter{w, k}, q)
	})
}

// pass holds back what comes after the death.
func (k *trigger) pass(n int64) {
	k.Lock()
	defer k.Unlock()
	k.passed += n
	if k.victim != nil && k.passed >= k.limit {
		_ = k.victim.Kill()
		k.victim = nil
	}
}

type passingReader struct {
	io.Reader
	*trigger
}

func (r passingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.pass(int64(n))
	return n, err
}

type passingWriter struct {
	http.ResponseWriter
	*trigger
}

func (w passingWriter) Write(p []byte) (int, error) {
	w.pass(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

func (w passingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// arm lets the next program live until limit has passed.
func (k *trigger) arm(limit int64, victim *os.Process) {
	k.Lock()
	defer k.Unlock()
	k.passed, k.limit, k.victim = 0, limit, victim
}

// killed runs cmd and kills it on its way, or a moment after its last byte. It says whether that came before the end.
func (k *trigger) killed(t *testing.T, cmd *exec.Cmd, total int64, r *rand.Rand) bool {
	t.Helper()
	k.arm(total*2, nil)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := int64(r.Float64() * 1.1 * float64(total))
	k.arm(limit, cmd.Process)
	if limit >= total { // after all bytes have passed: while the end is written
		go func() {
			for {
				k.Lock()
				over := k.passed >= total*99/100
				k.Unlock()
				if over {
					break
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Duration(r.Int64N(int64(5 * time.Millisecond))))
			_ = cmd.Process.Kill()
		}()
	}
	_ = cmd.Wait()
	k.arm(total*2, nil)
	return cmd.ProcessState.ExitCode() == -1
}

// Killed anywhere, pull leaves nothing under the archive's name that is not whole; run again, it makes the same archive.
func TestCarryKilledPull(t *testing.T) {
	r, set := killSeed(t), synthetic.Cluster(12, 600_000)
	source, k := new(dockerRegistry).start(t), new(trigger)
	source.fill(t, "", set)
	list, proxy := imageList(t, set), behind(t, source, k.fault)
	args := func(site string) []string { return []string{"pull", "-f", list, "-o", site, from(proxy)} }
	clean := filepath.Join(t.TempDir(), "site.tar")
	k.arm(1<<60, nil)
	must(t, args(clean)...)
	total, want := k.passed, sum(t, clean)
	hits, fetched := 0, 0
	for i := range 3 * kills {
		if hits == kills {
			break
		}
		dir := t.TempDir()
		site := filepath.Join(dir, "site.tar")
		hit := false
		for range 1 + r.IntN(3) { // and again on the way back
			if !k.killed(t, plugin(t, args(site)...), total, r) {
				break
			}
			hit = true
			if exists(site) && sum(t, site) != want {
				t.Fatalf("kill %d: there is an archive that is not whole", i)
			}
		}
		if hit {
			hits++
		}
		before := len(source.requests(t))
		must(t, args(site)...)
		fetched += source.requests(t)[before:].count(func(q request) bool { return q.method == "GET" && q.kind == "blobs" })
		if got := sum(t, site); got != want {
			t.Errorf("kill %d: the archive that was made in several runs is another one", i)
		}
		must(t, "bundle", "check", site)
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("kill %d: left behind: %v", i, left)
		}
	}
	if hits < kills {
		t.Errorf("only %d of %d runs were killed", hits, kills)
	}
	if most := kills * len(set.Blobs()) * 8 / 10; fetched > most {
		t.Errorf("%d blobs were fetched after %d kills: what was whole was not kept", fetched, kills)
	}
}

// Killed anywhere, push and mirror complete when they are run again, and no tag of the target names what is not whole.
func TestCarryKilledPush(t *testing.T) {
	needTool(t, "curl")
	needTool(t, "skopeo")
	r, set := killSeed(t), synthetic.Cluster(12, 600_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	list, site := imageList(t, set), filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", list, "-o", site, from(source.address))
	for verb, args := range map[string][]string{
		"push":   {"push", site},
		"mirror": {"mirror", "-f", list, from(source.address)},
	} {
		t.Run(verb, func(t *testing.T) {
			target, k := new(dockerRegistry).start(t), new(trigger)
			proxy := behind(t, target, k.fault)
			k.arm(1<<60, nil)
			must(t, append(args, "--to", proxy+"/clean")...)
			total, hits := k.passed, 0
			for i := range 3 * kills {
				if hits == kills {
					break
				}
				// A registry of its own each time: what another one holds would be mounted.
				own := new(dockerRegistry).start(t)
				through := append(args[:len(args):len(args)], "--to", behind(t, own, k.fault))
				if k.killed(t, plugin(t, through...), total, r) {
					hits++
				}
				checkTagsWhole(t, own, set)
				must(t, through...)
				checkHeads(t, everything(own, "", set))
				one := set[i%len(set)]
				run(t, "skopeo", "copy", "-q", "--all", "--src-tls-verify=false", "docker://"+own.address+"/"+one.Name, "dir:"+t.TempDir())
				own.stop()
			}
			if hits < kills {
				t.Errorf("only %d of %d runs were killed", hits, kills)
			}
		})
	}
}

// checkTagsWhole: what a killed program has tagged can be pulled.
func checkTagsWhole(t *testing.T, r *dockerRegistry, set synthetic.Set) {
	t.Helper()
	for _, image := range set {
		response, err := insecure().Get(r.url() + "/v2/" + image.Repository() + "/tags/list")
		if err != nil {
			t.Fatal(err)
		}
		tags, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusOK && containsTag(tags, image.Tag()) {
			checkHeads(t, everything(r, "", synthetic.Set{image}))
		}
	}
}

// sum is the SHA-256 of a file.
func sum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
