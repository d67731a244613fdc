package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// look looks at one target, but for its blobs.
func (v *visit) look(ctx context.Context, l *look) {
	root, ok := v.names(ctx, l)
	if !ok {
		return
	}
	v.tree(ctx, l, root)
	if v.opts.Report != nil && l.image != nil {
		v.opts.Report(registry.Event{Kind: registry.ImagePlanned, Name: l.name().String()})
	}
}

func (v *visit) found(l *look, check, problem string, args ...any) {
	l.findings = append(l.findings, v.site.finding(check, l.target.String(), l.name(), fmt.Sprintf(problem, args...)))
}

// names asks by tag and by digest what the target is. A reference with both is pulled by
// its digest, and by its tag where nodes or people look for it: it must be there by both.
func (v *visit) names(ctx context.Context, l *look) (root registry.Descriptor, ok bool) {
	byTag, byDigest := l.target, l.target
	byTag.Digest, byDigest.Tag = "", ""
	var tagged registry.Descriptor
	if byTag.Tag != "" {
		desc, err := v.from.Resolve(ctx, byTag)
		if refused(l, err) {
			return root, false
		}
		tagged, ok = desc, err == nil
		if !ok {
			v.missing(l)
		}
	}
	if byDigest.Digest != "" {
		desc, err := v.from.Resolve(ctx, byDigest)
		switch {
		case refused(l, err):
			return root, false
		case err != nil && ok:
			v.found(l, CheckRegistryDigest, "the digest is not there, the tag is %s", tagged.Digest)
		case err != nil && byTag.Tag == "":
			v.missing(l)
		case err == nil:
			if ok && tagged.Digest != desc.Digest {
				v.found(l, CheckRegistryDigest, "the tag is %s, not the digest that is asked for", tagged.Digest)
			}
			return desc, true
		}
		return tagged, ok
	}
	v.locked(l, tagged, ok)
	return tagged, ok
}

// locked compares the tag with what was carried.
func (v *visit) locked(l *look, root registry.Descriptor, ok bool) {
	locked, known := v.opts.Carried.Image(l.target)
	if ok && known && locked.Digest != root.Digest {
		v.found(l, CheckRegistryDigest, "it is %s, but %s was carried", root.Digest, locked.Digest)
	}
}

// missing says that nothing has the name. What was not carried either is not mended by
// pushing again.
func (v *visit) missing(l *look) {
	l.absent = true
	check, problem := CheckRegistryTag, "it is not there"
	if by := l.by(); by != "" {
		check, problem = CheckNameMissing, by+" asks for it, and it is not there"
	}
	_, carried := v.opts.Carried.Image(l.target)
	if v.opts.Carried == nil || carried {
		v.found(l, check, "%s", problem)
		return
	}
	fill := strings.NewReplacer("{target}", v.site.Target, "{image}", l.name().String())
	if to, ok := v.opts.Carried.Target(l.name()); ok {
		v.found(l, check, "%s: the archive brings it to %s", problem, to)
		l.advise("lead whoever asks for {image} to "+to.String()+", by its name or by the mirror of its registry on the nodes", fill)
		return
	}
	v.found(l, check, "%s, nor is it in the archive", problem)
	l.advise("correct the name if it is wrong, else carry the image: kubectl airgap pull --image IMAGE -o more.tar, then kubectl airgap push more.tar --to {target}", fill)
}

// locate says in the last finding where the image is asked for, if a file does.
func (l *look) locate() {
	places := l.places()
	if !l.absent || len(l.findings) == 0 || len(places) == 0 || parsePlace(places[0]).line == 0 {
		return
	}
	last := &l.findings[len(l.findings)-1]
	last.Problem += "; asked for at " + places[0]
	if n := len(places) - 1; n > 0 {
		last.Problem += " and " + count(n, "other place")
	}
}

// places are those that ask for the image.
func (l *look) places() []string {
	var all []string
	for _, w := range l.wanted {
		if !w.carried {
			all = append(all, w.Uses...)
		}
	}
	return mergePlaces(all, nil)
}

// advise gives the last finding a remedy of its own.
func (l *look) advise(remedy string, fill *strings.Replacer) {
	last := &l.findings[len(l.findings)-1]
	*last = last.advised(remedy, fill)
}

// refused notes that the registry did not answer as registries do.
func refused(l *look, err error) bool {
	failed, ok := errors.AsType[*accessError](err)
	if ok {
		l.refused = failed
	}
	return ok
}

// tree reads all manifests and compares the platforms with those that are wanted.
func (v *visit) tree(ctx context.Context, l *look, root registry.Descriptor) {
	at := l.target
	at.Tag, at.Digest = "", string(root.Digest)
	plan, err := registry.NewPlan(ctx, []image.Pair{{Source: at, Target: l.target}}, &resolved{v.from, root}, registry.PlanOptions{Relocated: true})
	if err != nil {
		v.broken(l, at, err)
		return
	}
	img := plan.Images[0]
	for i := range img.Manifests {
		img.Manifests[i].Raw = nil
	}
	l.image = &img
	v.platforms(l)
}

// broken says why an image cannot be read whole.
func (v *visit) broken(l *look, at image.Ref, err error) {
	if refused(l, err) || ctxDone(err) {
		return
	}
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", "; "), at.String()+": ")
	if lack, ok := errors.AsType[*lackError](err); ok && !isManifest(lack.desc.MediaType) {
		v.found(l, CheckRegistryBlob, "%s", text)
		return
	}
	v.found(l, CheckRegistryManifest, "%s", text)
}

func ctxDone(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isManifest says whether content of the media type is a manifest: of OCI, or of Docker.
func isManifest(mediaType string) bool {
	return strings.Contains(mediaType, ".manifest.") || strings.Contains(mediaType, ".index.")
}

// platforms compares what is there with what nodes need. An artifact that is no image
// has no platforms.
func (v *visit) platforms(l *look) {
	var missing, offered []string
	for _, p := range v.opts.Platforms {
		if len(l.image.Platforms) > 0 && !l.image.Offers(p) {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		for _, p := range l.image.Platforms {
			offered = append(offered, p.Platform)
		}
		v.found(l, CheckRegistryPlatform, "it is not there for %s, only for %s", strings.Join(missing, ", "), strings.Join(offered, ", "))
		if locked, ok := v.opts.Carried.Image(l.target); ok {
			l.advise("carry it for the platform as well: kubectl airgap pull --image "+locked.Image+" --platform …, then push", strings.NewReplacer())
		}
	}
	if len(l.image.Foreign) > 0 && v.wantsForeign(l) {
		v.found(l, CheckRegistryForeign, "%s stay where %s points", count(len(l.image.Foreign), "layer"), firstURL(l.image.Foreign[0]))
	}
}

// wantsForeign says that nodes pull the layers that registries do not hold, which only
// images for Windows have.
func (v *visit) wantsForeign(l *look) bool {
	for _, p := range v.opts.Platforms {
		if strings.HasPrefix(p, "windows/") {
			return true
		}
	}
	for _, p := range l.image.Platforms {
		if !strings.HasPrefix(p.Platform, "windows/") && len(v.opts.Platforms) > 0 {
			return false
		}
	}
	return true
}

func firstURL(d registry.Descriptor) string {
	if len(d.URLs) > 0 {
		return d.URLs[0]
	}
	return "nothing"
}
