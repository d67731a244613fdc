package nodes

import (
	"bytes"
	_ "embed" // for the script
	"path"
	"strings"
)

// hostsAuthScript is for a node whose credentials stand in a Secret, and whose hosts.toml
// are not in certsDir.
//
//go:embed hostsauth.sh
var hostsAuthScript string

// A hostsDir is a folder other than certsDir that a containerd of its own looks in for
// HOST/hosts.toml. It ends with a slash.
type hostsDir string

// files are what is in the folder: the CA, and a hosts.toml for each upstream.
func (d hostsDir) files(m Mirror) ([]File, error) {
	files, err := containerdFiles(m)
	for i, f := range files {
		files[i].Path = string(d) + strings.TrimPrefix(f.Path, certsDir)
		if path.Base(f.Path) == "hosts.toml" {
			files[i].Content = bytes.ReplaceAll(f.Content, []byte(certsDir), []byte(d))
		}
	}
	return files, err
}

// withSecret adds to files what puts the credentials of m's Secret into the hosts.toml of
// the folders, and to lists the command, in the list before, that does it.
func withSecret(m Mirror, form fileForm, files []File, before string, dirs ...hostsDir) []list {
	if m.AuthSecret == "" {
		return []list{form.files(files, nil)}
	}
	const etc = "/etc/airgap-hosts/"
	const script = etc + "airgap-hosts-auth.sh"
	auth, from := authFiles(m, etc+"airgap-auth/")
	files = append(append(files, auth...), File{Path: script, Mode: 0o755, Content: []byte(hostsAuthScript)})
	args := etc + "airgap-auth"
	for _, d := range dirs {
		args += " " + strings.TrimSuffix(string(d), "/")
	}
	return []list{form.files(files, from), runs(before, script, args)}
}
