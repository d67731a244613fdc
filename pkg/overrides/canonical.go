package overrides

import (
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/cluster-api/util/container"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// inspected are the images that clusterctl parses, wherever it reads components:
// those of containers in Deployments and DaemonSets
// (cmd/clusterctl/internal/util/objs.go).
var inspected = regexp.MustCompile(`^spec\.template\.spec\.(containers|initContainers)\[\d+\]\.image$`)

// alien gives a sentence for every image in output that clusterctl would refuse. It
// takes whole names alone: docker.io/library/nginx:1, neither nginx:1 nor a name with
// a variable.
func alien(name string, output []byte) ([]string, error) {
	f, err := manifest.Parse(name, output)
	if err != nil {
		return nil, fmt.Errorf("reading what %s became: %w", name, err)
	}
	var found []string
	for _, u := range f.Uses() {
		workload := strings.Contains(u.Object, "/Deployment ") || strings.Contains(u.Object, "/DaemonSet ")
		if !workload || !inspected.MatchString(u.Path) {
			continue
		}
		if _, err := container.ImageFromString(u.Written); err != nil {
			found = append(found, fmt.Sprintf("%s:%d:%d: %s: clusterctl does not take this name of an image (%v)", name, u.Line, u.Column, u.Written, err))
		}
	}
	return found, nil
}
