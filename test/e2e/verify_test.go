//go:build e2e

package e2e

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// A siteFault is one thing that is wrong with a site, and what verify says of it: CHECK PLACE; $DIR is the site's folder,
// a * stands for a part of a name, a final … for the rest.
type siteFault struct {
	name  string
	spoil func(s *provenSite)
	want  string
}

// A site that is complete has no finding, and every single fault of it is found as what it is, and as nothing else.
func TestVerify(t *testing.T) {
	base := newProvenSite(t)
	report, status := base.verify()
	if status != 0 || len(report.Findings) > 0 {
		t.Fatalf("a complete site: exit status %d\n%s", status, findings(report))
	}
	t.Logf("%d images, %d bytes, %d faults", len(report.Images), report.Bytes, len(siteFaults()))
	t.Run("faults", func(t *testing.T) {
		for _, f := range siteFaults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				s := base.copy(t)
				f.spoil(s)
				report, status := s.verify()
				if status != 3 || len(report.Findings) != 1 || !f.found(report.Findings[0], s.dir) {
					t.Errorf("exit status %d\n%swant\n%s", status, findings(report), f.want)
				}
			})
		}
	})
	if report, status := base.verify(); status != 0 {
		t.Errorf("the complete site was changed: exit status %d\n%s", status, findings(report))
	}
	for name, change := range completeSites {
		s := base.copy(t)
		change(s)
		if report, status := s.verify(); status != 0 {
			t.Errorf("a complete site %s: exit status %d\n%s", name, status, findings(report))
		}
	}
	for _, version := range []string{"1.6", "1.7", "2.0", "2.1", "2.2", "2.3", "2.4"} {
		s := base.copy(t)
		s.add("--containerd-version", version)
		if report, status := s.verify(); status != 0 {
			t.Errorf("a complete site with containerd %s: exit status %d\n%s", version, status, findings(report))
		}
	}
	finish(t, base.plugin("verify", "-f", "out", "--to", "elsewhere.example/airgap"))
	if len(base.gate.leaks()) == 0 {
		t.Error("the gate does not note who is asked: that nobody was shows nothing")
	}
}

// completeSites are as complete as the site itself.
var completeSites = map[string]func(s *provenSite){
	"whose machine images have certs.d": func(s *provenSite) {
		s.write("out/apps/cluster.yaml", strings.Replace(provenCluster, "apps.example/", below+"apps.example/", 1))
	},
	"whose template's variable clusterctl fills in": func(s *provenSite) {
		s.replace(apps, "apps.example/worker:v2", "apps.example/worker:${WORKER/+/_}")
		s.write(provenConfig, s.read(provenConfig)+"\nWORKER: v2\n")
	},
	"whose template's variable a flag fills in": func(s *provenSite) {
		s.replace(apps, "apps.example/worker:v2", "apps.example/worker:${WORKER}")
		s.add("--variable", "WORKER=v2")
	},
	"without a folder of nodes": func(s *provenSite) { s.without("--certs-d") },
	"by its home alone":         func(s *provenSite) { s.without("-f") },
	"of a user who logged in with docker": func(s *provenSite) {
		s.without("--username", "--password-file")
		s.login()
	},
}

// found says whether a finding is that of the fault.
func (f *siteFault) found(got verify.Finding, dir string) bool {
	said := got.Check + " " + got.Place
	want := strings.ReplaceAll(f.want, "$DIR", dir)
	if start, ok := strings.CutSuffix(want, "…"); ok {
		return strings.HasPrefix(said, start)
	}
	ok, err := path.Match(want, said)
	return err == nil && ok
}

func findings(r verify.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s [%s] %s\n", f.Check, f.Place, f.Image, f.Problem)
	}
	return b.String()
}

// siteFaults are the faults by what they are faults of.
func siteFaults() []siteFault {
	return slices.Concat(manifestFaults, nameFaults, registryFaults, nodeFaults, homeFaults, archiveFaults)
}
