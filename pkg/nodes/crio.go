package nodes

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// A crioConfig is a drop-in of registries.conf (containers-registries.conf.d(5)).
type crioConfig struct {
	Registry []crioRegistry `toml:"registry"`
}

// A crioRegistry gives all names that begin with Prefix to Location, and asks nobody
// else: what is missing there is missing.
type crioRegistry struct {
	Prefix   string `toml:"prefix"`
	Location string `toml:"location"`
	Insecure bool   `toml:"insecure,omitempty"`
}

// crioFiles are the files of a node with CRI-O, below its root. Nothing in
// registries.conf stands for every registry, only for hosts and *.DOMAIN.
func crioFiles(m Mirror) ([]File, error) {
	var config crioConfig
	for _, u := range m.Upstreams {
		if u.Host == DefaultHost {
			return nil, errors.New("CRI-O cannot mirror all registries with one rule: use layout host")
		}
		config.Registry = append(config.Registry, crioRegistry{u.Host, u.Place(), m.PlainHTTP})
	}
	if m.PlainHTTP { // for images that name the private registry themselves
		config.Registry = append(config.Registry, crioRegistry{m.Registry, m.Registry, true})
	}
	text, err := writeTOML(config)
	if err != nil {
		return nil, fmt.Errorf("the configuration of CRI-O: %w", err)
	}
	files := []File{{Path: "etc/containers/registries.conf.d/50-airgap.conf", Mode: 0o644, Content: text, Main: true}}
	if len(m.CA) > 0 {
		files = append(files, File{Path: "etc/containers/certs.d/" + m.Registry + "/airgap-ca.crt", Mode: 0o644, Content: m.CA})
	}
	if m.Username == "" {
		return files, nil
	}
	auth, err := crioAuth(m)
	return append(files, auth...), err
}

// crioAuth are the credentials (containers-auth.json(5)), and where CRI-O finds them
// (crio.conf(5), global_auth_file): it asks for those of the place that a prefix leads to.
func crioAuth(m Mirror) ([]File, error) {
	const authFile = "etc/crio/airgap-auth.json"
	pair := base64.StdEncoding.EncodeToString([]byte(m.Username + ":" + m.Password))
	auths, err := json.MarshalIndent(map[string]any{"auths": map[string]any{m.Registry: map[string]string{"auth": pair}}}, "", "  ")
	if err != nil {
		return nil, err
	}
	text, err := writeTOML(map[string]map[string]map[string]string{"crio": {"image": {"global_auth_file": "/" + authFile}}})
	return []File{
		secretFile(authFile, append(auths, '\n'), true),
		{Path: "etc/crio/crio.conf.d/50-airgap.conf", Mode: 0o644, Content: text},
	}, err
}
