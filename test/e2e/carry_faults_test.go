//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// Registries as they are in the field: everything arrives all the same.
func TestCarryFaults(t *testing.T) {
	needTool(t, "skopeo")
	needTool(t, "curl")
	set := synthetic.Cluster(8, 400_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	var cuts, cutsWhole, hasty, leaks tally
	for _, test := range []struct {
		name   string
		faults []fault
	}{
		{"cut connections", []fault{cut(&cuts)}},
		{"cut connections, no ranges", []fault{cut(&cutsWhole), noRanges}},
		{"no ranges", []fault{noRanges}},
		{"429 with Retry-After", []fault{busy(429, 9, 4, &hasty)}},
		{"503", []fault{busy(503, 9, 6, &hasty)}},
		{"slow", []fault{slow}},
		{"tokens", []fault{tokens("", 12)}},
		{"blobs are elsewhere", []fault{tokens(carryPassword, 12), elsewhere(t, source, &leaks)}},
		{"no digests in headers", []fault{noDigests}},
		{"relative locations", []fault{relative}},
		{"no mounts", []fault{noMounts}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list, site := imageList(t, set), filepath.Join(t.TempDir(), "site.tar")
			pushed, mirrored := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
			upstream := behind(t, source, test.faults...)
			push, mirror := behind(t, pushed, test.faults...), behind(t, mirrored, test.faults...)
			run := func(args ...string) {
				cmd := plugin(t, args...)
				loggedIn(t, cmd, upstream, push, mirror)
				if o := finish(t, cmd); o.status != 0 {
					t.Fatalf("%v: exit status %d\n%s", args, o.status, tail(o.stderr))
				}
			}
			run("pull", "-f", list, "-o", site, from(upstream))
			run("bundle", "check", site)
			run("push", site, "--to", push)
			checkHeads(t, everything(pushed, "", set))
			run("mirror", "-f", list, from(upstream), "--to", mirror)
			checkHeads(t, everything(mirrored, "", set))
			pushed.stop()
			mirrored.stop()
		})
	}
	t.Cleanup(func() {
		if cuts.sum() == 0 || cutsWhole.sum() == 0 {
			t.Error("nothing was cut")
		}
		if n := hasty.sum(); n > 0 {
			t.Errorf("%d requests did not wait as Retry-After said", n)
		}
		if n := leaks.sum(); n > 0 {
			t.Errorf("the store of the blobs was shown the password %d times", n)
		}
	})
}

// A registry with a private CA and a password, from both sides.
func TestCarryPrivateRegistry(t *testing.T) {
	needTool(t, "skopeo")
	set := synthetic.Cluster(4, 100_000)
	source := (&dockerRegistry{tls: true, password: true}).start(t)
	target := (&dockerRegistry{tls: true, password: true}).start(t)
	source.fill(t, "", set)
	password := writeFile(t, filepath.Join(t.TempDir(), "password"), carryPassword+"\n")
	login := func(r *dockerRegistry) []string {
		return []string{"--ca-file", r.caFile, "--username", carryUser, "--password-file", password}
	}
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, append(login(source), "pull", "-f", imageList(t, set), "-o", site, from(source.address))...)
	must(t, append(login(target), "push", site, "--to", target.address)...)
	for _, image := range set {
		if got := digest(inspect(t, target, image.Name)); got != image.Root().Digest {
			t.Errorf("%s: %s", image.Name, got)
		}
	}
}
