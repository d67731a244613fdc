//go:build e2e

package e2e

import (
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// What the other tests stand on: skopeo believes the synthetic images, and the registry's log tells what was asked.
func TestCarryHarness(t *testing.T) {
	needTool(t, "skopeo")
	needTool(t, "curl")
	set := synthetic.Cluster(5, 50_000)
	for name, r := range map[string]*dockerRegistry{"plain": {}, "TLS and password": {tls: true, password: true}} {
		t.Run(name, func(t *testing.T) {
			r.start(t)
			r.fill(t, "below/", set)
			before := len(r.requests(t))
			for _, image := range set {
				args := []string{"copy", "-q", "--all", "--src-tls-verify=false"}
				if r.password {
					args = append(args, "--src-creds", carryUser+":"+carryPassword)
				}
				run(t, "skopeo", append(args, "docker://"+r.address+"/below/"+image.Name, "dir:"+t.TempDir())...)
			}
			asked := r.requests(t)[before:]
			if n := asked.count(func(q request) bool { return q.method == "GET" && q.kind == "blobs" && q.status == 200 }); n < len(set.Blobs()) {
				t.Errorf("the log tells of %d blobs, not of %d\n%s", n, len(set.Blobs()), asked)
			}
			if n := asked.count(request.sends); n > 0 {
				t.Errorf("the log tells of %d requests that write", n)
			}
		})
	}
	r := (&dockerRegistry{}).start(t)
	r.fill(t, "", set)
	checkSame(t, r, r, "", set)
	checkSentOnce(t, r.requests(t), set)
}

// The proxy is no obstacle to others: skopeo copies through every fault that it knows how to take.
func TestCarryProxy(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Cluster(5, 400_000)
	source, target := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	source.fill(t, "", set)
	var leaks tally
	for name, faults := range map[string][]fault{
		"none": nil, "no ranges": {noRanges}, "slow": {slow}, "tokens": {tokens(carryPassword, math.MaxInt)},
		"elsewhere": {tokens(carryPassword, math.MaxInt), elsewhere(t, source, &leaks)}, "relative": {relative}, "no mounts": {noMounts},
	} {
		from, to := behind(t, source, faults...), target.address
		if name != "elsewhere" {
			to = behind(t, target, faults...)
		}
		for i, image := range set {
			to := "docker://" + to + "/" + strings.ReplaceAll(name, " ", "-") + "/" + image.Name
			creds := carryUser + ":" + carryPassword
			run(t, "skopeo", "copy", "-q", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", creds, "--dest-creds", creds, "docker://"+from+"/"+image.Name, to)
			if i == 0 {
				checkRejected(t, "tokens", name, image.Name, from)
			}
		}
	}
	if n := leaks.sum(); n > 0 {
		t.Errorf("skopeo is said to have shown its password %d times", n)
	}
}

// checkRejected: with a wrong password, there are no tokens.
func checkRejected(t *testing.T, with, name, image, address string) {
	t.Helper()
	if name != with {
		return
	}
	if out, err := exec.Command("skopeo", "inspect", "--tls-verify=false", "--creds", carryUser+":wrong", "docker://"+address+"/"+image).CombinedOutput(); err == nil {
		t.Errorf("a token was given for a wrong password:\n%s", out)
	}
}
