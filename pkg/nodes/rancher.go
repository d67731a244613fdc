package nodes

import (
	_ "embed" // for the script
	"errors"
)

// registriesAuthScript is for a node whose credentials stand in a Secret.
//
//go:embed registriesauth.sh
var registriesAuthScript string

// rke2Object renders m for the specification of a node with RKE2. Its
// privateRegistriesConfig stays empty: it takes CA and credentials from Secrets alone,
// and of two configs it loses one (github.com/rancher/cluster-api-provider-rke2 v0.25.0
// pkg/rke2/registries.go). A file of the object at the same path comes after it and wins.
func rke2Object(m Mirror, o object, _ PatchOptions) (rendering, error) {
	if own := o.spec.Get("privateRegistriesConfig"); own != nil && len(own.Kids) > 0 {
		return rendering{}, errors.New("its privateRegistriesConfig would have no effect beside a registries.yaml: remove it")
	}
	return rke2.object(m, "preRKE2Commands")
}

// k3sObject renders m for the specification of a node with K3s.
func k3sObject(m Mirror, o object, _ PatchOptions) (rendering, error) {
	if at := o.spec.Get("agentConfig").Str("privateRegistry"); at != "" && at != k3s.registriesPath() {
		return rendering{}, errors.New("its agentConfig.privateRegistry is " + at + ", so that K3s reads no " + k3s.registriesPath())
	}
	return k3s.object(m, "preK3sCommands")
}

func (d rancher) object(m Mirror, before string) (rendering, error) {
	files, err := d.files(m)
	if err != nil || m.AuthSecret == "" {
		return rendering{lists: []list{kubeadmFile.files(files, nil)}}, err
	}
	script := File{Path: d.scriptPath(), Mode: 0o755, Content: []byte(registriesAuthScript)}
	auth, from := authFiles(m, d.authDir())
	files = append(append(files, auth...), script)
	return rendering{lists: []list{kubeadmFile.files(files, from), runs(before, d.scriptPath(), string(d))}}, nil
}

// runs is the list, key, that runs a script of ours. The command is harmless where a later
// run took the script away.
func runs(key, script, args string) list {
	return commands(key, "[ ! -x "+script+" ] || "+script+" "+args, script)
}

// authFiles are the files below dir whose content is the credentials of m's Secret.
func authFiles(m Mirror, dir string) ([]File, map[string]secret) {
	var files []File
	from := map[string]secret{}
	for _, key := range []string{"username", "password"} {
		files = append(files, File{Path: dir + key, Mode: 0o600})
		from[dir+key] = secret{name: m.AuthSecret, key: key}
	}
	return files, from
}
