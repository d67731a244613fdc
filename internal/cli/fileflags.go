package cli

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// fileFlags say which files are carried, and where they are fetched.
type fileFlags struct {
	files       []string
	providers   []string
	certManager string
	sourceMap   []string
	site        *site.Site // what it names is carried as well; nil if flags say what is
}

func (f *fileFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.files, "file", nil,
		"carry this file, too, as `URL|PATH[,sha256=HEX|URL][,path=PATH][,mode=0755]`; may be repeated; path is where it stands in the archive")
	flags.StringArrayVar(&f.sourceMap, "file-source-map", nil,
		"fetch files whose URL starts with FROM, or all for *, from TO under their own name, as `FROM=TO`; TO is a URL or a path and may hold {host}; may be repeated")
	flags.StringArrayVar(&f.providers, "provider", nil,
		"carry this release of a provider, components, metadata and templates, as `NAME:VERSION[,FLAVOR]…`; may be repeated; NAME is as vsphere, or with its type as bootstrap-kubeadm")
	flags.StringVar(&f.certManager, "cert-manager", "", "carry this `VERSION` of cert-manager")
	completeWith(cmd, "provider", completeProviders)
	complete(cmd, "cert-manager")
	complete(cmd, "file-source-map")
}

// given says that flags name files.
func (f *fileFlags) given() bool { return len(f.files)+len(f.providers) > 0 || f.certManager != "" }

// fill takes from the site file what no flag says; elsewhere says that other flags name
// what is carried.
func (f *fileFlags) fill(s *site.Site, elsewhere bool) {
	if !elsewhere && !f.given() {
		f.site = s
	}
	if len(f.sourceMap) == 0 {
		for _, rule := range s.FileSourceMap {
			f.sourceMap = append(f.sourceMap, rule.From+"="+rule.To)
		}
	}
}

// add adds the files to what is carried.
func (f *fileFlags) add(s *cargo.Sources) error {
	if f.site != nil {
		s.Groups, s.Files, s.Providers, s.CertManager = f.site.Manifests, f.site.Files, f.site.Providers, f.site.CertManager
		return nil
	}
	s.CertManager = f.certManager
	for _, text := range f.providers {
		flavors := strings.Split(text, ",")
		name, version, ok := strings.Cut(flavors[0], ":")
		if !ok {
			return usagef("--provider %s: a release is NAME:VERSION", text)
		}
		s.Providers = append(s.Providers, site.Provider{Place: "--provider " + text, Name: name, Version: version, Flavors: flavors[1:]})
	}
	for _, text := range f.files {
		file, err := parseFile(text)
		if err != nil {
			return usagef("--file %w", err)
		}
		s.Files = append(s.Files, file)
	}
	return nil
}

// client fetches the files.
func (f *fileFlags) client(caFile string, report func(registry.Event)) (*download.Client, error) {
	opts := download.Options{Proxy: http.ProxyFromEnvironment, Report: report}
	var rules []download.SourceRule
	for _, s := range f.sourceMap {
		rule, err := download.ParseSourceRule(s)
		if err != nil {
			return nil, usagef("--file-source-map %w", err)
		}
		rules = append(rules, rule)
	}
	var err error
	if opts.SourceMap, err = download.NewSourceMap(rules); err != nil {
		return nil, usagef("--file-source-map %w", err)
	}
	if caFile != "" {
		if opts.CA, err = os.ReadFile(caFile); err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
	}
	return download.New(opts)
}

// parseFile reads what --file takes: URL|PATH[,KEY=VALUE]…
func parseFile(text string) (site.File, error) {
	parts := strings.Split(text, ",")
	// A comma in the URL itself is followed by no key that is known here.
	n := len(parts)
	for n > 1 && isFileKey(parts[n-1]) {
		n--
	}
	f := site.File{Place: "--file", Parts: []string{strings.Join(parts[:n], ",")}}
	if f.Parts[0] == "" {
		return f, fmt.Errorf("%s: it names neither a URL nor a path", text)
	}
	for _, part := range parts[n:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "sha256":
			if isSHA256(value) {
				f.SHA256 = value
			} else {
				f.SHA256URL = value
			}
		case "path":
			f.Path = value
		case "mode":
			f.Mode = value
		}
	}
	return f, nil
}

func isFileKey(part string) bool {
	key, _, ok := strings.Cut(part, "=")
	return ok && (key == "sha256" || key == "path" || key == "mode")
}

// isSHA256 tells a checksum from the place where one is published.
func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
