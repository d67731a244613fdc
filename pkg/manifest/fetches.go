package manifest

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A Fetch is a URL that a node asks when it comes up, or that a controller asks for a
// cluster: what is there is no image, and has to be carried as a file or a chart.
type Fetch struct {
	URL  string // without credentials and query
	Path string // as of Use
	// Unless is the field beside it that makes the node do without, empty if there is none.
	Unless       string
	Line, Column int // 1-based, in characters
}

type placedFetch struct {
	Fetch
	at int // the byte of the file where it stands
}

// Fetches gives what nodes and controllers ask for beside images, in the order in which it
// is found, once for each place. Addresses that cannot be on the internet are none.
func (f *File) Fetches() []Fetch {
	var all []Fetch
	for _, p := range f.pods.fetches {
		p.Line, p.Column = yamltree.LineColumn(f.text.S, p.at)
		if !slices.ContainsFunc(all, func(other Fetch) bool { return other.Line == p.Line && other.Column == p.Column }) {
			all = append(all, p.Fetch)
		}
	}
	return all
}

// The groups and kinds whose texts are run on nodes.
const (
	bootstrapGroup    = "bootstrap.cluster.x-k8s.io"
	controlPlaneGroup = "controlplane.cluster.x-k8s.io"
	addonsGroup       = "addons.cluster.x-k8s.io"
)

// onNodes says that the text being walked belongs to what a node is made from.
func (w *walker) onNodes() bool {
	return w.group == bootstrapGroup || w.group == controlPlaneGroup || w.kind == "ClusterClass"
}

// fetchingWords are what stands in a line that fetches from the URLs in it: commands, and
// sources of packages.
var fetchingWords = []string{
	"curl ", "wget ", "aria2c ", "kubectl ", "helm ", "git clone ", "invoke-webrequest ", "start-bitstransfer ",
	"deb ", "baseurl", "url=",
}

// mayFetch says whether a document can be one of those that are fetched for.
func mayFetch(doc string) bool {
	return strings.Contains(doc, bootstrapGroup+"/") || strings.Contains(doc, controlPlaneGroup+"/") || strings.Contains(doc, addonsGroup+"/")
}

// fetchScalar notes what is fetched from where the scalar n says.
func (w *walker) fetchScalar(n *yamltree.Node) {
	if !w.onNodes() && w.group != addonsGroup || !strings.Contains(n.Value, "://") {
		return
	}
	v, ok := yamltree.Open(w.t, n)
	switch {
	case !ok:
	case w.isFetchedField():
		w.fetch(trimView(v), "")
	default:
		w.fetchLines(v)
	}
}

// isFetchedField says that the walker stands at a field that something is fetched from:
// HelmChartProxy's repoURL, k0s' downloadURL and repositories of charts, Talos' extraManifests
// and cni.urls.
func (w *walker) isFetchedField() bool {
	var keys []string // from the last, items left out
	for i := len(w.path) - 1; i >= 0 && len(keys) < 2; i-- {
		if f := w.path[i].facts; f != nil {
			keys = append(keys, f.normal)
		}
	}
	if len(keys) == 0 {
		return false
	}
	switch keys[0] {
	case "repourl", "downloadurl", "extramanifests":
		return true
	case "urls":
		return len(keys) > 1 && keys[1] == "cni"
	case "url":
		return len(keys) > 1 && keys[1] == "repositories"
	}
	return false
}

// fetchLines notes what the lines of a script fetch.
func (w *walker) fetchLines(v yamltree.View) {
	if !w.onNodes() || !strings.Contains(v.S, "://") {
		return
	}
	for at := 0; at < len(v.S); {
		line, n := yamltree.CutLine(v.S[at:])
		low := strings.ToLower(line)
		if !isComment(line) && slices.ContainsFunc(fetchingWords, func(word string) bool { return strings.Contains(low, word) }) {
			w.fetchLine(v.Sub(at, at+len(line)))
		}
		at += n
	}
}

// fetchLine notes the URLs in a line.
func (w *walker) fetchLine(line yamltree.View) {
	for at := 0; ; {
		i := strings.Index(line.S[at:], "://")
		if i < 0 {
			return
		}
		from := at + i
		for from > at && line.S[from-1] >= 'a' && line.S[from-1] <= 'z' {
			from--
		}
		end := at + i + len("://")
		for end < len(line.S) && strings.IndexByte(" \t\"'`|;()<>\\,", line.S[end]) < 0 {
			end++
		}
		w.fetch(line.Sub(from, end), "")
		at = end
	}
}

// fetch notes a URL.
func (w *walker) fetch(v yamltree.View, unless string) {
	if clean, ok := outside(v.S); ok {
		w.p.pods.fetches = append(w.p.pods.fetches, placedFetch{
			Fetch{URL: clean, Path: strings.TrimSuffix(w.before+render(w.path), "|"), Unless: unless}, v.Text.Root(v.Base),
		})
	}
}

// outside gives a URL without what may be secret in it, and whether its host may be one on
// the internet. A host that a variable hides is not known.
func outside(s string) (clean string, ok bool) {
	scheme, rest, _ := strings.Cut(s, "://")
	host, path, _ := strings.Cut(rest, "/")
	path, _, _ = strings.Cut(path, "?")
	host = host[strings.LastIndexByte(host, '@')+1:]
	u, err := url.Parse(scheme + "://" + host)
	if err != nil || scheme != "http" && scheme != "https" && scheme != "oci" {
		return "", false
	}
	name := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || strings.ContainsAny(name, "${}<>") {
		return "", false
	}
	for _, private := range []string{".svc", ".local", ".localdomain", ".internal", ".lan", ".test", ".invalid"} {
		if strings.HasSuffix(name, private) || strings.Contains(name, ".svc.") {
			return "", false
		}
	}
	return strings.TrimRight(u.String()+"/"+path, "/$"), true
}

// A download is what nodes of a kind fetch unless a field of it says that they need not.
type download struct {
	kind   string // and what begins with it
	field  string // below any of bases, dots between keys
	other  string // a field that names another place, which is told by itself
	source string
}

// downloads are what bootstrap providers put into the data of nodes by themselves:
// bootstrap/internal/cloudinit of github.com/rancher/cluster-api-provider-rke2,
// pkg/cloudinit of github.com/k3s-io/cluster-api-k3s, api/bootstrap of
// github.com/k0sproject/k0smotron.
var downloads = []download{
	{"RKE2ControlPlane", "agentConfig.airGapped", "", "https://get.rke2.io"},
	{"RKE2Config", "agentConfig.airGapped", "", "https://get.rke2.io"},
	{"KThreesControlPlane", "agentConfig.airGapped", "", "https://get.k3s.io"},
	{"KThreesConfig", "agentConfig.airGapped", "", "https://get.k3s.io"},
	{"K0sControlPlane", "preInstalledK0s", "downloadURL", "https://get.k0s.sh"},
	{"K0sControllerConfig", "preInstalledK0s", "downloadURL", "https://get.k0s.sh"},
	{"K0sWorkerConfig", "preInstalledK0s", "downloadURL", "https://get.k0s.sh"},
}

// download notes what the nodes of the object n fetch by themselves.
func (w *walker) download(n *yamltree.Node) {
	spec := n.Get("spec").Follow()
	if w.group != bootstrapGroup && w.group != controlPlaneGroup || n.Get("apiVersion") == nil || spec == nil {
		return
	}
	if inner := spec.Get("template").Follow().Get("spec"); inner != nil {
		spec = inner.Follow()
	}
	for _, key := range []string{"kthreesConfigSpec", "k0sConfigSpec"} {
		if inner := spec.Get(key); inner != nil {
			spec = inner.Follow()
		}
	}
	at := n.Get("kind").Follow()
	for _, d := range downloads {
		if at == nil || w.kind != d.kind && w.kind != d.kind+"Template" || spec.Str(d.other) != "" {
			continue
		}
		field := spec
		for key := range strings.SplitSeq(d.field, ".") {
			field = field.Get(key).Follow()
		}
		if field == nil || field.Value != "true" && !strings.Contains(field.Value, "$") {
			w.p.pods.fetches = append(w.p.pods.fetches, placedFetch{Fetch{URL: d.source, Path: "kind", Unless: d.field}, w.at(at)})
		}
	}
}
