// Package kubernetes knows which images a version of Kubernetes pulls before
// anybody applies a manifest: those that kubeadm names, and the sandbox image
// that a node's containerd asks for.
//
// The releases stand in data/releases.tsv with their origin. For others Ask
// has a kubeadm say what it pulls.
package kubernetes

import (
	"cmp"
	_ "embed"
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

//go:embed data/releases.tsv
var releasesTSV string

//go:embed data/sandboxes.tsv
var sandboxesTSV string

// A Release is what kubeadm of one version pulls.
type Release struct {
	Version Version
	// Repository is kubeadm's default of imageRepository.
	Repository string

	etcd, coreDNS, customCoreDNS, pause string // NAME:TAG
}

// An UnknownVersionError is a version that Find does not know.
type UnknownVersionError struct{ Version, Oldest, Newest Version }

// Error says which versions are known.
func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("kubernetes %s is not known: the known releases are %s to %s", e.Version, e.Oldest, e.Newest)
}

// Beyond says that a newer kubeadm may know the version.
func (e *UnknownVersionError) Beyond() bool { return e.Version.Compare(e.Oldest) > 0 }

// Find finds the release of this version. The error is an *UnknownVersionError.
func Find(v Version) (Release, error) {
	rows := ranges()
	for _, r := range rows {
		if v.Suffix == "" && r.from.Compare(v) <= 0 && v.Compare(r.to) <= 0 {
			r.Version = v
			return r.Release, nil
		}
	}
	return Release{}, &UnknownVersionError{v, rows[0].from, rows[len(rows)-1].to}
}

// Versions are the versions of all known releases, oldest first.
func Versions() []Version {
	var all []Version
	for _, r := range ranges() {
		for v := r.from; v.Compare(r.to) <= 0; v.Patch++ {
			all = append(all, v)
		}
	}
	return all
}

// Newest is the newest known version.
func Newest() Version {
	rows := ranges()
	return rows[len(rows)-1].to
}

// A releaseRange is a row of releases.tsv: patch releases of one minor version
// that differ in nothing but their number.
type releaseRange struct {
	Release
	from, to Version
}

func ranges() []releaseRange {
	var all []releaseRange
	for _, row := range rows(releasesTSV) {
		r := releaseRange{from: mustVersion(row[0]), to: mustVersion(row[1])}
		r.Repository, r.etcd, r.coreDNS, r.customCoreDNS, r.pause = row[2], row[3], row[4], row[5], row[6]
		all = append(all, r)
	}
	return all
}

// rows are the rows of an embedded table, without comments and header.
func rows(tsv string) [][]string {
	var all [][]string
	for line := range strings.Lines(tsv) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
	return all[1:]
}

func mustVersion(s string) Version {
	v, err := ParseVersion(s)
	if err != nil {
		panic(err) // a slip in the table, which the tests read whole
	}
	return v
}

// Repositories are the fields of kubeadm's ClusterConfiguration that say where
// images are. An empty field is one that is not set.
type Repositories struct {
	Image string // imageRepository
	DNS   string // dns.imageRepository
	Etcd  string // etcd.local.imageRepository
}

// Images are the images of the release in the order in which `kubeadm config
// images list` prints them, that is without a ClusterConfiguration.
func (r Release) Images() ([]image.Ref, error) { return r.ImagesIn(Repositories{}) }

// ImagesIn are the images that kubeadm asks for with these repositories
// (cmd/kubeadm/app/images/images.go). The name of coredns is coredns/coredns in
// kubeadm's own repository and coredns in any other, so that a registry that
// keeps paths wants dns.imageRepository REPOSITORY/coredns, too. v1.21.0 and
// v1.21.1 use coredns/coredns everywhere, older releases coredns.
func (r Release) ImagesIn(repos Repositories) ([]image.Ref, error) {
	base := cmp.Or(repos.Image, r.Repository)
	dns, coreDNS := cmp.Or(repos.DNS, base), r.customCoreDNS
	if dns == r.Repository {
		coreDNS = r.coreDNS
	}
	var names []string
	for _, component := range []string{"apiserver", "controller-manager", "scheduler", "proxy"} {
		names = append(names, base+"/kube-"+component+":"+r.Version.String())
	}
	coreDNS, pause, etcd := dns+"/"+coreDNS, base+"/"+r.pause, cmp.Or(repos.Etcd, base)+"/"+r.etcd
	if r.Version.Compare(Version{Major: 1, Minor: 29}) < 0 {
		names = append(names, pause, etcd, coreDNS)
	} else {
		names = append(names, coreDNS, pause, etcd)
	}
	return refs(names)
}

func refs(names []string) ([]image.Ref, error) {
	var all []image.Ref
	for _, name := range names {
		ref, err := image.Parse(name)
		if err != nil {
			return nil, err
		}
		all = append(all, ref)
	}
	return all, nil
}
