package export

import (
	"bufio"
	"strconv"
	"strings"
)

// A regsyncFile is the configuration of regsync (regclient, cmd/regsync/config.go).
type regsyncFile struct {
	Version int            `yaml:"version"`
	Creds   []regsyncCred  `yaml:"creds,omitempty"`
	Sync    []regsyncEntry `yaml:"sync"`
}

// A regsyncCred says how a registry is reached.
type regsyncCred struct {
	Registry string `yaml:"registry"`
	TLS      string `yaml:"tls,omitempty"`
	RegCert  string `yaml:"regcert,omitempty"`
}

type regsyncEntry struct {
	Source string `yaml:"source"`
	Target string `yaml:"target"`
	Type   string `yaml:"type"`
}

func writeRegsync(w *bufio.Writer, entries []Entry, opts Options) error {
	file := regsyncFile{Version: 1, Creds: regsyncCreds(entries, opts), Sync: []regsyncEntry{}}
	shared := sharedTags(entries)
	for _, e := range entries {
		target := place(e, shared).String()
		if below, ok := strings.CutPrefix(target, StandIn); ok {
			target = opts.Template + below
		}
		file.Sync = append(file.Sync, regsyncEntry{Source: e.Source.String(), Target: target, Type: "image"})
	}
	return writeYAML(w, file)
}

// regsyncCreds are entries for the registries of the targets, if there is something to
// say of them.
func regsyncCreds(entries []Entry, opts Options) []regsyncCred {
	if !opts.PlainHTTP && opts.CAFile == "" {
		return nil
	}
	var creds []regsyncCred
	seen := map[string]bool{}
	for _, e := range entries {
		host := e.Target.Registry
		if seen[host] || e.Target == e.Source {
			continue
		}
		seen[host] = true
		cred := regsyncCred{Registry: host}
		if rest, ok := strings.CutPrefix(host, StandIn); ok {
			cred.Registry = opts.Template + rest
		}
		if opts.PlainHTTP {
			cred.TLS = "disabled"
		} else {
			cred.RegCert = "{{ file " + strconv.Quote(opts.CAFile) + " }}"
		}
		creds = append(creds, cred)
	}
	return creds
}
