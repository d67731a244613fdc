package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// Contents is what an archive is to hold.
type Contents struct {
	// Plan has the images. Source says where one is fetched, Target what it is
	// called in the archive.
	Plan *registry.Plan
	// Files are all that is no image.
	Files []File
	// Uses says where an image is used, file:line:column, by its Target in Plan.
	Uses map[image.Ref][]string
	// Groups says in which folders of manifests an image is used (LockImage.Groups),
	// by its Target in Plan.
	Groups map[image.Ref][]string
	// StandsFor says which references with variables an image is (LockImage.StandsFor), by
	// its Target in Plan.
	StandsFor map[image.Ref][]string
	// Targets says where an image will go, if that is known, by its Target in Plan.
	Targets map[image.Ref]image.Ref
	// Elsewhere are blobs to leave out, because the site has them. Manifests are
	// never left out.
	Elsewhere []LockedBlob
}

// A File is a file of an archive that belongs to no image.
type File struct {
	Path   string          // in the archive, slash-separated
	URL    string          // where it comes from, without credentials; may be empty
	SHA256 string          // 64 hexadecimal digits; empty if they are not known
	Size   int64           // bytes
	Mode   fs.FileMode     // permissions; 0 means 0644
	Open   registry.Opener // opens the content
}

// A build is an archive that is to be: where everything will stand in it.
type build struct {
	layout
	plan      *registry.Plan
	lock      Lock // but for the checksums of files that said none
	files     map[*slot]registry.Opener
	byDigest  map[digest.Digest]*slot
	elsewhere map[digest.Digest]bool
	nodes     map[digest.Digest]*node
}

// newBuild looks through contents. All that speaks against them is one error.
func newBuild(c Contents) (*build, error) {
	b := &build{
		plan:      c.Plan,
		lock:      Lock{APIVersion: APIVersion, Kind: LockKind, Images: []LockImage{}},
		files:     map[*slot]registry.Opener{},
		byDigest:  map[digest.Digest]*slot{},
		elsewhere: map[digest.Digest]bool{},
		nodes:     map[digest.Digest]*node{},
	}
	if b.plan == nil {
		b.plan = &registry.Plan{}
	}
	about := []byte(`{"imageLayoutVersion":"` + specsLayout + `"}`)
	slots := []*slot{{Entry: Entry{Path: layoutPath, Size: int64(len(about))}, want: digest.FromBytes(about), raw: about}}
	blobs, err := b.addBlobs(c.Elsewhere)
	files, fileErr := b.addFiles(c.Files)
	if err := errors.Join(err, fileErr, b.addImages(c)); err != nil {
		return nil, err
	}
	b.layout, err = lay(slices.Concat(slots, blobs, files))
	return b, err
}

// specsLayout is the version of the layout that this package writes.
const specsLayout = "1.0.0"

// addBlobs gives the slots of manifests and blobs, sorted by digest.
func (b *build) addBlobs(elsewhere []LockedBlob) ([]*slot, error) {
	absent := map[digest.Digest]LockedBlob{}
	for _, e := range elsewhere {
		absent[e.Digest] = e
	}
	var slots []*slot
	var errs []error
	for _, c := range b.plan.Contents() {
		if err := b.checkContent(c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Digest, err))
			continue
		}
		if e, ok := absent[c.Digest]; ok && c.Raw == nil {
			b.elsewhere[c.Digest] = true
			b.lock.Elsewhere = append(b.lock.Elsewhere, e)
			continue
		}
		s := &slot{Entry: Entry{Path: blobPath(c.Digest), Size: c.Size}, want: c.Digest, raw: c.Raw}
		b.byDigest[c.Digest] = s
		slots = append(slots, s)
	}
	bySum := func(x, y *slot) int { return cmp.Compare(x.want, y.want) }
	slices.SortFunc(slots, bySum)
	slices.SortFunc(b.lock.Elsewhere, func(x, y LockedBlob) int { return cmp.Compare(x.Digest, y.Digest) })
	return slots, errors.Join(errs...)
}

func (b *build) checkContent(c registry.Content) error {
	if err := c.Digest.Validate(); err != nil {
		return err
	}
	if c.Raw == nil {
		return nil
	}
	n, err := parseNode(c.Raw)
	b.nodes[c.Digest] = n
	if err == nil && int64(len(c.Raw)) != c.Size {
		err = fmt.Errorf("the manifest has %d bytes, not %d", len(c.Raw), c.Size)
	}
	return err
}

// addFiles gives the slots of files, sorted by path.
func (b *build) addFiles(files []File) ([]*slot, error) {
	var slots []*slot
	var errs []error
	paths := newPathSet()
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(x, y File) int { return cmp.Compare(x.Path, y.Path) })
	for _, f := range sorted {
		err := cmp.Or(checkFilePath(f.Path), paths.add(f.Path))
		s := &slot{Entry: Entry{Path: f.Path, Size: f.Size, Mode: f.Mode}, url: f.URL}
		if f.SHA256 != "" {
			s.want = digest.NewDigestFromEncoded(digest.SHA256, f.SHA256)
			err = cmp.Or(err, s.want.Validate())
		}
		if err == nil && f.Size < 0 {
			err = errors.New("its size is not known")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
		}
		b.files[s] = f.Open
		b.lock.Files = append(b.lock.Files, LockFile{Path: f.Path, URL: f.URL, SHA256: f.SHA256, Size: f.Size, Mode: lockMode(s.Entry)})
		slots = append(slots, s)
	}
	return slots, errors.Join(errs...)
}

func lockMode(e Entry) string {
	if e.mode() == 0o644 {
		return ""
	}
	return "0" + strconv.FormatUint(uint64(e.mode()), 8)
}

// addImages writes the images into the lock.
func (b *build) addImages(c Contents) error {
	var errs []error
	for i := range b.plan.Images {
		img := &b.plan.Images[i]
		name := img.Target
		if parsed, err := image.Parse(name.String()); err != nil || parsed != name {
			errs = append(errs, fmt.Errorf("%s: an archive cannot have an image of this name", name))
			continue
		}
		l := LockImage{
			Image: name.String(), Digest: img.Root.Digest, SourceDigest: img.Original,
			MediaType: img.Root.MediaType, Size: img.Size(), Uses: once(c.Uses[name]), Groups: once(c.Groups[name]), StandsFor: once(c.StandsFor[name]),
		}
		if img.Source != name {
			l.From = img.Source.String()
		}
		if to, ok := c.Targets[name]; ok {
			l.Target = to.String()
		}
		for _, p := range img.Platforms {
			l.Platforms = append(l.Platforms, LockPlatform(p))
		}
		l.Referrers = b.referrers(img)
		b.lock.Images = append(b.lock.Images, l)
	}
	sortImages(b.lock.Images)
	for i := 1; i < len(b.lock.Images); i++ {
		if b.lock.Images[i].Image == b.lock.Images[i-1].Image {
			errs = append(errs, fmt.Errorf("%s: the plan has this image twice", b.lock.Images[i].Image))
		}
	}
	return errors.Join(errs...)
}

// once is all of them, sorted, each once.
func once(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

// referrers are the manifests of img that are about others and not below them:
// by digest, with the tag in front if that is how they are found.
func (b *build) referrers(img *registry.Image) []string {
	below := descendants(img.Root.Digest, b.nodes)
	for _, m := range img.Manifests {
		if below[m.Digest] && m.Digest != img.Root.Digest {
			continue
		}
		if n := b.nodes[m.Digest]; n != nil {
			for _, child := range n.Manifests {
				below[child.Digest] = true
			}
		}
	}
	var all []string
	for _, m := range img.Manifests {
		if m.Tag != "" {
			all = append(all, m.Tag+"@"+m.Digest.String())
		} else if !below[m.Digest] {
			all = append(all, m.Digest.String())
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// tail gives what follows the slots: index, lock, checksums and the end of the
// tar. sums are the hexadecimal SHA-256 of the slots, by path.
func (b *build) tail(sums map[string]string) ([]byte, error) {
	names, err := imageNames(b.lock.Images)
	if err != nil {
		return nil, err
	}
	lock := b.lock
	lock.Files = slices.Clone(lock.Files)
	for i, f := range lock.Files {
		lock.Files[i].SHA256 = sums[f.Path]
	}
	size := func(d digest.Digest) int64 { return b.byDigest[d].Size }
	has := func(d digest.Digest) bool { return b.byDigest[d] != nil }
	index, indexErr := ociIndex(lock.Images, names, size)
	docker, dockerErr := dockerManifests(lock.Images, names, b.nodes, has)
	text, lockErr := lock.encode()
	if err := errors.Join(indexErr, dockerErr, lockErr); err != nil {
		return nil, err
	}
	if len(text) > maxLock || len(index) > maxText {
		return nil, fmt.Errorf("%s would have %d bytes and %s %d, more than whoever reads an archive takes: carry it in several", lockPath, len(text), indexPath, len(index))
	}
	return b.encodeTail(sums, []string{indexPath, dockerPath, lockPath}, [][]byte{index, docker, text})
}

func (b *build) encodeTail(sums map[string]string, paths []string, contents [][]byte) ([]byte, error) {
	var tail []byte
	put := func(path string, content []byte) error {
		h, err := header(Entry{Path: path, Size: int64(len(content))})
		tail = append(append(tail, h...), content...)
		tail = append(tail, make([]byte, padded(int64(len(content)))-int64(len(content)))...)
		return err
	}
	all := map[string]string{}
	var order []string
	for _, s := range b.slots {
		order, all[s.Path] = append(order, s.Path), sums[s.Path]
	}
	var errs []error
	for i, path := range paths {
		sum := sha256.Sum256(contents[i])
		order, all[path] = append(order, path), hex.EncodeToString(sum[:])
		errs = append(errs, put(path, contents[i]))
	}
	errs = append(errs, put(checksumsPath, checksums(order, all)))
	return append(tail, make([]byte, trailerSize)...), errors.Join(errs...)
}
