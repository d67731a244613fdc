package bundle

import "github.com/kubectl-airgap/kubectl-airgap/pkg/image"

// SourceDigests are what the images of the lock were at their source when they were
// pulled. That is another digest than the archive's where platforms were left out.
func (l *Lock) SourceDigests() map[image.Ref]string {
	digests := make(map[image.Ref]string, len(l.Images))
	for i := range l.Images {
		ref, err := image.Parse(l.Images[i].Image)
		if err != nil {
			continue // parseLock has seen to that
		}
		digests[ref] = l.Images[i].Digest.String()
		if from := l.Images[i].SourceDigest; from != "" {
			digests[ref] = from.String()
		}
	}
	return digests
}
