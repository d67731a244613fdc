package cli

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// releaseFlags say which releases of clusterctl's world are meant, and where files are
// fetched.
type releaseFlags struct {
	providers   []string
	certManager string
	sourceMap   []string
}

func (f *releaseFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.providers, "provider", nil,
		"take this release of a provider, components, metadata and templates, as `NAME:VERSION[,FLAVOR]…`; may be repeated; NAME is as vsphere, or with its type as bootstrap-kubeadm")
	flags.StringVar(&f.certManager, "cert-manager", "",
		"take this `VERSION` of cert-manager, or none; by default, with a provider, the one that clusterctl installs")
	flags.StringArrayVar(&f.sourceMap, "file-source-map", nil,
		"fetch files whose URL starts with FROM, or all for *, from TO under their own name, as `FROM=TO`; TO is a URL or a path and may hold {host}; may be repeated")
	completeWith(cmd, "provider", completeProviders)
	complete(cmd, "cert-manager", site.NoCertManager)
	complete(cmd, "file-source-map")
}

// given says that flags name releases.
func (f *releaseFlags) given() bool { return len(f.providers) > 0 || f.certManager != "" }

// add adds the releases to what is gathered.
func (f *releaseFlags) add(s *cargo.Sources) error {
	s.CertManager = f.certManager
	for _, text := range f.providers {
		flavors := strings.Split(text, ",")
		name, version, ok := strings.Cut(flavors[0], ":")
		if !ok {
			return usagef("--provider %s: a release is NAME:VERSION", text)
		}
		s.Providers = append(s.Providers, site.Provider{Place: "--provider " + text, Name: name, Version: version, Flavors: flavors[1:]})
	}
	return nil
}

// client fetches the files.
func (f *releaseFlags) client(caFile string, report func(registry.Event)) (*download.Client, error) {
	opts := download.Options{Proxy: http.ProxyFromEnvironment, Report: report}
	var rules []download.SourceRule
	for _, s := range f.sourceMap {
		rule, err := download.ParseSourceRule(s)
		if err != nil {
			return nil, usagef("--file-source-map: %w", err)
		}
		rules = append(rules, rule)
	}
	var err error
	if opts.SourceMap, err = download.NewSourceMap(rules); err != nil {
		return nil, usagef("--file-source-map: %w", err)
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
			f.SHA256, f.SHA256URL = checksum(value)
		case "path":
			f.Path = value
		case "mode":
			f.Mode = value
			if !isMode(value) {
				return f, fmt.Errorf("%s: mode %q: it is octal, as 0755", f.Parts[0], value)
			}
		}
	}
	return f, nil
}

func isFileKey(part string) bool {
	key, _, ok := strings.Cut(part, "=")
	return ok && (key == "sha256" || key == "path" || key == "mode")
}

// checksum tells a checksum from the place where one is published.
func checksum(s string) (sum, place string) {
	digits := strings.ToLower(strings.TrimPrefix(s, "sha256:"))
	if len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == "" {
		return digits, ""
	}
	return "", s
}

// isMode says whether a text is octal permissions.
func isMode(s string) bool {
	mode, err := strconv.ParseUint(s, 8, 32)
	return err == nil && mode <= 0o777
}
