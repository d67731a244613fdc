package kubespray

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

// OfflineOptions say what a mirror does not.
type OfflineOptions struct {
	Registry string // REGISTRY[/PREFIX], the registry_host; empty is the mirror's registry
	FilesURL string // files_repo, http:// or https://; empty says nothing of files
}

// A repository is a variable of Kubespray's, and what it is where there is internet.
type repository struct{ variable, upstream string }

// repositories are those that all others begin with, and those that begin with none of
// them (roles/kubespray_defaults/defaults/main/download.yml, and the defaults of the roles
// external_cloud_controller and local_path_provisioner).
var repositories = []repository{
	{"kube_image_repo", "registry.k8s.io"},
	{"gcr_image_repo", "gcr.io"},
	{"github_image_repo", "ghcr.io"},
	{"docker_image_repo", "docker.io"},
	{"quay_image_repo", "quay.io"},
	{"local_path_provisioner_helper_image_repo", "docker.io/library/busybox"},
	{"azure_csi_image_repo", "mcr.microsoft.com/oss/kubernetes-csi"},
	{"azure_csi_plugin_image_repo", "mcr.microsoft.com/k8s/csi"},
	{"gcp_pd_csi_image_repo", "gke.gcr.io"},
	{"external_huawei_cloud_controller_image_repo", "swr.ap-southeast-1.myhuaweicloud.com"},
	{"external_oracle_cloud_controller_image_repo", "ghcr.io/oracle/cloud-provider-oci"},
}

// servers are the variables that URLs of files begin with, and the one that does not.
var servers = []repository{
	{"github_url", "github.com"},
	{"dl_k8s_io_url", "dl.k8s.io"},
	{"storage_googleapis_url", "storage.googleapis.com"},
	{"get_helm_url", "get.helm.sh"},
	{"argocd_install_url", "raw.githubusercontent.com/argoproj/argo-cd/v{{ argocd_version }}/manifests/install.yaml"},
}

// caPath is where containerd on nodes looks for the registry's CA: package nodes has it
// there, too.
const caPath = "/etc/containerd/certs.d/airgap-ca.crt"

// Registries are those that Kubespray's images are in: what a mirror for it has to know.
func Registries() []string {
	var hosts []string
	for _, r := range repositories {
		host, _, _ := strings.Cut(r.upstream, "/")
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Offline renders a mirror as inventory/…/group_vars/all/offline.yml, and beside it the CA,
// which Kubespray does not bring to nodes by itself. With credentials they stand in it
// once, as registry_user and registry_pass, so that ansible-vault can take their place.
func Offline(m nodes.Mirror, o OfflineOptions) ([]nodes.File, error) {
	if o.Registry == "" {
		o.Registry = m.Registry
	}
	w := offline{mirror: m, options: o}
	if err := w.check(); err != nil {
		return nil, err
	}
	w.images()
	w.files()
	w.containerd()
	w.crio()
	text, err := w.text()
	if err != nil {
		return nil, fmt.Errorf("writing offline.yml: %w", err)
	}
	files := []nodes.File{{Path: "offline.yml", Mode: 0o644, Content: text, Main: true}}
	if m.Username != "" {
		files[0].Mode, files[0].Secret = 0o600, true
	}
	if len(m.CA) > 0 {
		files = append(files, nodes.File{Path: "airgap-ca.crt", Mode: 0o644, Content: m.CA})
	}
	return files, nil
}

// An offline is an offline.yml that is being written.
type offline struct {
	mirror  nodes.Mirror
	options OfflineOptions
	root    yaml.Node
	errs    []error
}

func (w *offline) check() error {
	var errs []error
	if w.mirror.AuthSecret != "" {
		errs = append(errs, errors.New("no Secret is read by Kubespray: give user name and password"))
	}
	for _, text := range []string{w.mirror.Username, w.mirror.Password} {
		if strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "{#") {
			errs = append(errs, errors.New("user name or password holds {{, {% or {#, which Ansible takes for its own"))
		}
	}
	if w.options.FilesURL == "" {
		return errors.Join(errs...)
	}
	u, err := url.Parse(w.options.FilesURL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, errors.New("the URL of the files is no http:// or https:// URL of a folder"))
	case u.User != nil:
		errs = append(errs, errors.New("the URL of the files has a password in it, which Kubespray prints: see its note on an access controlled files_repo"))
	}
	return errors.Join(errs...)
}

// add adds a variable, with what is said of it above.
func (w *offline) add(comment, name string, value any) {
	key := yaml.Node{Kind: yaml.ScalarNode, Value: name, HeadComment: comment}
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		w.errs = append(w.errs, err)
	}
	w.root.Content = append(w.root.Content, &key, &node)
}

// images says where images are.
func (w *offline) images() {
	w.add("The private registry.", "registry_host", w.options.Registry)
	w.add("", "registry_addr", w.mirror.Registry)
	if w.mirror.Username != "" {
		w.add("Encrypt the password: ansible-vault encrypt_string --name registry_pass", "registry_user", w.mirror.Username)
		w.add("", "registry_pass", w.mirror.Password)
	}
	comment := "Where it has what Kubespray pulls."
	for _, r := range repositories {
		w.add(comment, r.variable, w.short(w.place(r.upstream)))
		comment = ""
	}
}

// place is where the content of an upstream repository is.
func (w *offline) place(upstream string) string {
	host, path, below := strings.Cut(upstream, "/")
	at := ""
	for _, u := range w.mirror.Upstreams { // DefaultHost is the first
		if u.Host == nodes.DefaultHost || u.Host == host {
			at = u.Place()
			if below {
				at += "/" + path
			}
		}
	}
	if at == "" && host != w.mirror.Registry {
		w.errs = append(w.errs, fmt.Errorf("the mirror has no place for %s, which Kubespray pulls from (Registries)", host))
	}
	return at
}

// short writes a place below registry_host as such.
func (w *offline) short(place string) string {
	if rest, ok := strings.CutPrefix(place, w.options.Registry); ok && (rest == "" || rest[0] == '/') {
		return "{{ registry_host }}" + rest
	}
	return place
}

// files says where files are.
func (w *offline) files() {
	if w.options.FilesURL == "" {
		return
	}
	w.add("Files, by the hosts that they come from.", "files_repo", strings.TrimRight(w.options.FilesURL, "/"))
	for _, s := range servers {
		w.add("", s.variable, "{{ files_repo }}/"+s.upstream)
	}
}

// A containerdMirror is an entry of containerd_registries_mirrors
// (roles/container-engine/containerd/templates/hosts.toml.j2).
type containerdMirror struct {
	Prefix  string           `yaml:"prefix"`
	Server  string           `yaml:"server"`
	Mirrors []containerdHost `yaml:"mirrors"`
}

type containerdHost struct {
	Host         string            `yaml:"host"`
	Capabilities []string          `yaml:"capabilities,flow"`
	SkipVerify   bool              `yaml:"skip_verify"`
	OverridePath bool              `yaml:"override_path"`
	CA           string            `yaml:"ca,omitempty"`
	Header       map[string]string `yaml:"header,omitempty"`
}

// basic is what HTTP sends for the credentials, in Ansible's words.
const basic = "{{ (registry_user ~ ':' ~ registry_pass) | b64encode }}"

// containerd configures containerd for images that name their upstream themselves, and for
// those that name the registry. The server is the registry, too: else what is missing
// there would be asked of the upstream. Kubespray's template gives it neither the path nor
// the CA, so it only ever says no.
func (w *offline) containerd() {
	comment := "For containerd 2; hosts.toml holds the credentials."
	if w.mirror.Username == "" {
		comment = "hosts.toml of containerd."
	}
	if len(w.mirror.CA) > 0 {
		comment += "\nBring airgap-ca.crt to " + caPath + " on every node before."
	}
	var list []containerdMirror
	for _, u := range append(slices.Clone(w.mirror.Upstreams), nodes.Upstream{Host: w.mirror.Registry, Registry: w.mirror.Registry}) {
		own := u.Host == w.mirror.Registry
		h := containerdHost{Host: w.mirror.URL(u), Capabilities: []string{"pull", "resolve"}, OverridePath: !own}
		server := strings.TrimSuffix(w.mirror.Address(), w.mirror.Registry) + u.Registry
		if own {
			h.Host = server
		}
		if len(w.mirror.CA) > 0 {
			h.CA = caPath
		}
		if w.mirror.Username != "" && u.Registry == w.mirror.Registry {
			h.Header = map[string]string{"Authorization": "Basic " + basic}
		}
		list = append(list, containerdMirror{u.Host, server, []containerdHost{h}})
	}
	w.add(comment, "containerd_registries_mirrors", list)
	if w.mirror.Username != "" {
		type auth struct{ Registry, Auth string }
		w.add("For containerd 1.7.", "containerd_registry_auth", []auth{{"{{ registry_addr }}", basic}})
	}
}

// A crioRegistry is an entry of crio_registries
// (roles/container-engine/cri-o/templates/registry.conf.j2).
type crioRegistry struct {
	Prefix   string `yaml:"prefix"`
	Location string `yaml:"location"`
	Insecure bool   `yaml:"insecure"`
	Blocked  bool   `yaml:"blocked"`
}

// crio configures CRI-O, which has no rule for all registries.
func (w *offline) crio() {
	hosts := Registries()
	for _, u := range w.mirror.Upstreams {
		if u.Host != nodes.DefaultHost {
			hosts = append(hosts, u.Host)
		}
	}
	slices.Sort(hosts)
	var list []crioRegistry
	for _, host := range slices.Compact(hosts) {
		list = append(list, crioRegistry{Prefix: host, Location: w.place(host), Insecure: w.mirror.PlainHTTP})
	}
	list = append(list, crioRegistry{Prefix: w.mirror.Registry, Location: w.mirror.Registry, Insecure: w.mirror.PlainHTTP})
	w.add("registries.conf of CRI-O.", "crio_registries", list)
	if w.mirror.Username != "" {
		type auth struct{ Registry, Username, Password string }
		w.add("", "crio_registry_auth", []auth{{"{{ registry_addr }}", "{{ registry_user }}", "{{ registry_pass }}"}})
	}
}

// text is the file, and reads as what was meant.
func (w *offline) text() ([]byte, error) {
	w.root.Kind = yaml.MappingNode
	out := bytes.NewBufferString("---\n# Kubespray's offline settings, by kubectl airgap nodes --format kubespray:\n# inventory/…/group_vars/all/offline.yml\n\n")
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	w.errs = append(w.errs, encoder.Encode(&w.root), encoder.Close())
	if err := errors.Join(w.errs...); err != nil {
		return nil, err
	}
	var got map[string]any
	if err := yaml.Unmarshal(out.Bytes(), &got); err != nil {
		return nil, err
	}
	if 2*len(got) != len(w.root.Content) || w.mirror.Username != "" && got["registry_pass"] != w.mirror.Password {
		return nil, errors.New("what was written reads differently")
	}
	return out.Bytes(), nil
}
