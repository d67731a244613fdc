package nodes

import (
	"iter"
	"strings"
	"testing"
)

// head is an object up to its specification.
const head = "apiVersion: bootstrap.cluster.x-k8s.io/v1beta2\nkind: KubeadmConfig\n"

// class replaces a list twice; somebody's own patches stand between and behind.
const class = `apiVersion: cluster.x-k8s.io/v1beta1
kind: ClusterClass
spec:
  patches:
  - name: a
    definitions:
    - selector:
        apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
        kind: KubeadmConfigTemplate
      jsonPatches:
        - op: add
          path: /spec/template/spec/files
          value: []

        # theirs
        - op: add
          path: /spec/template/spec/files/-
          valueFrom:
            template: |+
              path: /a

        - {op: replace, path: /spec/template/spec/files, valueFrom: {variable: files}}
        - op: replace
          path: /spec/template/spec/preKubeadmCommands
          value: ["true"]
`

// shapes are objects that can be patched, spelled in ways that people use.
var shapes = map[string]string{
	"no break at the end":       head + "spec:\n  format: cloud-config",
	"none in a list":            head + "spec:\n  preKubeadmCommands:\n  - \"true\"",
	"none in a literal":         head + "spec:\n  files:\n  - path: /a\n    content: |\n      b",
	"CRLF":                      strings.ReplaceAll(head+"spec:\n  files:\n  - path: /a\n    content: |\n      b\n  format: cloud-config\n", "\n", "\r\n"),
	"byte order mark":           "\ufeff" + head + "spec:\n  format: cloud-config\n",
	"markers":                   "# a\n---\n" + head + "spec:\n  format: cloud-config\n\n---\n---\n# b\n",
	"kept breaks":               head + "spec:\n  files:\n  - path: /a\n    content: |+\n      b\n\n\n  format: cloud-config\n",
	"kept breaks at the end":    head + "spec:\n  files:\n  - path: /a\n    content: |+\n      b\n\n",
	"folded":                    head + "spec:\n  preKubeadmCommands:\n  - >-\n    a\n    b\n\n  # c\n  - d\n   e\n  - \"f\n\n    g\"\n",
	"comments in odd places":    head + "spec: # a\n # b\n\n  files: # c\n# d\n    # e\n    - path: /a # f\n# g\n      content: b\n      # h\n  # i\n  verbosity: 1\n# j\n",
	"null":                      head + "spec:\n  files:\n  preKubeadmCommands: # nothing yet\n  format: cloud-config\n",
	"null, indented":            head + "metadata:\n  finalizers:\n    - a\nspec:\n  files:\n",
	"spaces at the ends":        head + "spec:  \n  format: cloud-config  \n  files: \n  - path: /a  \n    content: b  \n",
	"quoted keys":               head + "\"spec\":\n  'files':\n  - path: /a\n    content: b\n",
	"flow entries":              head + "spec:\n  files:\n  - {path: /a, content: b}\n  - {path: /c,\n     content: d}\n",
	"nested dashes":             head + "spec:\n  mounts:\n  - - a\n    - b\n  files:\n  -\n    path: /a\n    content: b\n",
	"variables":                 head + "metadata:\n  name: ${A}-{{ b }}\nspec:\n  files:\n  - path: ${B:=/a}\n    content: ${C}\n  preKubeadmCommands:\n  - ${D}\n  verbosity: ${E}\n",
	"anchors":                   head + "spec: &spec\n  files: &files\n  - &a\n    path: /a\n    content: &b b\n  - *a\n  users:\n  - name: *b\n",
	"a list of objects":         "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\n  ") + "\n  spec:\n    format: cloud-config\n- apiVersion: v1\n  kind: Pod\n- " + strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\n  ") + "\n  spec:\n    files:\n    - path: /a\n",
	"another character set":     head + "metadata:\n  name: größe\nspec:\n  files:\n  - path: /ä\n    content: 世界\n",
	"ours among others":         head + "spec:\n  preKubeadmCommands:\n  - a\n  - \"/etc/containerd/airgap-config-path.sh || true\"\n  - b\n  - /etc/containerd/airgap-config-path.sh\n  - c\n",
	"a class":                   class,
	"a class with CRLF":         strings.ReplaceAll(class, "\n", "\r\n"),
	"a class in a List":         "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSuffix(class, "\n"), "\n", "\n  ") + "\n",
	"the old way to be updated": head + "spec:\n  files:\n  - path: /etc/containerd/certs.d/airgap-ca.crt\n    content: x\n  - path: /a\n  - path: /etc/containerd/certs.d/quay.io/hosts.toml\n    content: |\n      # written by kubectl-airgap\n",
}

// firstGone is the first line of before that is not in after, in order; empty if there is none.
func firstGone(before, after string) string {
	next, stop := iter.Pull(strings.Lines(after))
	defer stop()
	for line := range strings.Lines(before) {
		for {
			got, ok := next()
			if !ok {
				return line
			}
			if got == line || got == line+"\n" { // a last line without a break
				break
			}
		}
	}
	return ""
}

func TestShapes(t *testing.T) {
	m := mirror(t, nil)
	for name, src := range shapes {
		t.Run(name, func(t *testing.T) {
			p, err := Patch("a.yaml", []byte(src), m, PatchOptions{})
			if err != nil || len(p.Findings) > 0 || p.Changed == 0 {
				t.Fatalf("%v %v %d changed", err, p.Findings, p.Changed)
			}
			if gone := firstGone(src, string(p.Output)); gone != "" && !strings.Contains(src, "airgap") {
				t.Errorf("a line is gone: %s\n%s", gone, p.Output)
			}
			if strings.Contains(src, "\r\n") && strings.Count(string(p.Output), "\n") != strings.Count(string(p.Output), "\r\n") {
				t.Errorf("line breaks are mixed:\n%q", p.Output)
			}
			checkAgain(t, p, m)
		})
	}
}

// checkAgain fails unless a second run changes nothing.
func checkAgain(t *testing.T, p *Patched, m Mirror) {
	t.Helper()
	again, err := Patch("a.yaml", p.Output, m, PatchOptions{})
	if err != nil || string(again.Output) != string(p.Output) || again.Changed > 0 || len(again.Findings) != len(p.Findings) {
		t.Errorf("a second run is different: %v\n%s\n-- it was --\n%s", err, again.Output, p.Output)
	}
}

// FuzzPatch: whatever is patched keeps its lines, and a second run changes nothing.
func FuzzPatch(f *testing.F) {
	for _, src := range shapes {
		f.Add(src)
	}
	m, err := NewMirror(Options{Registry: "registry.example/airgap", Upstreams: []string{"quay.io"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Patch("a.yaml", []byte(src), m, PatchOptions{})
		if err != nil {
			return
		}
		if gone := firstGone(src, string(p.Output)); gone != "" && !strings.Contains(src, "airgap") {
			t.Errorf("a line is gone: %q\n%q\n%q", gone, src, p.Output)
		}
		checkAgain(t, p, m)
	})
}
