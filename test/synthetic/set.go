package synthetic

import "fmt"

// A Set is what a test or a benchmark carries.
type Set []*Image

// Cluster makes n images as the world of Cluster API has them: bases that many
// share, indexes of OCI and of Docker with up to four platforms, signatures, tiny
// images, two versions in one repository. unit is what a program in them weighs,
// in bytes.
func Cluster(n int, unit int64) Set {
	hosts := []string{"registry.k8s.io/cluster-api", "quay.io/jetstack", "docker.io/library", "ghcr.io/kube-vip"}
	var set Set
	for i := range n {
		s := Shape{Platforms: []string{"amd64"}, Docker: i%2 == 0, Signed: i%3 == 0}
		switch i % 5 {
		case 0, 1:
			s.Platforms = []string{"amd64", "arm64"}
		case 2:
			s.Platforms = []string{"amd64", "arm64", "arm/v7", "ppc64le"}
		}
		name := fmt.Sprintf("%s/image-%02d:v1.%d.0", hosts[i/2%len(hosts)], i/2, i)
		s.Layers = func(platform string) []Layer {
			all := []Layer{newLayer("shared", unit/20), newLayer("tzdata", 600), newLayer("base/"+platform, unit/5)}
			if i%7 == 6 { // as pause: no base
				all = nil
			}
			return append(all, newLayer(name+platform, unit/2+unit*int64(i%4)/3), newLayer(name, 300))
		}
		set = append(set, s.Build(name))
	}
	return set
}

// Small makes n small images of one platform, two in a repository, with one of
// five bases each.
func Small(n int) Set {
	var set Set
	for i := range n {
		name := fmt.Sprintf("projects.registry.example/tkg/pkg-%03d:v1.%d.0", i/2, i%2)
		s := Shape{Platforms: []string{"amd64"}, Docker: i%5 != 0, Signed: i%10 == 0, Layers: func(string) []Layer {
			return []Layer{newLayer(fmt.Sprint("photon", i/2%5), 400_000), newLayer(fmt.Sprint("common", i/2), 30_000), newLayer(name, int64(4_000+i*997%200_000))}
		}}
		set = append(set, s.Build(name))
	}
	return set
}

// Large makes one image with one layer of length bytes.
func Large(name string, length int64) *Image {
	s := Shape{Platforms: []string{"amd64"}, Layers: func(string) []Layer { return []Layer{newLayer(name, length)} }}
	return s.Build(name)
}

// Blobs gives the size in bytes of every config and layer of the set, by digest.
// What only signatures consist of does not count.
func (set Set) Blobs() map[string]int64 {
	sizes := map[string]int64{}
	for _, i := range set {
		for d, l := range i.Layers {
			sizes[d] = l.Size
		}
		for d, b := range i.Blobs {
			sizes[d] = int64(len(b))
		}
		for d := range i.signed() {
			delete(sizes, d)
		}
	}
	return sizes
}

// signed are the blobs that belong to the signature.
func (i *Image) signed() map[string]bool {
	only := map[string]bool{}
	for d := range i.Blobs {
		only[d] = true
	}
	for _, m := range i.Manifests {
		for _, d := range named(m.Raw) {
			delete(only, d)
		}
	}
	return only
}

// Size is what the set weighs if nothing is kept twice: manifests, configs and
// layers, without signatures.
func (set Set) Size() int64 {
	var sum int64
	for _, n := range set.Blobs() {
		sum += n
	}
	seen := map[string]bool{}
	for _, i := range set {
		for _, m := range i.Manifests {
			if !seen[m.Digest] {
				sum += int64(len(m.Raw))
			}
			seen[m.Digest] = true
		}
	}
	return sum
}

// Named makes an image for every name, HOST/PATH:TAG, for two platforms, with a
// program of length bytes each.
func Named(names []string, length int64) Set {
	var set Set
	for _, name := range names {
		s := Shape{Platforms: []string{"amd64", "arm64"}, Layers: func(platform string) []Layer {
			return []Layer{newLayer("base/"+platform, length), newLayer(name+platform, length)}
		}}
		set = append(set, s.Build(name))
	}
	return set
}
