//go:build e2e && linux

package e2e

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

const helmVersion = "v3.22.0"

// needHelm gives the path of the real Helm, built once into bin from its module.
func needHelm(t *testing.T) string {
	t.Helper()
	return needBuilt(t, "helm-"+helmVersion, "build", "-C", filepath.Join(root, "test/e2e/tools/helm"),
		"-p", "2", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(bin, "helm-"+helmVersion), "helm.sh/helm/v3/cmd/helm")
}

// A helm is a Helm with a home of its own.
type helm struct {
	*testing.T
	program, home string
}

func (h helm) run(args ...string) string {
	h.Helper()
	cmd := exec.CommandContext(h.Context(), h.program, args...)
	cmd.Dir = h.home
	cmd.Env = []string{"HOME=" + h.home, "PATH=" + os.Getenv("PATH")}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, tail(string(out)), stderr.String())
	}
	return string(out)
}

// chart makes a package of a chart that helm create makes, in another version and with an image that its values name.
func (h helm) chart(name, version string) string {
	h.run("create", name)
	values := filepath.Join(h.home, name, "values.yaml")
	text, err := os.ReadFile(values)
	if err != nil {
		h.Fatal(err)
	}
	writeFile(h.T, values, string(text)+"\nsidecar:\n  image:\n    repository: quay.io/acme/sidecar\n    tag: v1\n")
	h.run("package", name, "--version", version, "--app-version", "1.2.3")
	return filepath.Join(h.home, name+"-"+version+".tgz")
}

// Charts that Helm made, in a file, a repository and a registry, are what Helm finds in the site's registry and in what is
// served (K10).
func TestKubesprayCharts(t *testing.T) {
	program := needHelm(t)
	if !inNamespace(t) {
		return
	}
	h := helm{t, program, t.TempDir()}
	up, site := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	up.fill(t, "", synthetic.Named([]string{"quay.io/acme/sidecar:v1", "docker.io/library/nginx:1.2.3"}, 2000))
	plain, built, other := h.chart("demo", "1.2.3"), h.chart("built", "0.4.0+build.7"), h.chart("other", "2.0.0")
	h.run("push", other, "oci://"+up.address+"/upstream/charts", "--plain-http")
	repository := filepath.Join(h.home, "repository")
	run(t, "mkdir", repository)
	run(t, "cp", built, repository)
	h.run("repo", "index", repository)
	web := httptest.NewServer(http.FileServer(http.Dir(repository)))
	t.Cleanup(web.Close)

	archive := filepath.Join(h.home, "site.tar")
	args := []string{
		"pull", "--chart", plain, "--chart", web.URL + ",name=built,version=0.4.0+build.7", "--chart", "oci://" + up.address + "/upstream/charts/other:2.0.0",
		"--source-map", "quay.io=http://" + up.address + "/{host}", "--source-map", "docker.io=http://" + up.address + "/{host}", "-o", archive,
	}
	if o := must(t, args...); !strings.Contains(o.stderr, "nginx has no tag there: the chart's templates give it 1.2.3") {
		t.Errorf("it does not say what the templates that helm create makes say:\n%s", o.stderr)
	}
	if o := must(t, args...); !strings.Contains(o.stderr, "nothing has changed, nothing was fetched") {
		t.Errorf("again:\n%s", o.stderr)
	}
	if o := must(t, "bundle", "ls", archive); strings.Count(o.stdout, "charts/") != 4 || !strings.Contains(o.stdout, "quay.io/acme/sidecar:v1") || !strings.Contains(o.stdout, "docker.io/library/nginx:1.2.3") {
		t.Errorf("in the archive is\n%s", o.stdout)
	}
	must(t, "push", archive, "--to", site.address+"/airgap", "--plain-http")
	t.Run("registry", func(t *testing.T) {
		h := helm{t, program, h.home}
		for chart, want := range map[string]string{"demo:1.2.3": plain, "built:0.4.0+build.7": built, "other:2.0.0": other} {
			name, version, _ := strings.Cut(chart, ":")
			to := t.TempDir()
			h.run("pull", "oci://"+site.address+"/airgap/charts/"+name, "--version", version, "--plain-http", "-d", to)
			h.same(filepath.Join(to, name+"-"+version+".tgz"), want)
			if got := h.run("show", "chart", "oci://"+site.address+"/airgap/charts/"+name, "--version", version, "--plain-http"); !strings.Contains(got, "appVersion: 1.2.3") {
				t.Errorf("%s is\n%s", chart, got)
			}
		}
		before := len(site.requests(t))
		if o := must(t, "push", archive, "--to", site.address+"/airgap", "--plain-http"); !strings.Contains(o.stderr, "3 charts: 0 pushed, 3 there already") {
			t.Error(o.stderr)
		}
		if again := site.requests(t)[before:]; again.count(request.sends) > 0 {
			t.Errorf("the second push sends something:\n%s", again)
		}
	})
	// What mirror copies out of a registry is what Helm pushed there, to the byte; what it copies from elsewhere is what push makes.
	t.Run("mirrored", func(t *testing.T) {
		h := helm{t, program, h.home}
		must(t, "mirror", "--chart", "oci://"+up.address+"/upstream/charts/other:2.0.0", "--chart", plain, "--plain-http",
			"--source-map", "quay.io=http://"+up.address+"/{host}", "--source-map", "docker.io=http://"+up.address+"/{host}", "--to", site.address+"/mirrored")
		for chart, want := range map[string]struct {
			file   string
			at     *dockerRegistry
			before string
		}{"demo:1.2.3": {plain, site, "airgap"}, "other:2.0.0": {other, up, "upstream"}} {
			name, version, _ := strings.Cut(chart, ":")
			to := t.TempDir()
			h.run("pull", "oci://"+site.address+"/mirrored/charts/"+name, "--version", version, "--plain-http", "-d", to)
			h.same(filepath.Join(to, name+"-"+version+".tgz"), want.file)
			if got, original := digestAt(t, site, "mirrored/charts/"+name, version), digestAt(t, want.at, want.before+"/charts/"+name, version); got != original {
				t.Errorf("%s is %s, not %s", chart, got, original)
			}
		}
	})
	t.Run("served", func(t *testing.T) {
		h := helm{t, program, h.home}
		address, stop := serve(t, archive, "--listen", "127.0.0.1:0")
		defer stop()
		h.run("repo", "add", "site", "http://"+address+"/charts")
		if got := h.run("search", "repo", "site/", "--versions"); !strings.Contains(got, "site/demo") || !strings.Contains(got, "0.4.0+build.7") || !strings.Contains(got, "site/other") {
			t.Errorf("Helm finds\n%s", got)
		}
		for chart, want := range map[string]string{"demo:1.2.3": plain, "built:0.4.0+build.7": built, "other:2.0.0": other} {
			name, version, _ := strings.Cut(chart, ":")
			to := t.TempDir()
			h.run("pull", "site/"+name, "--version", version, "-d", to)
			h.same(filepath.Join(to, name+"-"+version+".tgz"), want)
		}
		// What templates make up is known when they are rendered.
		rendered := writeFile(t, filepath.Join(t.TempDir(), "rendered.yaml"), h.run("template", "site/demo"))
		if got := must(t, "images", "-f", rendered).stdout; !strings.Contains(got, "docker.io/library/nginx:1.2.3\n") {
			t.Errorf("its images are\n%s", got)
		}
	})
}

// same: two files have the same bytes.
func (h helm) same(a, b string) {
	h.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
		h.Errorf("%s is not %s: %v %v", a, b, err1, err2)
	}
}
