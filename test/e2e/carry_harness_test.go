//go:build e2e

package e2e

import (
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
