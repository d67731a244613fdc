package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Copy makes the targets of pairs the same as their sources. If any image cannot
// be planned, nothing is moved. See NewPlan and Transfer.
func Copy(ctx context.Context, pairs []image.Pair, from Source, to Sink, planning PlanOptions, opts TransferOptions) ([]Result, error) {
	plan, err := NewPlan(ctx, pairs, from, planning)
	if err != nil {
		return nil, err
	}
	return Transfer(ctx, plan, from, to, opts)
}

// Transfer carries out a plan. It may be stopped anywhere and called again: what
// is there is not sent again, and a name appears after all that it stands for.
//
// Each blob is sent once, into the first repository that needs it; the others of
// that registry mount it from there. An image's manifests are written as soon as
// its blobs are there. The digest and size of every blob are checked while it
// passes: the last byte of wrong content is never handed on.
//
// The results stand in the order of the plan. An image that fails does not stop
// the others; the error holds what every one of them met, as "IMAGE: …". If the
// context ends, or an end of the transfer returns an error with a method
// Fatal() bool that is true, everything stops with that one error.
func Transfer(ctx context.Context, plan *Plan, from Source, to Sink, opts TransferOptions) ([]Result, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	t := &transfer{
		from:    from,
		to:      to,
		opts:    opts,
		stop:    stop,
		blobs:   make(slots, parallelOr(opts.Parallel)),
		asking:  make(slots, 2*parallelOr(opts.Parallel)),
		written: map[writeKey]*write{},
		taken:   make(chan struct{}),
	}
	for i := range plan.Images {
		t.jobs = append(t.jobs, &job{image: &plan.Images[i]})
	}
	if _, err := each(ctx, len(t.jobs), cap(t.asking), t.look); err != nil {
		stop(err)
	} else {
		t.carryAll(ctx)
	}
	return t.results(ctx)
}

// A transfer is one plan on its way.
type transfer struct {
	from   Source
	to     Sink
	opts   TransferOptions
	stop   context.CancelCauseFunc
	blobs  slots // blobs in flight
	asking slots // mounts and manifests, which cost the sink little

	jobs  []*job
	group sync.WaitGroup
	takes sync.Once
	taken chan struct{} // closed when the sink has taken something, or wants its content

	lock    sync.Mutex
	written map[writeKey]*write
}

// A job is one image on its way.
type job struct {
	image     *Image
	manifests []Manifest // still to be written, in order

	lock    sync.Mutex
	waiting int              // blobs that are not there yet
	failed  map[string]error // by what failed
	order   []string         // of what failed
	present bool
	done    bool
}

func (t *transfer) report(e Event) {
	if t.opts.Report != nil {
		t.opts.Report(e)
	}
}

// look finds out what of an image is still to be written: nothing, only
// referrers that an earlier run did not take along, or everything.
func (t *transfer) look(ctx context.Context, i int) error {
	j := t.jobs[i]
	ref := targetRef(j.image)
	held, err := j.image.Held, error(nil)
	if !held {
		held, err = t.to.Holds(ctx, ref, j.image.Root)
	}
	if err != nil {
		return t.note(ctx, j, "looking for "+ref.String(), err)
	}
	j.manifests = j.image.Manifests
	if held {
		if j.manifests, err = t.missingReferrers(ctx, j.image); err != nil {
			return t.note(ctx, j, "looking for what refers to "+ref.String(), err)
		}
		j.present = len(j.manifests) == 0
	}
	if j.present {
		j.done = true
		t.report(Event{Kind: ImageDone, Name: j.image.Source.String()})
	}
	return nil
}

// manifestRef is the name that a manifest of img gets at its target.
func manifestRef(img *Image, m Manifest) image.Ref {
	switch {
	case m.Tag != "":
		return image.Ref{Registry: img.Target.Registry, Repository: img.Target.Repository, Tag: m.Tag}
	case m.Digest == img.Root.Digest:
		return targetRef(img)
	}
	return image.Ref{Registry: img.Target.Registry, Repository: img.Target.Repository, Digest: string(m.Digest)}
}

// fail notes what went wrong with an image, and stops everything if nothing else
// can go right.
func (t *transfer) fail(ctx context.Context, j *job, step string, err error) {
	if err = t.note(ctx, j, step, err); isFatal(err) {
		t.stop(err)
	}
}

// note notes what went wrong with an image.
func (t *transfer) note(ctx context.Context, j *job, step string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // whatever err says, this is why
	}
	err = fmt.Errorf("%s: %s: %w", j.image.Source, step, err)
	j.lock.Lock()
	if _, again := j.failed[step]; !again {
		if j.failed == nil {
			j.failed = map[string]error{}
		}
		j.failed[step] = err
		j.order = append(j.order, step)
	}
	j.lock.Unlock()
	return err
}

// hopeless reports whether something of the image has failed.
func (j *job) hopeless() bool {
	j.lock.Lock()
	defer j.lock.Unlock()
	return len(j.failed) > 0
}

// results says what became of every image once nothing runs any more.
func (t *transfer) results(ctx context.Context) ([]Result, error) {
	results, errs := make([]Result, len(t.jobs)), []error{}
	stopped := context.Cause(ctx)
	for i, j := range t.jobs {
		results[i] = Result{Image: j.image, Present: j.present}
		if j.done {
			continue
		}
		for _, step := range j.order {
			results[i].Err = errors.Join(results[i].Err, j.failed[step])
		}
		if results[i].Err == nil {
			results[i].Err = fmt.Errorf("%s: not tried to the end: %w", j.image.Source, stopped)
		}
		errs = append(errs, results[i].Err)
	}
	if stopped != nil && len(errs) > 0 {
		return results, stopped
	}
	return results, errors.Join(errs...)
}

// A writeKey is a manifest and the name that it gets.
type writeKey struct {
	ref    image.Ref
	digest digest.Digest
}

// A write is the one time that a manifest is written under a name, however many
// images of the plan have it there.
type write struct {
	once sync.Once
	err  error
}

// writeManifests completes an image whose blobs are there.
func (t *transfer) writeManifests(ctx context.Context, j *job) {
	for _, m := range j.manifests {
		ref := manifestRef(j.image, m)
		if err := t.writeManifest(ctx, ref, m); err != nil {
			t.fail(ctx, j, fmt.Sprintf("writing manifest %s to %s", m.Digest, ref.Name()), err)
			return
		}
	}
	j.lock.Lock()
	j.done = true
	j.lock.Unlock()
	t.report(Event{Kind: ImageDone, Name: j.image.Source.String()})
}

func (t *transfer) writeManifest(ctx context.Context, ref image.Ref, m Manifest) error {
	key := writeKey{ref, m.Digest}
	t.lock.Lock()
	w, ok := t.written[key]
	if !ok {
		w = &write{}
		t.written[key] = w
	}
	t.lock.Unlock()
	w.once.Do(func() {
		if w.err = t.asking.take(ctx); w.err == nil {
			defer t.asking.give()
			w.err = t.to.PutManifest(ctx, ref, m.Descriptor, m.Raw)
		}
	})
	return w.err
}
