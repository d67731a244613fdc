// Package registry moves images between places that hold them: registries and
// archives. What is to be moved is a Plan, made before the first byte moves; how
// it is moved is one verb, Transfer, whatever the two ends are.
package registry

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Descriptor says what some content is: its media type, its digest and its
// size in bytes (OCI image specification, descriptor.md).
type Descriptor = ocispec.Descriptor

// A Source is a place that images are read from. It may be used by several
// goroutines at once.
type Source interface {
	// Resolve gives the manifest that ref names: by its digest if it has one,
	// else by its tag. If there is none, the error is a *NotFoundError. Data may hold
	// its bytes; whoever reads them checks the digest.
	Resolve(ctx context.Context, ref image.Ref) (Descriptor, error)

	// Fetch opens the content desc, a manifest or a blob, of ref's repository.
	// The reader gives desc.Size bytes or an error. Whoever reads it checks the
	// digest.
	Fetch(ctx context.Context, ref image.Ref, desc Descriptor) (io.ReadCloser, error)

	// Referrers gives the manifests that refer to desc in ref's repository:
	// signatures, attestations, SBOMs, by whatever means the place knows them. A
	// Referrer with a tag is found by that tag and must keep it.
	Referrers(ctx context.Context, ref image.Ref, desc Descriptor) ([]Referrer, error)
}

// A Sink is a place that images are written to. It may be used by several
// goroutines at once.
type Sink interface {
	// Holds says whether ref names desc already, and with it all that desc
	// consists of.
	Holds(ctx context.Context, ref image.Ref, desc Descriptor) (bool, error)

	// PutBlob makes a blob part of ref's repository: not at all if it is there, by
	// a mount from one of the repositories elsewhere (tags and digests in them do
	// not count) if the place can do that, else by what open gives. open may be
	// called more than once, each time for the whole content. What it gives has
	// desc's digest and size, or reading it fails before the last byte: the sink
	// need not hash it again.
	PutBlob(ctx context.Context, ref image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error)

	// PutManifest stores a manifest whose children are there already in ref's
	// repository, and under ref's tag if it has one.
	PutManifest(ctx context.Context, ref image.Ref, desc Descriptor, raw []byte) error
}

// A Checker is a Sink that compares what it is sent with its digest before it is
// there, as every registry has to (OCI distribution specification, "Pushing blobs").
// Hashing takes as long as sending, so Transfer leaves it to a Sink that does it.
type Checker interface {
	Sink
	// ChecksDigests says whether PutBlob fails for content of another digest.
	ChecksDigests() bool
}

// An Opener opens some content from its first byte on.
type Opener func(ctx context.Context) (io.ReadCloser, error)

// An Outcome is how a blob came to where it should be.
type Outcome int

// The outcomes of PutBlob.
const (
	Sent    Outcome = iota // its bytes were sent
	Mounted                // another repository of the same place had it
	Present                // it was there
)

// A Referrer is a manifest about another one.
type Referrer struct {
	Descriptor
	Tag string // the tag by which cosign finds it, empty where the subject field says it
}

// A Plan is what a transfer moves. It is data: making it reads manifests, and of
// blobs only the configs that alone say for which platform an image is; it
// writes nothing.
type Plan struct {
	Images []Image // in the order of their sources
}

// An Image is one image of a plan with all that it consists of.
type Image struct {
	image.Pair

	// Root is what Target will name.
	Root Descriptor
	// Held says that Target has it already (PlanOptions.Held): nothing else is known of
	// it but Root, and nothing is moved.
	Held bool
	// Original is the digest that Source names, where leaving out platforms has
	// given Root another one; else empty.
	Original digest.Digest
	// Platforms are what Root offers, in its own order. An artifact that is no
	// container image has none.
	Platforms []PlatformImage
	// Missing are the platforms that were asked for and that Root does not offer.
	Missing []string
	// Manifests are all manifests in the order in which they must be written:
	// children before parents and Root after all of its own, then the referrers of
	// any of them, each after its subject. The members of a bundle are its own.
	Manifests []Manifest
	// Blobs are configs and layers, each digest once, in the order in which the
	// manifests name them. Data holds the content of those that making the plan
	// has read: Transfer does not fetch them again.
	Blobs []Descriptor
	// Members are the images that a bundle of imgpkg names, and those of members that
	// are bundles themselves. Their manifests, tagged as imgpkg does it, are among
	// Manifests, and their blobs among Blobs: all goes into Target's repository.
	Members []Member
	// Lists are the layers of bundles that say what their members are: nobody can plan
	// from a place that lacks one.
	Lists []digest.Digest
	// Elsewhere are the repositories of the source that have blobs which Source's does
	// not: those of members of a bundle that was never relocated.
	Elsewhere map[digest.Digest]image.Ref
	// Foreign are layers that are fetched from URLs of their own and that
	// registries do not hold (media types with "foreign" or "nondistributable").
	// They are not moved.
	Foreign []Descriptor
}

// A PlatformImage is what an image is for one platform.
type PlatformImage struct {
	Platform string        // os/architecture[/variant], as containerd normalises it
	Digest   digest.Digest // of its manifest
	Size     int64         // bytes of its manifest, config and layers
}

// A Manifest is a manifest with its exact bytes.
type Manifest struct {
	Descriptor
	Raw []byte
	Tag string // the tag of a referrer or of a member of a bundle, which is found by it; else empty
}

// Size is the number of bytes of the image: every manifest and blob once.
func (i *Image) Size() int64 {
	var sum int64
	for _, m := range i.Manifests {
		sum += m.Size
	}
	for _, b := range i.Blobs {
		sum += b.Size
	}
	return sum
}

// Contents gives every manifest and blob of the plan once, in the order in which
// the images name them, and with each the images (indices in Images) that
// consist of it.
func (p *Plan) Contents() []Content {
	var all []Content
	at := map[digest.Digest]int{}
	add := func(d Descriptor, raw []byte, i int) {
		n, seen := at[d.Digest]
		if !seen {
			n = len(all)
			at[d.Digest] = n
			all = append(all, Content{Descriptor: d, Raw: raw})
		}
		if users := all[n].Images; len(users) == 0 || users[len(users)-1] != i {
			all[n].Images = append(users, i)
		}
	}
	for i := range p.Images {
		for _, b := range p.Images[i].Blobs {
			add(b, nil, i)
		}
		for _, m := range p.Images[i].Manifests {
			add(m.Descriptor, m.Raw, i)
		}
	}
	return all
}

// Size is the number of bytes of the plan: what several images share counts once.
func (p *Plan) Size() int64 {
	var sum int64
	for _, c := range p.Contents() {
		sum += c.Size
	}
	return sum
}

// A Content is one manifest or blob of a plan.
type Content struct {
	Descriptor
	Raw    []byte // the bytes of a manifest, nil for a blob
	Images []int  // the images that consist of it, as indices of Plan.Images
}

// PlanOptions say what of the images is moved.
type PlanOptions struct {
	Parallel  int      // images looked at in parallel; 0 means 4
	Platforms []string // os/architecture[/variant]; empty means all, which leaves every digest as it is
	Referrers bool     // take signatures, attestations and SBOMs along
	// Relocated says that the members of a bundle are in its repository or nowhere: no
	// other registry is asked for them.
	Relocated bool
	// Held says whether a target has what its image is now, with all that belongs to
	// it. Such an image is in the plan as Held, without its parts, and they are not
	// read. It is not asked where the parts may matter all the same: with Platforms or
	// Referrers. nil holds nothing; Sink.Holds fits.
	Held func(ctx context.Context, target image.Ref, root Descriptor) (bool, error)
	// Manifests gives the bytes of a manifest that is at hand already, so that it
	// need not be fetched; nil or a false second value mean that it is not.
	Manifests func(Descriptor) ([]byte, bool)
	// Digests are what the source holds instead of digests in references, because
	// platforms were left out of it before.
	Digests map[string]string
	Report  func(Event) // told what happens, from several goroutines; may be nil
}

// TransferOptions say how a plan is carried out.
type TransferOptions struct {
	Parallel int // blobs in flight; 0 means 4
	// Elsewhere gives repositories of the sink that hold a blob although the plan
	// does not put it there; nil means none are known.
	Elsewhere func(digest.Digest) []image.Ref
	Report    func(Event) // told what happens, from several goroutines; may be nil
}

// A Result is what became of one image of a plan.
type Result struct {
	Image   *Image
	Present bool  // it was there already, nothing was sent for it
	Err     error // why it is not there; nil if it is
}

// An Event is a step of making or carrying out a plan, for whoever shows progress.
type Event struct {
	Kind  EventKind
	Name  string // the image, or the blob's digest; the name of a file that belongs to no image
	Image string // BlobBegin: an image that consists of the blob, for people read no digests; may be empty
	Bytes int64  // Advance: bytes since the last one, negative where a blob is begun anew; BlobBegin, BlobEnd: the size of the blob
	Note  string // Waiting: why, such as "rate limited by docker.io, 30s"
}

// An EventKind is what happened.
type EventKind int

// The kinds of events.
const (
	ImagePlanned EventKind = iota // Name is an image whose content is known
	ImageDone                     // Name is an image that is complete at its target
	BlobBegin                     // Name is the digest of a blob that is being sent or fetched
	Advance                       // Name is the digest, Bytes came
	BlobEnd                       // Name is the digest, its transfer is over
	BlobSkipped                   // Name is the digest, Bytes need not move: it is there or was mounted
	Waiting                       // a step is tried again; Name is what, Note says why and for how long
)

// A NotFoundError says that a place does not have what was asked for. It is
// never worth another try.
type NotFoundError struct {
	Name string // what was asked for; empty if whoever is told knows
	Err  error  // what the place said; may be nil
}

func (e *NotFoundError) Error() string {
	text := "not found"
	if e.Name != "" {
		text = e.Name + ": not found"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *NotFoundError) Unwrap() error { return e.Err }
