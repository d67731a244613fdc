package containerd

import (
	"path"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// Where nodes have containerd's own configuration.
const (
	configFile = "/etc/containerd/config.toml"
	dropIns    = "/etc/containerd/conf.d"
)

// configPathScript is what the command nodes puts on nodes: it makes config_path CertsDir,
// and takes away what excludes that, whatever config.toml was (pkg/nodes).
const configPathScript = "airgap-config-path.sh"

// config is the Config of the nodes of an object.
func (r *manifestReader) config(o object) *Config {
	c := &Config{Name: o.name, Place: o.source.place(firstByte(o.root)), release: r.release, tree: r.tree(o)}
	c.Silent = o.spec.Get("privateRegistriesConfig") == nil && !c.tree.holds(o.concerns)
	if o.rancher != "" {
		c.fromAgent(o)
		return c
	}
	if o.dirs != nil {
		c.fixed(o.dirs)
		return c
	}
	f, whole := c.tree.files[configFile]
	switch {
	case whole:
		c.cri, c.problems = readConfigToml(f, r.release)
	case c.dropIn():
	default:
		c.cri.configPath = CertsDir
	}
	switch {
	case o.runs(configPathScript):
		c.repaired()
	case !whole && c.cri.place == "":
		c.find(c.Place, "", Unknown, "nothing sets containerd's config_path: it is taken to be "+CertsDir+", as in machine images of image-builder v0.1.31 and later")
	}
	c.readDirs()
	return c
}

// fixed is the configuration of nodes whose containerd looks in the first of dirs that is there.
func (c *Config) fixed(dirs []string) {
	i := max(slices.IndexFunc(dirs, func(dir string) bool { return c.tree.dirs[dir] }), 0)
	c.cri.configPath, c.tree.all = dirs[i], dirs[i]
	c.readDirs()
}

// repaired is the configuration after the script: config_path is one folder, and what
// excludes it is gone.
func (c *Config) repaired() {
	place, sandbox, sandboxPlace := c.cri.place, c.cri.sandbox, c.cri.sandboxPlace
	c.cri = cri{configPath: CertsDir, place: place, sandbox: sandbox, sandboxPlace: sandboxPlace}
	c.problems = nil
}

// dropIn takes config_path from a file of conf.d, and says that there is one.
func (c *Config) dropIn() bool {
	for _, name := range c.tree.names(dropIns) {
		f := c.tree.files[path.Join(dropIns, name)]
		if path.Ext(name) != ".toml" || f.hidden {
			continue
		}
		settings, _ := readConfigToml(f, c.release)
		if settings.configPath == "" || !strings.Contains(f.content, "config_path") {
			continue
		}
		c.cri = settings
		if c.release.major() < 2 {
			c.find(f.name, "", Broken, "containerd 1 replaces the whole CRI table by that of a drop-in: the sandbox image and the cgroup driver of config.toml are lost")
		}
		return true
	}
	return false
}

// runs says whether a command before kubeadm holds a text.
func (o object) runs(text string) bool {
	return slices.ContainsFunc(o.commands, func(e entry) bool { return e.node != nil && strings.Contains(e.node.Value, text) })
}

// firstByte is where an object begins: at its first key.
func firstByte(n *yamltree.Node) int {
	for n != nil && len(n.Kids) > 0 {
		n = n.Kids[0]
	}
	if n == nil {
		return 0
	}
	return max(n.Pos, 0)
}

// fromAgent is the Config of nodes with K3s or RKE2.
func (c *Config) fromAgent(o object) {
	c.agent = &registries{}
	f, ok := c.tree.files[path.Join(o.rancher, "registries.yaml")]
	if !ok { // completed on the node, by a script that adds credentials
		f, ok = c.tree.files[path.Join(o.rancher, "airgap-registries.yaml")]
	}
	switch native := o.spec.Get("privateRegistriesConfig").Follow(); {
	case ok && f.hidden:
		c.find(f.name, "", Unknown, "the content of registries.yaml is not here")
	case ok:
		agent, err := readRegistries(f)
		if err != nil {
			c.find(f.name, "", Broken, "registries.yaml: "+err.Error())
		}
		c.agent = agent
	case native != nil:
		c.agent = nativeRegistries(o.source, native)
	}
	for at, f := range c.tree.files {
		if strings.HasPrefix(at, o.rancher+"/config.yaml") && setsTrue(f.content, "disable-default-registry-endpoint") {
			c.agent.noDefault = true
		}
	}
	if len(c.agent.mirrors) > 0 && !c.agent.noDefault {
		c.find(c.Place, "", Outside, "disable-default-registry-endpoint is not set: what the mirrors do not have is asked of the registry that the image names")
	}
}

// setsTrue says whether a config.yaml sets a flag.
func setsTrue(content, flag string) bool {
	for line := range strings.Lines(content) {
		key, value, ok := strings.Cut(line, ":")
		value, _, _ = strings.Cut(value, "#")
		if ok && strings.Trim(key, ` "'`) == flag && strings.Trim(value, " \n\r\"'") == "true" {
			return true
		}
	}
	return false
}
