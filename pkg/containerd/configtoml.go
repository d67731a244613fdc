package containerd

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A cri is what a config.toml says of pulling images.
type cri struct {
	configPath            string
	sandbox, sandboxPlace string
	local                 bool // pulls do not go through the transfer service
	mirrors               map[string]mirror
	tls                   map[string]mirrorTLS
	place                 string
	dead                  *Problem // why there is no CRI at all
}

// roots are the folders in which hosts.toml files are looked for. The transfer service
// takes several for one, which is not there.
func (c cri) roots(release release) []string {
	if c.configPath == "" {
		return nil
	}
	if release.transfer() && !c.local {
		return []string{path.Clean(c.configPath)}
	}
	roots := strings.Split(c.configPath, ":")
	for i := range roots {
		roots[i] = path.Clean(roots[i])
	}
	return roots
}

// A mirror is what registry.mirrors says of a registry.
type mirror struct {
	endpoints []string
	place     string
}

// mirrorTLS is what registry.configs says of TLS with a host.
type mirrorTLS struct {
	CA       string `toml:"ca_file"`
	Cert     string `toml:"cert_file"`
	Key      string `toml:"key_file"`
	Insecure bool   `toml:"insecure_skip_verify"`
}

// The tables of config.toml that say how images are pulled.
const (
	criTable    = "io.containerd.grpc.v1.cri"
	criTableOld = "cri" // version 1
	imagesTable = "io.containerd.cri.v1.images"
)

// configToml is the part of config.toml that is about images.
type configToml struct {
	Version  int            `toml:"version"`
	Disabled []string       `toml:"disabled_plugins"`
	Plugins  map[string]any `toml:"plugins"`
}

// criTOML is the table of the CRI, or from 2.0 on of its images.
type criTOML struct {
	SandboxImage string `toml:"sandbox_image"`
	PinnedImages struct {
		Sandbox string `toml:"sandbox"`
	} `toml:"pinned_images"`
	UseLocalImagePull        bool         `toml:"use_local_image_pull"`
	DiscardUnpackedLayers    bool         `toml:"discard_unpacked_layers"`
	DisableSnapshotAnnotated *bool        `toml:"disable_snapshot_annotations"`
	SyncFs                   bool         `toml:"image_pull_with_sync_fs"`
	MaxConcurrentDownloads   *int         `toml:"max_concurrent_downloads"`
	Registry                 registryTOML `toml:"registry"`
	Containerd               struct {
		DiscardUnpackedLayers    bool  `toml:"discard_unpacked_layers"`
		DisableSnapshotAnnotated *bool `toml:"disable_snapshot_annotations"`
		// Runtimes have to be there for the others to be taken over by containerd 2.
		Runtimes map[string]any `toml:"runtimes"`
	} `toml:"containerd"`
}

type registryTOML struct {
	ConfigPath string `toml:"config_path"`
	Mirrors    map[string]struct {
		Endpoint []string `toml:"endpoint"`
	} `toml:"mirrors"`
	Configs map[string]struct {
		TLS  *mirrorTLS     `toml:"tls"`
		Auth map[string]any `toml:"auth"`
	} `toml:"configs"`
	Auths map[string]any `toml:"auths"`
}

// A configReader reads one config.toml as one release does.
type configReader struct {
	file     file
	release  release
	at       tomlIndex
	table    string // the key of the table that counts
	cri      cri
	problems []Problem
}

// readConfigToml gives what a release makes of a config.toml. A configuration with which
// there is no CRI is one that says so.
func readConfigToml(f file, release release) (cri, []Problem) {
	r := &configReader{file: f, release: release, cri: cri{place: f.name}}
	var doc configToml
	if f.hidden {
		r.find(f.name, Unknown, "its content is not here: config_path is taken to be "+CertsDir)
		r.cri.configPath = CertsDir
		return r.cri, r.problems
	}
	f.content = tomlText(f.content, release)
	if err := toml.Unmarshal([]byte(f.content), &doc); err != nil {
		at := syntaxError(f.content, err)
		if holdsVariables(f.content) {
			r.find(f.place(at.offset), Unknown, "it cannot be read before its variables are filled in: "+at.reason)
			r.cri.configPath = CertsDir
			return r.cri, r.problems
		}
		r.die(f.place(at.offset), at.reason)
		return r.cri, r.problems
	}
	r.at = indexToml(f.content)
	r.configToml(doc)
	return r.cri, r.problems
}

func (r *configReader) find(place string, effect Effect, reason string) {
	r.problems = append(r.problems, Problem{place, "", effect, reason})
}

// die notes that containerd, or its CRI, does not start.
func (r *configReader) die(place, reason string) {
	reason = "containerd serves no CRI: " + reason
	r.find(place, Broken, reason)
	if r.cri.dead == nil {
		r.cri.dead = &Problem{Place: place, Effect: Broken, Reason: reason}
	}
}

// placeOf is where a key of the file stands, or the file where it is not there.
func (r *configReader) placeOf(keys ...string) string {
	if offset, ok := r.at.find(keys...); ok {
		return r.file.place(offset)
	}
	return r.file.name
}

func (r *configReader) configToml(doc configToml) {
	if doc.Version > r.release.configVersion() && r.release.refusesNewer() {
		r.die(r.placeOf("version"), fmt.Sprintf("version %d is newer than it knows", doc.Version))
		return
	}
	for _, name := range doc.Disabled {
		if name == criTableOld || name == criTable || name == imagesTable {
			r.die(r.placeOf("disabled_plugins"), name+" is disabled")
		}
	}
	r.table = r.choose(doc.Version, doc.Plugins)
	images, err := decodeTable(doc.Plugins[r.table])
	if err != nil {
		r.die(r.placeOf("plugins", r.table), reasonOf(err))
		return
	}
	r.images(images)
}

// decodeTable reads a table of plugins.
func decodeTable(table any) (criTOML, error) {
	var images criTOML
	if table == nil {
		return images, nil
	}
	text, err := toml.Marshal(map[string]any{"table": table})
	if err != nil {
		return images, err
	}
	err = toml.Unmarshal(text, &struct {
		Table *criTOML `toml:"table"`
	}{&images})
	return images, err
}

// choose is the table that a release reads in a file of a version.
func (r *configReader) choose(file int, plugins map[string]any) string {
	chosen := imagesTable
	migrates := file == 2 || file < r.release.configVersion() && r.release.migratesAll()
	switch {
	case file <= 1 && (r.release.major() < 2 || migrates && plugins[criTableOld] != nil):
		chosen = criTableOld
	case r.release.major() < 2, migrates && plugins[criTable] != nil:
		chosen = criTable
	}
	for _, name := range []string{criTableOld, criTable, imagesTable} {
		if name != chosen && plugins[name] != nil {
			r.find(r.placeOf("plugins", name), Ignored, fmt.Sprintf("in a file of version %d this release reads over this table", max(file, 1)))
		}
	}
	return chosen
}

// images takes over what the table says.
func (r *configReader) images(t criTOML) {
	r.sandbox(t)
	reg := t.Registry
	r.cri.configPath = reg.ConfigPath
	if reg.ConfigPath == "" && (len(reg.Mirrors) == 0 || r.release.eagerDefault()) {
		r.cri.configPath = r.release.defaultConfigPath()
	}
	r.cri.local = t.local() || len(reg.Mirrors) > 0 || len(reg.Configs) > 0 || len(reg.Auths) > 0
	place := r.placeOf("plugins", r.table, "registry", "config_path")
	r.checkConfigPath(place, reg)
	for host, m := range reg.Mirrors {
		if r.cri.mirrors == nil {
			r.cri.mirrors = map[string]mirror{}
		}
		r.cri.mirrors[host] = mirror{m.Endpoint, r.placeOf("plugins", r.table, "registry", "mirrors", host)}
	}
	r.cri.tls = map[string]mirrorTLS{}
	for host, c := range reg.Configs {
		if c.TLS != nil && r.release.major() < 2 {
			r.cri.tls[host] = *c.TLS
		}
	}
	r.checkTLS(reg)
}

// local says that images are pulled without the transfer service.
func (t criTOML) local() bool {
	no := func(b *bool) bool { return b != nil && !*b }
	if t.Containerd.Runtimes != nil && (t.Containerd.DiscardUnpackedLayers || no(t.Containerd.DisableSnapshotAnnotated)) {
		return true
	}
	return t.UseLocalImagePull || t.DiscardUnpackedLayers || t.SyncFs || no(t.DisableSnapshotAnnotated) ||
		t.MaxConcurrentDownloads != nil && *t.MaxConcurrentDownloads != 3
}

func (r *configReader) sandbox(t criTOML) {
	if t.SandboxImage != "" && r.table != imagesTable {
		r.cri.sandbox, r.cri.sandboxPlace = t.SandboxImage, r.placeOf("plugins", r.table, "sandbox_image")
	}
	if t.PinnedImages.Sandbox != "" && r.table == imagesTable {
		r.cri.sandbox, r.cri.sandboxPlace = t.PinnedImages.Sandbox, r.placeOf("plugins", r.table, "pinned_images", "sandbox")
	}
}

// checkConfigPath finds what keeps the tree from being read.
func (r *configReader) checkConfigPath(place string, reg registryTOML) {
	switch {
	case r.cri.configPath == "" && len(reg.Mirrors) > 0:
		r.find(r.placeOf("plugins", r.table, "registry", "mirrors"), Outside, "behind registry.mirrors containerd always asks the registry that the image names")
	case r.cri.configPath == "":
		r.find(place, Outside, "it sets no config_path: no hosts.toml is read")
	case r.cri.configPath != "" && len(reg.Mirrors) > 0:
		r.die(r.placeOf("plugins", r.table, "registry", "mirrors"), "registry.mirrors and config_path exclude each other")
	case strings.Contains(r.cri.configPath, ":") && r.release.transfer() && !r.cri.local:
		reason := fmt.Sprintf("config_path %q", r.cri.configPath)
		if reg.ConfigPath == "" {
			reason = "it sets no config_path, whose default " + strings.TrimPrefix(reason, "config_path ")
		}
		r.find(place, Outside, reason+" is taken for the name of one folder, which is not there: no hosts.toml is read")
	}
}

// checkTLS finds registry.configs.*.tls where it has no effect, or a bad one.
func (r *configReader) checkTLS(reg registryTOML) {
	for _, host := range slices.Sorted(maps.Keys(reg.Configs)) {
		if reg.Configs[host].TLS == nil {
			continue
		}
		place := r.placeOf("plugins", r.table, "registry", "configs", host)
		switch {
		case r.release.major() >= 2:
			r.find(place, Ignored, "containerd 2 reads over registry.configs.*.tls: its place is hosts.toml")
		case r.cri.configPath != "":
			r.die(place, "registry.configs.*.tls and config_path exclude each other")
		}
	}
}

// mirrorAttempts are the attempts that registry.mirrors asks for.
func (c *Config) mirrorAttempts(ref image.Ref) ([]Attempt, []Problem) {
	m, ok := c.cri.mirrors[ref.Registry]
	if !ok {
		m = c.cri.mirrors["*"]
	}
	var hosts []host
	own := false
	for i := range len(m.endpoints) + 1 {
		written, place := mirrorDefault(ref.Registry), ""
		if i < len(m.endpoints) {
			written, place = m.endpoints[i], m.place
		} else if own {
			break
		}
		h, err := c.endpoint(written, ref.Registry)
		if err != nil {
			return nil, []Problem{{cmp.Or(place, c.cri.place), ref.Registry, Broken, err.Error()}}
		}
		own = own || h.host == ref.Registry
		h.place = place
		hosts = append(hosts, h)
	}
	return c.attempts(hosts, ref)
}

func mirrorDefault(registry string) string {
	if registry == dockerHub {
		return dockerHubHost
	}
	return registry
}

// endpoint reads an endpoint of a mirror. Its path is taken as it is.
func (c *Config) endpoint(written, registry string) (host, error) {
	text, restore := maskVariables(written)
	if !strings.Contains(text, "://") {
		bare, _, _ := strings.Cut(text, "/")
		text = map[bool]string{true: "http", false: "https"}[isLocal(bare)] + "://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return host{}, fmt.Errorf("the endpoint %q is no URL", written)
	}
	h := host{scheme: u.Scheme, host: restore(u.Host), path: restore(u.Path), resolve: true, pull: true, asWritten: true, unknown: text != written && holdsVariables(written)}
	if h.path == "" {
		h.path = "/v2"
	}
	t, ok := c.cri.tls[u.Host]
	if !ok {
		if isLocal(registry) && u.Scheme == "http" {
			yes := true
			h.skipVerify = &yes
		}
		return h, nil
	}
	return h, c.mirrorTLS(&h, t)
}

// mirrorTLS adds settings of TLS to h, or says why they cannot be used.
func (c *Config) mirrorTLS(h *host, t mirrorTLS) error {
	h.skipVerify = &t.Insecure
	if t.CA != "" {
		h.ca = []string{path.Clean(t.CA)}
		if c.tree.ca(h.ca[0]).State == Missing {
			return fmt.Errorf("the authority %s is not there", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("cert_file and key_file need each other")
	}
	if t.Cert != "" {
		h.client = [][2]string{{path.Clean(t.Cert), path.Clean(t.Key)}}
	}
	return nil
}
