package verify_test

import (
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// TestVerdict: what somebody takes home who reads one line.
func TestVerdict(t *testing.T) {
	const target = "registry.site:5000/airgap"
	seen := func(n int) []verify.Image {
		r := sample(n)
		for i := range r.Images {
			r.Images[i].Size = 1e9
		}
		return r.Images
	}
	found := func(severities ...verify.Severity) []verify.Finding {
		var all []verify.Finding
		for _, s := range severities {
			all = append(all, verify.Finding{Severity: s})
		}
		return all
	}
	unseen := seen(2)
	unseen[1].Digest = ""
	for _, c := range []struct {
		name   string
		report verify.Report
		class  string
		want   string
	}{
		{"complete", verify.Report{Target: target, Images: seen(41)}, "ok", "This site is complete: 41 images, 41 GB. Every image is in registry.site:5000/airgap."},
		{"one of each", verify.Report{Target: target, Images: seen(1), Files: []verify.File{{Path: "a"}}}, "ok", "This site is complete: 1 image and 1 file, 1.0 GB. Every image is in registry.site:5000/airgap."},
		{"shared bytes", verify.Report{Images: seen(1000), Bytes: 5e9}, "ok", "This site is complete: 1,000 images, 5.0 GB."},
		{"not all looked at", verify.Report{Images: seen(1), Subjects: []verify.Subject{{Name: "registry", What: "1 image"}, {Name: "nodes"}, {Name: "archive"}, {Name: "cluster"}}}, "ok", "This site is complete: 1 image, 1.0 GB. Not looked at: nodes, archive and cluster."},
		{"registry not seen", verify.Report{Images: unseen}, "warning", "Nothing was found to be wrong, but 1 of 2 images were not looked for in the registry."},
		{"registry not seen, one image", verify.Report{Images: unseen[1:]}, "warning", "Nothing was found to be wrong, but 1 of 1 image was not looked for in the registry."},
		{"empty", verify.Report{}, "warning", "Nothing was found to be wrong, but there was nothing to look for. This report names no image and no file, so it says nothing of a site."},
		{"one warning", verify.Report{Images: seen(1), Findings: found(verify.Warning)}, "warning", "Nothing is known to keep this site from coming up, but 1 thing may."},
		{"warnings and unseen", verify.Report{Images: seen(1), Findings: found(verify.Warning, verify.Warning), Subjects: []verify.Subject{{Name: "nodes"}}}, "warning", "Nothing is known to keep this site from coming up, but 2 things may. Not looked at: nodes."},
		{"one error", verify.Report{Images: seen(1), Findings: found(verify.Error)}, "error", "1 thing keeps this site from coming up."},
		{"errors and warnings", verify.Report{Findings: found(verify.Error, verify.Error, verify.Warning)}, "error", "2 things keep this site from coming up. 1 thing may keep it from coming up as well, depending on what cannot be seen from here."},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict := byID(parse(t, writeHTML(t, &c.report, verify.HTMLOptions{})), "verdict")
			got := text(verdict)
			if _, after, ok := cutMark(got); ok {
				got = after
			}
			if class := attribute(verdict, "class"); got != c.want || class != "verdict "+c.class {
				t.Errorf("%s: %s\nwant %s: %s", class, got, c.class, c.want)
			}
		})
	}
}

// cutMark takes the mark off a verdict: one character and a space.
func cutMark(s string) (mark, rest string, ok bool) {
	for i, r := range s {
		if r == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}
