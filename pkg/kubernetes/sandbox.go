package kubernetes

import "github.com/kubectl-airgap/kubectl-airgap/pkg/image"

// A Sandbox is the image of pod sandboxes that some nodes ask for, and which.
type Sandbox struct {
	By    string // containerd 1.7
	Image image.Ref
}

// Sandboxes are the known sandbox images. A node needs one of them, and which
// one cannot be seen in any manifest: containerd has a default per version, and
// who builds machine images writes another one into config.toml.
func Sandboxes() []Sandbox {
	var all []Sandbox
	for _, row := range rows(sandboxesTSV) {
		ref, err := image.Parse(row[1])
		if err != nil {
			panic(err) // a slip in the table, which the tests read whole
		}
		all = append(all, Sandbox{row[0], ref})
	}
	return all
}
