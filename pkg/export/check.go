package export

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A MissingDigestError says that nobody knows the digest of an image in a format that
// names images by digest.
type MissingDigestError struct{ Source image.Ref }

func (e *MissingDigestError) Error() string {
	return fmt.Sprintf("%s: its digest is not known, and the format names images by digest", e.Source)
}

// check reports every entry that has no place in the format.
func check(f format, entries []Entry, opts Options) error {
	var errs []error
	if opts.Template != "" && f.name != Regsync {
		errs = append(errs, fmt.Errorf("%s: only regsync fills in templates, %s takes a registry", opts.Template, f.name))
	}
	for _, e := range entries {
		if err := f.check(e, opts); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// check says why e has no place in the format.
func (f format) check(e Entry, opts Options) error {
	switch {
	case !readable(e.Source):
		return fmt.Errorf("%s: it is no whole image reference", e.Source)
	case f.digests && e.digest() == "":
		return &MissingDigestError{Source: e.Source}
	case f.digests && !readable(image.Ref{Registry: e.Source.Registry, Repository: e.Source.Repository, Digest: e.digest()}):
		return fmt.Errorf("%s: %q is no digest", e.Source, e.digest())
	case !f.targets:
		return nil
	case !readable(e.Target):
		return fmt.Errorf("%s: its target %q is no whole image reference", e.Source, e.Target)
	case f.name == ImgpkgScript && e.Target.Tag != e.Source.Tag:
		return fmt.Errorf("%s: imgpkg copies it under its own tag, not to %s", e.Source, e.Target)
	case opts.Template == "" && strings.HasPrefix(e.Target.Registry, StandIn):
		return fmt.Errorf("%s: its target %s is a template, and none is given", e.Source, e.Target)
	}
	return nil
}

// readable says that r is a whole reference, which every tool reads as we do.
func readable(r image.Ref) bool {
	read, err := image.Parse(r.String())
	return err == nil && read == r
}

// digest is the digest of the image, if it is known. What the reference says is the
// content that is asked for, whatever else was found.
func (e *Entry) digest() string {
	if e.Source.Digest != "" {
		return e.Source.Digest
	}
	return e.Digest
}
