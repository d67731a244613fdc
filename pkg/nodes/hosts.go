package nodes

import (
	"bytes"
	_ "embed" // for the script
	"encoding/base64"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Where things are on a node. What is below certsDir needs no restart of containerd.
const (
	certsDir       = "/etc/containerd/certs.d/"
	caFile         = certsDir + "airgap-ca.crt"
	authDir        = "/etc/containerd/airgap-auth/" // username and password, where a Secret holds them
	configPathFile = "/etc/containerd/airgap-config-path.sh"
	hostsAuthFile  = "/etc/containerd/airgap-hosts-auth.sh"
	// Neither command can fail: below Ignition they run under set -e.
	configPathCommand = configPathFile + " | grep -q . && systemctl restart containerd || true"
	hostsAuthCommand  = hostsAuthFile + " " + authDir + " " + certsDir + " || true; "
)

// configPathScript makes containerd's CRI read certsDir, and says so if that needs a
// restart. It is POSIX sh with awk. It has no brace behind a dollar sign, no two of
// either, and no brace beside % or #: clusterctl and cloud-init would take them for theirs.
//
//go:embed configpath.sh
var configPathScript string

// containerdFiles are the files of a node with containerd 1.5 or later: the CA, and a
// hosts.toml for each upstream and for the private registry itself.
func containerdFiles(m Mirror) ([]File, error) {
	var files []File
	if len(m.CA) > 0 {
		files = append(files, File{Path: caFile, Mode: 0o644, Content: m.CA})
	}
	hosts := append(slices.Clone(m.Upstreams), Upstream{Host: m.Registry, Registry: m.Registry})
	for _, u := range hosts {
		f, err := hostsFile(m, u)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// hostsFile is the hosts.toml for one upstream. The mirror stands in it twice: as the
// [host] that containerd before 1.7.32 cannot do without, and as the server, so that
// nobody ever asks the upstream, not even for what is missing.
func hostsFile(m Mirror, u Upstream) (File, error) {
	url, common := m.Address(), "capabilities = [\"pull\", \"resolve\"]\n"
	if u.Host != m.Registry {
		url = m.URL(u)
		common += "override_path = true\n"
	}
	if len(m.CA) > 0 {
		common += "ca = \"" + caFile + "\"\n"
	}
	text := "# " + mark + "\nserver = \"" + url + "\"\n" + common
	host := "[host.\"" + url + "\""
	f := File{Path: certsDir + u.Host + "/hosts.toml", Mode: 0o644}
	if authorization := m.authorization(); authorization != "" && u.Registry == m.Registry {
		f.Mode, f.Secret = 0o600, true
		header := ".header]\nAuthorization = \"" + authorization + "\"\n"
		text += "\n[header]" + strings.TrimPrefix(header, ".header]") + "\n" + host + "]\n" + common + "\n" + host + header
	} else {
		text += "\n" + host + "]\n" + common
	}
	f.Content = []byte(text)
	return f, checkHosts(f, m, url)
}

// authorization is the header that carries the credentials of m, empty if it has none.
func (m Mirror) authorization() string {
	if m.Username == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(m.Username+":"+m.Password))
}

// A hostsServer is what containerd reads of a hosts.toml, and of each host in it.
type hostsServer struct {
	Server       string                 `toml:"server"`
	Capabilities []string               `toml:"capabilities"`
	OverridePath bool                   `toml:"override_path"`
	CA           string                 `toml:"ca"`
	Header       map[string]string      `toml:"header"`
	Host         map[string]hostsServer `toml:"host"`
}

// checkHosts reads f as containerd would: it falls back to the upstream, and says
// nothing, where it cannot.
func checkHosts(f File, m Mirror, url string) error {
	var got hostsServer
	d := toml.NewDecoder(bytes.NewReader(f.Content))
	if err := d.DisallowUnknownFields().Decode(&got); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	host, ok := got.Host[url]
	for _, s := range []hostsServer{got, host} {
		ok = ok && slices.Equal(s.Capabilities, []string{"pull", "resolve"}) && (s.CA != "") == (len(m.CA) > 0) &&
			s.OverridePath == (url != m.Address()) && s.Header["Authorization"] == host.Header["Authorization"]
	}
	if !ok || got.Server != url || len(got.Host) != 1 {
		return fmt.Errorf("%s: what was written does not read as what was meant", f.Path)
	}
	return nil
}

// hostsTree is format hosts: what belongs below /etc/containerd of a node, certs.d.
func hostsTree(m Mirror) ([]File, error) {
	files, err := containerdFiles(m)
	for i := range files {
		files[i].Path = "certs.d/" + strings.TrimPrefix(files[i].Path, certsDir)
		files[i].Mode &= fs.ModePerm
	}
	return files, err
}
