//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// reportOf is the report of a site with so many images; every third is not there.
func reportOf(images int) *verify.Report {
	const target = "registry.site.example:5000/airgap"
	groups := []string{"cert-manager", "clusterapi", "cni", "csi", "kubernetes", ""}
	var found []verify.Finding
	var all []verify.Image
	for i := range images {
		name := fmt.Sprintf("registry.k8s.io/part-%04d/controller:v1.%d.0", i, i)
		image := verify.Image{
			Image: name, Source: "mirror.example/" + name, Target: target + "/" + name, Group: groups[i%len(groups)],
			Uses: []string{fmt.Sprintf("resources/app.yaml:%d:9", i+1), fmt.Sprintf("resources/more.yaml:%d:9", i+1)},
		}
		if i%3 == 1 {
			found = append(found, verify.NewFinding(verify.CheckRegistryTag, verify.About{Place: image.Target, Image: name, Target: target, Problem: "the registry has no such tag"}))
		} else {
			image.Digest, image.Size = fmt.Sprintf("sha256:%064x", i+1), int64(1e6*(i*7919%images+1))
			image.Platforms = []verify.Platform{{Platform: "linux/amd64", Digest: fmt.Sprintf("sha256:%064x", i+1e6), Size: image.Size / 2}, {Platform: "linux/arm64", Digest: fmt.Sprintf("sha256:%064x", i+2e6), Size: image.Size / 2}}
		}
		all = append(all, image)
	}
	found = append(found, verify.NewFinding(verify.CheckManifestLatest, verify.About{Place: "resources/app.yaml:3:9", Image: "docker.io/library/busybox:latest", Target: target, Problem: "busybox has no tag, which means latest"}))
	r := verify.NewReport(target, found, all)
	r.Files = []verify.File{{Path: "files/kubeadm", Source: "https://dl.k8s.io/v1.36.3/bin/linux/amd64/kubeadm", SHA256: strings.Repeat("ab", 32), Size: 71e6}}
	r.Subjects = []verify.Subject{{Name: "kubernetes", What: "v1.36.3"}, {Name: "archive", What: "site.tar", Digest: "sha256:" + strings.Repeat("cd", 32)}, {Name: "cluster"}}
	return r
}

// hostileReport has names that want to be more than names.
func hostileReport() *verify.Report {
	r := reportOf(3)
	for i, s := range []string{
		`</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>`,
		"registry.example/" + strings.Repeat("very-long-path/", 60) + "\u202eשלום:v1\" onclick=\"window.pwned=1",
	} {
		r.Images[i].Image, r.Images[i].Group = s, s
		r.Findings = append(r.Findings, verify.Finding{Severity: verify.Error, Check: s, Place: s, Image: s, Problem: s, Effect: s, Remedy: s})
	}
	return r
}

func writeReport(t *testing.T, r *verify.Report) string {
	t.Helper()
	var page bytes.Buffer
	if err := verify.WriteHTML(&page, r, verify.HTMLOptions{Title: "Plant 7", Version: "kubectl-airgap"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReport looks at reports in a real browser: every width, colours, script or none.
func TestReport(t *testing.T) {
	b := startBrowser(t)
	axe := fetchAxe(t)
	for name, r := range map[string]*verify.Report{
		"faulty":   reportOf(12),
		"complete": {Target: "r.example", Findings: []verify.Finding{}, Images: reportOf(1).Images},
		"hostile":  hostileReport(),
		"empty":    {},
	} {
		path := writeReport(t, r)
		for _, width := range []int{390, 1280} {
			for _, dark := range []bool{false, true} {
				for _, noScript := range []bool{false, true} {
					if noScript && (name == "complete" || name == "empty") {
						continue
					}
					v := view{width, dark, noScript}
					t.Run(name+"/"+v.String(), func(t *testing.T) {
						b.t = t
						b.open(path, v)
						b.checkView(v)
						if !noScript {
							b.checkAxe(axe)
						}
						b.shoot(name + "-" + v.String())
					})
				}
			}
		}
	}
	b.t = t
}

// checkView: nothing is fetched or held back, nothing is wider than the screen, all
// text can be read.
func (b *browser) checkView(v view) {
	b.t.Helper()
	if len(b.requests) != 1 {
		b.t.Errorf("the page asked for %q", b.requests)
	}
	if len(b.faults) > 0 {
		b.t.Errorf("the browser complains: %s", strings.Join(b.faults, "\n"))
	}
	var seen struct {
		Width   int
		Pwned   bool
		Tools   bool
		Tables  int
		Dark    bool
		Texts   int
		Unclear []string
	}
	b.eval(lookScript, &seen)
	if seen.Width > v.width {
		b.t.Errorf("the page is %d pixels wide on a screen of %d", seen.Width, v.width)
	}
	if seen.Pwned {
		b.t.Error("a name on the page was run")
	}
	if want := !v.noScript && seen.Tables > 0; seen.Tools != want {
		b.t.Errorf("controls are shown: %t, want %t", seen.Tools, want)
	}
	if seen.Dark != v.dark {
		b.t.Errorf("the page is dark: %t, wanted %t", seen.Dark, v.dark)
	}
	if seen.Texts < 10 {
		b.t.Errorf("only %d texts were looked at", seen.Texts)
	}
	if len(seen.Unclear) > 0 {
		b.t.Errorf("contrast below 4.5: %q", seen.Unclear)
	}
}

// lookScript measures the contrast of every text with what lies behind it (WCAG 2.2, 1.4.3).
const lookScript = `(() => {
  const parts = c => c.match(/[\d.]+/g).map(Number);
  const light = c => {
    const [r, g, b] = parts(c).map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (parts(c)[3] !== 0) { return c; }
    }
    return "rgb(255, 255, 255)";
  };
  const unclear = [];
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("script, svg")) { continue; }
    texts++;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) { unclear.push(walk.currentNode.data.trim().slice(0, 40)); }
  }
  return {
    width: document.documentElement.scrollWidth, pwned: "pwned" in window, tools: document.getElementById("tools").checkVisibility(),
    tables: document.querySelectorAll("table").length,
    dark: light(getComputedStyle(document.body).backgroundColor) < 0.2, texts, unclear,
  };
})()`

// axe-core as npm has it. It is not needed to build or to run anything, so it is not
// kept here; its checksum says that it is the one that was looked at.
const (
	axePackage = "axe-core@4.14.1"
	axeSHA256  = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
)

// fetchAxe gives the source of axe-core, or nothing where npm cannot bring it.
func fetchAxe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--silent", axePackage)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("npm does not bring %s: axe's rules were NOT checked, contrast and structure were (%v %s)", axePackage, err, tail(string(out)))
		return ""
	}
	packed, err := os.ReadFile(filepath.Join(dir, "axe-core-"+strings.TrimPrefix(axePackage, "axe-core@")+".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(packed)); got != axeSHA256 {
		t.Fatalf("%s has the checksum %s, want %s", axePackage, got, axeSHA256)
	}
	return unpack(t, packed, "package/axe.min.js")
}

func unpack(t *testing.T, packed []byte, name string) string {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(plain); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("no %s in the package", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name == name {
			text, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}

// checkAxe: axe finds no fault that is serious or critical; lesser ones are told.
func (b *browser) checkAxe(axe string) {
	b.t.Helper()
	if axe == "" {
		return
	}
	b.eval(axe+"; 0", nil)
	var result struct {
		Passes     int
		Violations []struct{ ID, Impact, Help, Where string }
	}
	b.eval(`axe.run(document).then(r => ({ passes: r.passes.length, violations: r.violations.map(v => ({ id: v.id, impact: v.impact, help: v.help, where: v.nodes[0].html.slice(0, 200) })) }))`, &result)
	if result.Passes < 15 {
		b.t.Errorf("axe looked at next to nothing: %d rules pass", result.Passes)
	}
	for _, v := range result.Violations {
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Errorf("axe: %s (%s): %s: %s", v.ID, v.Impact, v.Help, v.Where)
		} else {
			b.t.Logf("axe: %s (%s): %s: %s", v.ID, v.Impact, v.Help, v.Where)
		}
	}
}
