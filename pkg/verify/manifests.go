package verify

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// ManifestsOptions say what is looked at in manifests.
type ManifestsOptions struct {
	// Least is how sure detection must be of a use. The zero value takes whatever looks
	// like an image.
	Least manifest.Confidence
	// SideLoaded says that images are loaded into the nodes, so that nobody answers who
	// pulls them again.
	SideLoaded bool
	// Fill puts in place of the variables of a reference, as it is written, the values that
	// they have on the site; nil means that none is known.
	Fill func(string) string
	// Untold leaves out references whose variables have no value: the archive that would say
	// what they stand for is damaged, which is told.
	Untold bool
}

// Manifests collects what manifests say, file by file. It keeps findings, names and
// places, not the files. It may be used by several goroutines at once.
type Manifests struct {
	site Site
	opts ManifestsOptions

	lock      sync.Mutex
	findings  []Finding
	wanted    map[image.Ref]*Wanted         // by source
	opens     map[image.Ref]*open           // by what is written
	listed    map[string]bool               // names, at their targets, that lists among the files name
	kubeadm   map[string]*cluster           // by file, document and path of the configuration
	outside   []string                      // names and prefixes of names that findings are about already
	sandboxes bool                          // one of the images is that of sandboxes
	versions  map[kubernetes.Version]string // that control planes are to have, and where they say it
	classes   map[kubernetes.Version]string // the same of clusters that have a class, if that is one of kubeadm
	kubeadms  bool                          // there is a class of kubeadm
	hidden    []unreadVersion
	operators []operator
	rows      []operatorRow
	pods      []pod
	accounts  []manifest.Account
}

// A cluster is what kubeadm is told of the images of one.
type cluster struct {
	kubernetes.Repositories
	dnsTag, etcdTag string // instead of its own; empty if there is none
	hidden          bool   // variables hide where it looks, which is told
}

// A pod is one that names no secret.
type pod struct {
	manifest.Account
	place string
}

// NewManifests begins to collect.
func NewManifests(site Site, opts ManifestsOptions) *Manifests {
	return &Manifests{
		site: site, opts: opts, rows: operatorRows(),
		wanted: map[image.Ref]*Wanted{}, opens: map[image.Ref]*open{}, listed: map[string]bool{}, kubeadm: map[string]*cluster{}, versions: map[kubernetes.Version]string{},
		classes: map[kubernetes.Version]string{},
	}
}

// Add looks at a file, which it does not keep. The group is that of its images, or
// empty.
func (m *Manifests) Add(f *manifest.File, group string) { m.add(f, group, untold) }

// AddHome looks at a file of clusterctl's home. Where it leads outside is no
// finding here: whoever looks at the home tells that. seen says that the same file was
// added already, without the values of variables: then all that is told of it.
func (m *Manifests) AddHome(f *manifest.File, seen bool) {
	if seen {
		m.add(f, "", toldAll)
		return
	}
	m.add(f, "", toldOutside)
}

// A told is what is told of a file elsewhere.
type told int

const (
	untold      told = iota
	toldOutside      // where it leads outside
	toldAll
)

func (m *Manifests) add(f *manifest.File, group string, told told) {
	r := &reading{Manifests: m, group: group, told: told, always: map[string]bool{}, satisfied: map[satisfied]bool{}}
	r.containers(f)
	r.nameless(f)
	for u := range f.Uses() {
		if u.Confidence >= m.opts.Least && u.Rule != "kustomize-match" { // which only says what is replaced
			r.use(&u)
		}
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	m.clusters(f)
	for _, v := range f.Versions() {
		r.version(f.Name, v)
	}
	for _, t := range f.Tags() {
		m.tag(f.Name, t)
	}
	m.findings = append(m.findings, r.findings...)
	if told == untold {
		m.findings = append(m.findings, m.fetches(f)...)
	}
	m.pods = append(m.pods, r.pods...)
	for _, a := range f.Accounts() {
		m.accounts = append(m.accounts, manifest.Account{Namespace: strings.Clone(a.Namespace), Name: strings.Clone(a.Name)})
	}
	m.operators = append(m.operators, r.operating()...)
}

// Findings gives what is wrong with the files, in no order.
func (m *Manifests) Findings() []Finding {
	m.lock.Lock()
	defer m.lock.Unlock()
	return append(slices.Clone(m.findings), m.unknown()...)
}

// Secrets gives what is wrong if the registry gives nothing without credentials, and the
// nodes have none.
func (m *Manifests) Secrets() []Finding {
	m.lock.Lock()
	defer m.lock.Unlock()
	var places []string
	for _, p := range m.pods {
		if !m.hasSecrets(p.Account) {
			places = append(places, p.place)
		}
	}
	if places = mergePlaces(places, nil); len(places) == 0 {
		return nil
	}
	return []Finding{m.site.finding(CheckManifestSecret, places[0], image.Ref{},
		"the registry wants a login, the nodes have none, and neither the pod nor its service account names a secret"+elsewhere(places[1:]))}
}

// hasSecrets says whether a service account gives its pods secrets. Who is applied
// without namespace may end up in any.
func (m *Manifests) hasSecrets(of manifest.Account) bool {
	for _, a := range m.accounts {
		if a.Name == of.Name && (a.Namespace == of.Namespace || a.Namespace == "" || of.Namespace == "") {
			return true
		}
	}
	return false
}

// Wanted gives the images of the manifests that are on the site, sorted by name.
func (m *Manifests) Wanted() []Wanted {
	m.lock.Lock()
	defer m.lock.Unlock()
	var all []Wanted
	for _, w := range m.wanted {
		all = append(all, *w)
	}
	return Merge(all)
}

// finding is one about an image of the site; the zero Ref stands for none.
func (s *Site) finding(check, place string, ref image.Ref, problem string) Finding {
	return NewFinding(check, About{Place: place, Image: ref.String(), Target: s.Target, Problem: problem})
}

// A reading is one file being looked at.
type reading struct {
	*Manifests
	group     string
	told      told
	findings  []Finding
	pods      []pod
	always    map[string]bool // places that are found to be pulled always for want of a tag
	matched   []operator
	satisfied map[satisfied]bool
}

func (r *reading) found(check, place string, ref image.Ref, problem string, args ...any) {
	leads := check == CheckManifestOutside || check == CheckManifestPrefix || check == CheckManifestVariable
	if r.told == toldAll || r.told == toldOutside && leads {
		return
	}
	r.findings = append(r.findings, r.site.finding(check, place, ref, fmt.Sprintf(problem, args...)))
}

// use judges one use.
func (r *reading) use(u *manifest.Use) {
	place := fmt.Sprintf("%s:%d:%d", u.File, u.Line, u.Column)
	r.fill(u)
	r.operator(u, place)
	switch {
	case u.Prefix:
		r.prefix(u, place)
	case u.Ref.IsZero():
		r.found(CheckManifestVariable, place, image.Ref{}, "%s: a variable or placeholder hides which registry is asked", u.Written)
	default:
		r.image(u, place)
	}
}

func (r *reading) prefix(u *manifest.Use, place string) {
	known := r.fillPrefix(u)
	if u.Rule == "kubeadm-prefix" || u.Rule == "kubeadm-dns-prefix" {
		r.repository(u, known)
	}
	if !known {
		if r.told != toldAll {
			_, names := manifest.Literals(strings.Clone(u.Written))
			r.findings = append(r.findings, r.site.finding(CheckManifestUnknown, place, image.Ref{},
				u.Written+": nobody has said where this is, and what is pulled from below it").advised(remedyOf(names), nil))
		}
		return
	}
	there := r.site.holdsPrefix(u.Ref)
	if u.Implied {
		_, there = r.site.resolve(u.Ref)
	}
	if !there {
		r.lock.Lock()
		r.outside = append(r.outside, strings.Clone(u.Ref.Name()))
		r.lock.Unlock()
		r.found(CheckManifestPrefix, place, image.Ref{}, "%s: what is pulled from below it is not at %s, and no mirror of the nodes leads there", u.Written, r.site.Target)
	}
}

// repository notes where kubeadm is told to look, if that is known.
func (r *reading) repository(u *manifest.Use, known bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	written := strings.Clone(strings.TrimSuffix(u.Written, "/"))
	path, isDNS := strings.CutSuffix(u.Path(), "dns.imageRepository")
	path, isEtcd := strings.CutSuffix(path, "etcd.local.imageRepository")
	path, isAll := strings.CutSuffix(path, "imageRepository")
	switch c := r.cluster(u.File, u.Document, path); {
	case !known:
		c.hidden = true
	case u.Rule == "kubeadm-dns-prefix": // says of imageRepository what that says of itself
	case isDNS:
		c.DNS = written
	case isEtcd:
		c.Etcd = written
	case isAll:
		c.Image = written
	}
}

// tag notes the tag by which kubeadm is told to ask.
func (m *Manifests) tag(file string, t manifest.Tag) {
	tag := strings.Clone(t.Tag)
	if path, ok := strings.CutSuffix(t.Path, "dns.imageTag"); ok {
		m.cluster(file, t.Document, path).dnsTag = tag
	} else if path, ok := strings.CutSuffix(t.Path, "etcd.local.imageTag"); ok {
		m.cluster(file, t.Document, path).etcdTag = tag
	}
}

// clusters notes the clusters that kubeadm installs, also those that say nothing of images;
// not templates to which a class may say it.
func (m *Manifests) clusters(f *manifest.File) {
	patched := strings.Contains(f.Source(), "clusterConfiguration/imageRepository")
	for _, c := range f.Clusters() {
		m.kubeadms = m.kubeadms || c.Template
		switch {
		case c.Template && patched:
		case c.Path == "":
			m.cluster(f.Name, c.Document, "")
		default:
			m.cluster(f.Name, c.Document, c.Path+".")
		}
	}
}

// cluster is the one whose configuration stands at path.
func (m *Manifests) cluster(file string, document int, path string) *cluster {
	at := fmt.Sprintf("%s:%d:%s", file, document, path)
	if m.kubeadm[at] == nil {
		m.kubeadm[at] = &cluster{}
	}
	return m.kubeadm[at]
}

func (r *reading) image(u *manifest.Use, place string) {
	at, ok := r.site.resolve(u.Ref)
	if !ok {
		r.found(CheckManifestOutside, place, u.Ref, "%s is pulled from outside: it is not at %s, and no mirror of the nodes leads there", u.Ref, r.site.Target)
		return
	}
	if isLeft(u) || at.IsZero() {
		return
	}
	if isLatest(u) && !r.always[place] {
		r.found(CheckManifestLatest, place, u.Ref, "%s: its tag is latest", u.Ref)
	}
	if !isWhole(u.Ref) {
		r.open(u, at, place)
		return
	}
	r.want(u, clone(at), place)
}

func (r *reading) want(u *manifest.Use, at image.Ref, place string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.sandboxes = r.sandboxes || u.Rule == "sandbox-image"
	if u.Form == manifest.FormList {
		r.listed[strings.Clone(at.Name())] = true
	}
	w := r.wanted[u.Ref]
	if w == nil {
		source := clone(u.Ref)
		w = &Wanted{Pair: image.Pair{Source: source, Target: at}, Group: r.group}
		r.wanted[source] = w
	}
	if w.Group == "" || r.group != "" && r.group < w.Group { // whatever the order of files
		w.Group = r.group
	}
	w.Uses = append(w.Uses, place)
}

// joined are the rules that join an image of several fields.
var joined = []string{"split", "kustomize", "bom", "hub"}

// isLeft says that the tag is left to who reads these fields: the version of a chart, the
// manifest whose image kustomize renames.
func isLeft(u *manifest.Use) bool {
	return slices.Contains(joined, u.Rule) && u.Ref.Digest == "" && u.Ref.Tag == "latest" && !strings.HasSuffix(u.Written, ":latest")
}

// isLatest says that the tag is latest, written or not, and that no digest says which
// one is meant.
func isLatest(u *manifest.Use) bool {
	return u.Ref.Digest == "" && (u.Ref.Tag == "latest" || u.Ref.Tag == "" && !u.Templated)
}

// containers judges how pods pull.
func (r *reading) containers(f *manifest.File) {
	var last *manifest.Pod
	for c := range f.Containers() {
		place := fmt.Sprintf("%s:%d:%d", f.Name, c.Line, c.Column)
		if r.opts.SideLoaded {
			r.policy(&c, place)
		}
		if c.Pod != last && !c.Secrets && r.told != toldAll {
			account := manifest.Account{Namespace: strings.Clone(c.Namespace), Name: strings.Clone(c.Account)}
			if account.Name == "" {
				account.Name = "default"
			}
			r.pods = append(r.pods, pod{account, place})
		}
		last = c.Pod
	}
}

// policy judges when the kubelet asks the registry anew: if it is told to, and for tag
// latest if it is not told (Kubernetes documentation, "Images", imagePullPolicy
// defaulting).
func (r *reading) policy(c *manifest.Container, place string) {
	ref, err := image.Parse(c.Image)
	switch {
	case c.Policy == "Always":
		r.found(CheckManifestAlways, place, ref, "imagePullPolicy is Always, and the image was loaded into the node")
	case c.Policy == "" && err == nil && ref.Tag == "latest" && ref.Digest == "":
		r.always[place] = true
		r.found(CheckManifestAlways, place, ref, "%s: its tag is latest, which is pulled Always as imagePullPolicy does not say otherwise, and the image was loaded into the node", ref)
	}
}
