package nodes

import "strings"

// The groups whose objects configure nodes (Cluster API's contracts of bootstrap and control
// plane providers).
const (
	bootstrapGroup    = "bootstrap.cluster.x-k8s.io"
	controlPlaneGroup = "controlplane.cluster.x-k8s.io"
)

// unknownKind is why an object of a kind that is no row in objectKinds is a finding.
const unknownKind = "nothing is known here of objects of this kind, and its nodes were given no mirror: " +
	"put on them what nodes --format writes for their system, hosts for containerd or cri-o"

// isStranger says that an object configures nodes, though its kind is no row in objectKinds:
// all bootstrap providers' do, and those control planes that make machines. One that runs in
// pods or belongs to a cloud has no template for them.
func isStranger(root *yamlNode) bool {
	group, _, _ := strings.Cut(root.Str("apiVersion"), "/")
	kind := root.Str("kind")
	switch group {
	case bootstrapGroup:
		return strings.HasSuffix(kind, "Config") || strings.HasSuffix(kind, "ConfigTemplate")
	case controlPlaneGroup:
		spec := root.Get("spec").Follow()
		inner := spec.Get("template").Follow().Get("spec").Follow()
		for _, key := range []string{"machineTemplate", "infrastructureTemplate"} {
			if spec.Get(key) != nil || inner.Get(key) != nil {
				return true
			}
		}
	}
	return false
}

// mayBeStranger says that a document may hold such an object.
func mayBeStranger(doc string) bool {
	return strings.Contains(doc, bootstrapGroup+"/") || strings.Contains(doc, controlPlaneGroup+"/")
}
