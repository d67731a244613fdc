package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

// reasons say why images are wanted that are in no manifest, by the rule that found them.
func reasons() map[string]string {
	return map[string]string{
		ruleRelease:   "kubeadm of this version pulls it",
		ruleKubeadm:   "kubeadm of this version, which is on PATH, says that it pulls it",
		ruleSandbox:   "nodes start every pod with it: the sandbox image of containerd",
		"image-named": "the user names it",
	}
}

// printWhy prints the places of the images that wanted may mean, and the chain to each. If
// there is none, it says which come near.
func printWhy(out, errOut io.Writer, all *imagelist.List, wanted string, format imagelist.Format) error {
	selected := all.Select(wanted)
	if selected.Len() == 0 {
		const enough = 3
		hint := ""
		if near := all.Nearest(wanted, enough); len(near) > 0 {
			hint = "; the nearest: " + strings.Join(near, ", ")
		}
		fmt.Fprintf(errOut, "%s: nothing asks for it%s\n", withoutCredentials(wanted), hint)
		return errFindings
	}
	if format != imagelist.FormatText {
		return selected.Write(out, format, imagelist.WriteOptions{Explain: true})
	}
	return selected.WriteChains(out, reasons())
}
