package overrides

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ReleasesDir is the folder of an archive in which the files of releases lie, as
// ReleasesDir/<label>/<version>/<file>. Unpacked, it is an input that Arrange
// understands without claims.
const ReleasesDir = "providers"

// A ReleaseFile is a file that a provider, or cert-manager, publishes with a release.
type ReleaseFile struct {
	Path     string // in an archive, slash-separated: below ReleasesDir
	URL      string
	Required bool   // clusterctl does not work without it
	SHA256   string // 64 hexadecimal digits, as GitHub says them; empty if it does not
	Size     int64  // bytes, 0 if not known
}

// ReleaseOptions say what of a release is wanted beside what clusterctl always needs.
type ReleaseOptions struct {
	URL            string   // of the components, as clusterctl.yaml has it; empty means the one that clusterctl knows
	Flavors        []string // cluster-template-FLAVOR.yaml
	ClusterClasses []string // clusterclass-CLASS.yaml

	// Get fetches a small document, the list of a release's files from GitHub's API;
	// nil means that it is not asked.
	Get func(ctx context.Context, url string) ([]byte, error)
}

// Release says which files the release NAME:VERSION consists of. name is as in
// ParseClaim; the version of cert-manager may be empty for the one that clusterctl
// installs. Components, metadata, and the flavors and classes that were asked for are
// required. An infrastructure provider's cluster-template.yaml is among the files
// whether it has one or not; with Get so are all templates and classes that it has.
// notes are sentences that the user should see.
func (c *Catalogue) Release(ctx context.Context, name, version string, opts ReleaseOptions) (files []ReleaseFile, notes []string, err error) {
	p, err := c.resolve(name)
	if err != nil {
		return nil, nil, err
	}
	if p.Label == CertManager {
		version = cmp.Or(version, c.certManagerVersion)
	}
	if err := checkVersion(version); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	at, err := releaseURL(p, version, opts.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("%s:%s: %w", p.Label, version, err)
	}
	r := release{Provider: p, version: version, at: at}
	r.always(opts)
	if opts.Get != nil && p.Kind() == "infrastructure" { // clusterctl takes templates from no other
		if err := r.ask(ctx, opts.Get); err != nil {
			notes = append(notes, fmt.Sprintf("%s %s: which templates it has could not be asked, so only the usual and the named ones are fetched: %v", p.Label, version, err))
		}
	}
	return r.files, notes, nil
}

// A release collects the files of one.
type release struct {
	Provider
	version string
	at      *url.URL // of the components
	files   []ReleaseFile
}

// always adds what a release has, or was asked for.
func (r *release) always(opts ReleaseOptions) {
	r.add(r.File, path.Base(r.at.Path), true)
	if r.Label == CertManager {
		return
	}
	// clusterctl v0.3 knew the metadata of its day by itself.
	r.add("metadata.yaml", "metadata.yaml", embeddedMetadata(r.Label, r.version) == "")
	if r.Kind() == "infrastructure" {
		r.add("cluster-template.yaml", "cluster-template.yaml", false)
	}
	for _, flavor := range opts.Flavors {
		name := "cluster-template-" + flavor + ".yaml"
		r.add(name, name, true)
	}
	for _, class := range opts.ClusterClasses {
		name := "clusterclass-" + class + ".yaml"
		r.add(name, name, true)
	}
}

// add adds a file of the release, which is published as from, once.
func (r *release) add(name, from string, required bool) {
	at := path.Join(ReleasesDir, r.Label, r.version, name)
	if slices.ContainsFunc(r.files, func(f ReleaseFile) bool { return f.Path == at }) {
		return
	}
	u := withPath(r.at, path.Join(path.Dir(r.at.EscapedPath()), from))
	r.files = append(r.files, ReleaseFile{Path: at, URL: u.String(), Required: required})
}

// releaseURL is the URL of the components in this version.
func releaseURL(p Provider, version, given string) (*url.URL, error) {
	raw := cmp.Or(given, p.url)
	if raw == "" {
		return nil, errors.New("clusterctl does not know where it is published: say the URL of its components")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Path == "" {
		return nil, errors.New("the URL of its components is malformed (not shown, it may hold a password)")
	}
	u = withPath(u, pinned(u, version))
	if !slices.Contains(strings.Split(u.Path, "/"), version) {
		return nil, fmt.Errorf("the URL of its components names neither latest nor %s", version)
	}
	return u, nil
}

// github matches the path of a release's file on GitHub: its repository and its name.
// clusterctl writes releases/VERSION/FILE, GitHub has releases/download/VERSION/FILE.
var github = regexp.MustCompile(`^(/[^/]+/[^/]+)/releases/(?:download/)?[^/]+/([^/]+)$`)

// pinned is the escaped path of u with the version where it says latest.
func pinned(u *url.URL, version string) string {
	at := u.EscapedPath()
	if m := github.FindStringSubmatch(at); m != nil && u.Host == gitHub {
		return m[1] + "/releases/download/" + version + "/" + m[2]
	}
	parts := strings.Split(at, "/")
	for i, part := range parts {
		if part == "latest" {
			parts[i] = version
		}
	}
	return strings.Join(parts, "/")
}

const gitHub = "github.com"

// withPath is u with another path, which is escaped.
func withPath(u *url.URL, escaped string) *url.URL {
	v := *u
	if plain, err := url.PathUnescape(escaped); err == nil {
		v.Path, v.RawPath = plain, escaped
	}
	return &v
}

// patience is how long GitHub's API may take: mirrors often have the files alone, and
// firewalls give no answer at all.
const patience = 30 * time.Second

// ask adds the templates and classes that GitHub says the release has, and what it
// says of the files that are known.
func (r *release) ask(ctx context.Context, get func(context.Context, string) ([]byte, error)) error {
	m := github.FindStringSubmatch(r.at.EscapedPath())
	if m == nil || r.at.Host != gitHub {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := get(ctx, "https://api.github.com/repos"+m[1]+"/releases/tags/"+url.PathEscape(r.version))
	if err != nil {
		return err
	}
	var answer struct {
		Assets []asset `json:"assets"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("reading GitHub's answer: %w", err)
	}
	slices.SortFunc(answer.Assets, func(a, b asset) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range answer.Assets {
		if isTemplate(a.Name) {
			r.add(a.Name, a.Name, false)
		}
		r.describe(a)
	}
	return nil
}

// An asset is a file of a release as GitHub lists it.
type asset struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"` // sha256:HEX; older releases have none
}

// templates are the files that clusterctl makes clusters from
// (cmd/clusterctl/client/yamlprocessor/simple_processor.go).
var templates = regexp.MustCompile(`^(cluster-template|clusterclass-)[A-Za-z0-9._-]*\.yaml$`)

func isTemplate(name string) bool { return templates.MatchString(name) }

var hexDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// describe notes what GitHub says of a file.
func (r *release) describe(a asset) {
	for i := range r.files {
		if f := &r.files[i]; strings.HasSuffix(f.URL, "/"+a.Name) {
			f.Size = max(a.Size, 0)
			if hexDigest.MatchString(a.Digest) {
				f.SHA256 = strings.TrimPrefix(a.Digest, "sha256:")
			}
		}
	}
}
