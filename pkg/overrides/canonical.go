package overrides

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/cluster-api/util/container"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// inspected are the images that clusterctl parses, wherever it reads components:
// those of containers in Deployments and DaemonSets
// (cmd/clusterctl/internal/util/objs.go).
var inspected = regexp.MustCompile(`^spec\.template\.spec\.(containers|initContainers)\[\d+\]\.image$`)

// inspect looks at the images of p as clusterctl does. It takes whole names alone:
// docker.io/library/nginx:1, neither nginx:1 nor a name with a variable.
func (p *Piece) inspect() error {
	f, err := manifest.Parse(p.Name, p.Result.Output)
	if err != nil {
		return fmt.Errorf("reading what %s became: %w", p.Name, err)
	}
	for u := range f.Uses() {
		if !parsed(u) {
			continue
		}
		image, err := container.ImageFromString(u.Written)
		if err != nil {
			p.Alien = append(p.Alien, fmt.Sprintf("%s:%d:%d: %s: clusterctl does not take this name of an image (%v)", p.Name, u.Line, u.Column, u.Written, err))
		} else if !slices.Contains(p.repositories, image.Repository) {
			p.repositories = append(p.repositories, image.Repository)
		}
	}
	return nil
}

// parsed says that clusterctl parses the image of u, which stands in components.
func parsed(u manifest.Use) bool {
	workload := strings.Contains(u.Object, "/Deployment ") || strings.Contains(u.Object, "/DaemonSet ")
	return workload && inspected.MatchString(u.Path())
}
