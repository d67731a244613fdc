package verify

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// fetches finds what nodes and controllers ask for on the internet beside images.
func (m *Manifests) fetches(f *manifest.File) []Finding {
	var all []Finding
	for _, fetch := range f.Fetches() {
		if m.site.hasHost(fetch.URL) {
			continue
		}
		problem := fetch.URL + " is fetched from outside"
		if fetch.Unless != "" {
			problem += ", unless " + fetch.Unless + " is true"
		}
		all = append(all, m.site.finding(CheckNodeFetch, fmt.Sprintf("%s:%d:%d", f.Name, fetch.Line, fetch.Column), image.Ref{}, problem))
	}
	return all
}

// hasHost says that the host of a URL is the private registry, or is in its domain, as a
// server of files is that the site has, or is one where the site says that it has files.
func (s *Site) hasHost(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	for _, files := range s.FilesURLs {
		if at, err := url.Parse(files); err == nil && at.Hostname() == u.Hostname() {
			return true
		}
	}
	registry, _, _ := strings.Cut(s.Target, "/")
	at, err := url.Parse("https://" + registry)
	if err != nil {
		return false
	}
	_, domain, _ := strings.Cut(at.Hostname(), ".")
	return u.Hostname() == at.Hostname() || strings.Contains(domain, ".") && strings.HasSuffix(u.Hostname(), "."+domain)
}
