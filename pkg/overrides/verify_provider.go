package overrides

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/config"
)

// An entry is a provider as clusterctl.yaml declares it.
type entry struct {
	provider Provider // its File is what the URL says
	node     *yaml.Node
	base     string // the folder of the local repository, empty if the URL is no such
	version  string // in the URL
	unclear  bool   // there are versions that clusterctl does not find
	contract string // of the version that the URL leads to
	metadata string // where it says so
}

// checkProviders looks at the list of providers, and at the repositories that it leads to.
func (v *verifier) checkProviders(ctx context.Context) {
	list := value(v.root, "providers")
	if list == nil {
		return
	}
	if list.Kind != yaml.SequenceNode {
		v.add(trapProvider, v.at(list), "providers has to be a list")
		v.unread = true
		return
	}
	for _, item := range list.Content {
		v.checkProvider(ctx, item)
	}
	for i := range v.entries {
		e := &v.entries[i]
		if e.node == nil {
			continue // refused
		}
		location := text(e.node)
		if err := v.locate(e, location); err != nil {
			v.add(trapURL, v.at(e.node), "%v", err).Warning = onGitLab(location)
		} else if e.base != "" {
			v.checkRepository(e)
		}
	}
}

// checkProvider looks at one entry of providers. Of two for the same the last counts.
func (v *verifier) checkProvider(ctx context.Context, item *yaml.Node) {
	for item.Kind == yaml.AliasNode {
		item = item.Alias
	}
	name, kind, location := text(value(item, "name")), text(value(item, "type")), text(value(item, "url"))
	if err := refused(ctx, name, kind, location); err != nil {
		v.add(trapProvider, v.at(item), "clusterctl does not take this provider: %v", err)
		for _, label := range []string{labelIn(location), manifestLabel(name, kind)} { // whichever was meant is not absent
			if provider, ok := v.Provider(label); ok {
				v.entries = append(v.entries, entry{provider: provider})
			}
		}
		return
	}
	label := manifestLabel(name, kind)
	e := entry{provider: Provider{Label: label, Name: name, Type: kind}, node: value(item, "url")}
	v.entries = slices.DeleteFunc(v.entries, func(other entry) bool { return other.provider.Label == label })
	v.entries = append(v.entries, e)
}

// refused is why clusterctl does not take a provider, asked of its own code. The URL is
// looked at later.
func refused(ctx context.Context, name, kind, location string) error {
	reader := config.NewMemoryReader()
	if location != "" {
		location = "file:///"
	}
	if _, err := reader.AddProvider(name, clusterctlv1.ProviderType(kind), location); err != nil {
		return err
	}
	client, err := config.New(ctx, "", config.InjectReader(reader))
	if err != nil {
		return err
	}
	_, err = client.Providers().List()
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause
	}
	return err
}

// onGitLab says that a URL is one of GitLab, which may well be inside the site.
func onGitLab(location string) bool {
	u, err := url.Parse(location)
	return err == nil && u.Scheme == "https" && strings.HasPrefix(u.Host, "gitlab.") && u.Host != "gitlab.com"
}

// labelIn is the element of a URL that has to be the label of its provider.
func labelIn(location string) string {
	return filepath.Base(filepath.Dir(filepath.Dir(location)))
}

// locate reads a URL as clusterctl does
// (cmd/clusterctl/client/repository/{client,repository_local}.go).
func (v *verifier) locate(e *entry, location string) error {
	expanded, err := v.expand(location)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	u, err := url.Parse(expanded)
	switch {
	case err != nil:
		return errors.New("url: it is malformed (not shown, it may hold a password)")
	case u.Scheme == "https" && (u.Host == gitHub || strings.HasPrefix(u.Host, "gitlab.")):
		return fmt.Errorf("url: clusterctl asks %s for versions, whatever lies in the overrides", u.Host)
	case u.Scheme != "file" && u.Scheme != "":
		return fmt.Errorf("url: clusterctl takes %s:// from no other host than GitHub and GitLab: name a file://", u.Scheme)
	}
	at := u.Path
	if v.windows() {
		at = filepath.FromSlash(strings.TrimPrefix(at, "/"))
	}
	if !filepath.IsAbs(at) {
		return fmt.Errorf("url: %s is no absolute path, which file:///… is", cmp.Or(u.Opaque, u.Path))
	}
	parts := strings.Split(at, string(filepath.Separator))
	if len(parts) < 4 { // the first is empty, or a drive
		return fmt.Errorf("url: %s is not …/%s/VERSION/FILE", at, e.provider.Label)
	}
	label := parts[len(parts)-3]
	e.version, e.provider.File = parts[len(parts)-2], parts[len(parts)-1]
	switch {
	case label != e.provider.Label:
		return fmt.Errorf("url: %s is in a folder %s, and clusterctl wants it to be %s", at, label, e.provider.Label)
	case e.version != "latest" && !isVersion(e.version):
		return fmt.Errorf("url: %s is neither latest nor a version", e.version)
	}
	base := filepath.Dir(filepath.Dir(filepath.Dir(v.layer.place(at))))
	switch {
	case v.layer.lost(at):
		return nil
	case !isDir(filepath.Join(base, e.provider.Label)):
		return fmt.Errorf("url: it leads nowhere: %s is not there", filepath.Join(base, e.provider.Label))
	}
	e.base = base
	return nil
}

// checkCertManager looks for the manifest of cert-manager as clusterctl does
// (cmd/clusterctl/client/cluster/cert_manager.go).
func (v *verifier) checkCertManager() {
	section := value(v.root, "cert-manager")
	if section != nil && section.Kind != yaml.MappingNode {
		v.add(trapCertManager, v.at(section), "cert-manager has to be a mapping")
		return
	}
	if external, err := strconv.ParseBool(text(value(section, "externallyProvisioned"))); err == nil && external {
		return
	}
	version, location := value(section, "version"), value(section, "url")
	e := entry{provider: Provider{Label: CertManager, File: certManagerFile}, node: location, version: cmp.Or(text(version), v.certManagerVersion)}
	if location != nil {
		in := e
		err := v.locate(&in, location.Value)
		if err != nil && !v.pinned(location.Value) {
			v.add(trapCertManager, v.at(location), "%v", err)
			return
		}
		if in.version == "latest" {
			v.add(trapCertManager, v.at(location), "url: cert-manager has no latest, for that wants a metadata.yaml: name the version")
			return
		}
		if err == nil {
			e.base, e.provider.File = in.base, in.provider.File
		}
		if v.layer.missing != "" && e.base == "" {
			return // reported with the folder
		}
	}
	if _, ok := v.look(&e, e.version, e.provider.File); !ok {
		v.lacksCertManager(section, version, e)
		return
	}
	if version == nil {
		v.add(trapCertManagerVersion, v.at(section), "its version is not set, and this clusterctl happens to want %s, which is there", e.version)
	}
	v.releases = append(v.releases, verified{e, e.version, ""})
}

// pinned says that clusterctl asks nobody for versions to open the URL: one release on GitHub.
func (v *verifier) pinned(location string) bool {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "https" || u.Host != gitHub {
		return false
	}
	m := github.FindStringSubmatch(u.EscapedPath())
	return m != nil && !slices.Contains(strings.Split(u.Path, "/"), "latest")
}

// lacksCertManager says why clusterctl does not find its cert-manager.
func (v *verifier) lacksCertManager(section, version *yaml.Node, e entry) {
	name := filepath.Join(CertManager, e.version, e.provider.File)
	switch {
	case section == nil:
		if v.layer.missing == "" {
			v.add(trapCertManager, v.name, "it says nothing of cert-manager, so clusterctl wants %s, which is not in the tree", name)
		}
	case version == nil:
		v.add(trapCertManager, v.at(section), "cert-manager has no version, so clusterctl wants %s whatever its url says, and there is no %s", e.version, name)
	default:
		v.add(trapCertManager, v.at(version), "there is no %s", name)
	}
}
