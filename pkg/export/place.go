package export

import "github.com/kubectl-airgap/kubectl-airgap/pkg/image"

// place is where an image is pushed to: under its tag if it has one, and it is there under
// its digest in any case, since that is its content. If another entry has the same tag, it
// keeps that, as the two may differ, and what has a digest goes there under it alone.
func place(e Entry, shared map[image.Ref]bool) image.Ref {
	tag := tagOf(e)
	if tag.Tag == "" || e.Target.Digest != "" && shared[tag] {
		return image.Ref{Registry: tag.Registry, Repository: tag.Repository, Digest: e.Target.Digest}
	}
	return tag
}

// sharedTags are the targets without digests that several entries have.
func sharedTags(entries []Entry) map[image.Ref]bool {
	shared := map[image.Ref]bool{}
	for _, e := range entries {
		_, seen := shared[tagOf(e)]
		shared[tagOf(e)] = seen
	}
	return shared
}

// tagOf is the target of an entry without its digest.
func tagOf(e Entry) image.Ref {
	tag := e.Target
	tag.Digest = ""
	return tag
}
