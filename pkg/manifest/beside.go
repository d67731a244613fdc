package manifest

import "github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

// beside judges a value by what stands beside it in parent, and says whether it is a
// reference for that.
func (w *walker) beside(parent *yamltree.Node, key *keyFacts, value *yamltree.Node) bool {
	if value == nil || value.Kind != yamltree.Scalar {
		return false
	}
	switch {
	case key.normal == "name" && parent.Str("kind") == "DockerImage":
		return w.reference(value, dockerImage())
	case key.normal == "image" && isPodLike(parent):
		m, ok := w.match()
		return (!ok || m.confidence < Certain) && w.reference(value, podLike())
	}
	return false
}

// dockerImage is the rule for `name` beside `kind: DockerImage` (OpenShift's builds and
// image streams, ObjectReference).
func dockerImage() matcher {
	return matcher{rule: &rule{"docker-image", "name", "", FormCRField, Certain, anyReference}}
}

// podLike is the rule for `image` beside fields that only containers have.
func podLike() matcher {
	return matcher{rule: &rule{"container-like", "image", "", FormCRField, Likely, anyReference}}
}

// isPodLike says that n has fields of a container (k8s.io/api core/v1 Container).
func isPodLike(n *yamltree.Node) bool {
	for i := 0; i+1 < len(n.Kids); i += 2 {
		switch n.Kids[i].Value {
		case "imagePullPolicy", "pullPolicy", "command", "args", "env", "volumeMounts", "ports", "imagePullSecrets":
			return true
		}
	}
	return false
}
