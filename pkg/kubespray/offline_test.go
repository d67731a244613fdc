package kubespray_test

import (
	"io/fs"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

func mirror(t *testing.T, opts nodes.Options) nodes.Mirror {
	t.Helper()
	opts.Registry, opts.Upstreams = "r.example:5000/airgap", kubespray.Registries()
	m, err := nodes.NewMirror(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func offline(t *testing.T, m nodes.Mirror, filesURL string) (nodes.File, map[string]any) {
	t.Helper()
	files, err := kubespray.Offline(m, kubespray.OfflineOptions{Registry: "r.example:5000/airgap", FilesURL: filesURL})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(files[0].Content, &got); err != nil {
		t.Fatal(err)
	}
	return files[0], got
}

func TestOffline(t *testing.T) {
	_, got := offline(t, mirror(t, nodes.Options{}), "http://files.example/below/")
	for name, want := range map[string]string{
		"registry_host": "r.example:5000/airgap", "registry_addr": "r.example:5000", "files_repo": "http://files.example/below",
		"kube_image_repo": "{{ registry_host }}/registry.k8s.io", "quay_image_repo": "{{ registry_host }}/quay.io",
		"gcp_pd_csi_image_repo": "{{ registry_host }}/gke.gcr.io", "get_helm_url": "{{ files_repo }}/get.helm.sh",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %s", name, got[name], want)
		}
	}
	if _, ok := got["containerd_registry_auth"]; ok {
		t.Error("there are credentials")
	}
	_, got = offline(t, mirror(t, nodes.Options{Layout: image.LayoutPath}), "")
	if got["quay_image_repo"] != "{{ registry_host }}" || got["azure_csi_image_repo"] != "{{ registry_host }}/oss/kubernetes-csi" || got["files_repo"] != nil || got["github_url"] != nil {
		t.Errorf("%v", got)
	}
	if list := got["crio_registries"].([]any); len(list) != len(kubespray.Registries())+1 {
		t.Errorf("CRI-O has no rule for all registries, but %v", list)
	}
	rule, err := image.ParseRule("quay.io=other.example/quay")
	if err != nil {
		t.Fatal(err)
	}
	_, got = offline(t, mirror(t, nodes.Options{Rules: []image.Rule{rule}, Username: "ann", Password: "pw"}), "")
	if got["quay_image_repo"] != "other.example/quay" {
		t.Errorf("%v", got["quay_image_repo"])
	}
	for _, entry := range got["containerd_registries_mirrors"].([]any) {
		e := entry.(map[string]any)
		_, header := e["mirrors"].([]any)[0].(map[string]any)["header"]
		if other := e["prefix"] == "quay.io"; header == other || other && e["server"] != "https://other.example" {
			t.Errorf("credentials go to the wrong registry, or to none: %v", e)
		}
	}
}

// The credentials stand in the file once, and only its owner reads it.
func TestOfflineCredentials(t *testing.T) {
	const password = "p\"'\\: #word"
	file, got := offline(t, mirror(t, nodes.Options{Username: "ann", Password: password}), "")
	if got["registry_pass"] != password || got["registry_user"] != "ann" || file.Mode != fs.FileMode(0o600) || !file.Secret {
		t.Errorf("%v %v %v", got["registry_pass"], file.Mode, file.Secret)
	}
	if n := strings.Count(string(file.Content), "#word"); n != 1 {
		t.Errorf("the password is there %d times", n)
	}
	for text, m := range map[string]nodes.Mirror{
		"Ansible takes for its own": mirror(t, nodes.Options{Username: "ann", Password: "a{{b"}),
		"no Secret is read":         mirror(t, nodes.Options{AuthSecret: "login"}),
	} {
		if _, err := kubespray.Offline(m, kubespray.OfflineOptions{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
	}
	for _, url := range []string{"files.example", "ftp://files.example", "http://files.example?x", "http://u:p@files.example", "http://", "%"} {
		if _, err := kubespray.Offline(mirror(t, nodes.Options{}), kubespray.OfflineOptions{FilesURL: url}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", url, err)
		}
	}
	few, err := nodes.NewMirror(nodes.Options{Registry: "r.example", Upstreams: []string{"quay.io"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kubespray.Offline(few, kubespray.OfflineOptions{}); err == nil || !strings.Contains(err.Error(), "no place for registry.k8s.io") {
		t.Error(err)
	}
}
