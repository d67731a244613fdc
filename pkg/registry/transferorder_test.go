package registry

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A shipment is a set of images as what they weigh: images name blobs by index.
type shipment struct {
	sizes  []int64
	images [][]int
}

// someShipment is images of few large and many small blobs, some of them shared,
// and a very large one late in the order.
func someShipment(r *rand.Rand) shipment {
	var s shipment
	for range 5 + r.IntN(60) {
		var blobs []int
		for range 1 + r.IntN(8) {
			if len(s.sizes) > 0 && r.IntN(3) == 0 {
				blobs = append(blobs, r.IntN(len(s.sizes)))
				continue
			}
			blobs = append(blobs, len(s.sizes))
			s.sizes = append(s.sizes, int64(math.Exp(5+r.Float64()*13))) // 150 B to 65 MB
		}
		s.images = append(s.images, blobs)
	}
	if r.IntN(2) == 0 {
		s.images = append(s.images, []int{len(s.sizes)})
		s.sizes = append(s.sizes, 300<<20)
	}
	return s
}

// carry is when the last blob arrives and when on average an image is complete,
// if every byte takes one unit of time on one of some ways.
func (s shipment) carry(ways int, next func() *cargo) (last, mean float64) {
	free, at := make([]int64, ways), make([]int64, len(s.sizes))
	for c := next(); c != nil; c = next() {
		way := slices.Index(free, slices.Min(free))
		free[way] += c.desc.Size
		var blob int
		_, _ = fmt.Sscan(c.desc.MediaType, &blob)
		at[blob] = free[way]
	}
	for _, blobs := range s.images {
		var done int64
		for _, b := range blobs {
			done = max(done, at[b])
		}
		mean += float64(done) / float64(len(s.images))
	}
	return float64(slices.Max(free)), mean
}

func (s shipment) cargoes() []*cargo {
	var all []*cargo
	for i, size := range s.sizes {
		all = append(all, &cargo{desc: Descriptor{MediaType: fmt.Sprint(i), Size: size}})
	}
	return all
}

func listed(all []*cargo) func() *cargo {
	return func() *cargo {
		if len(all) == 0 {
			return nil
		}
		c := all[0]
		all = all[1:]
		return c
	}
}

// TestQueue: the rule takes hardly longer than beginning with the largest, and
// images become complete far earlier than then.
func TestQueue(t *testing.T) {
	var last, mean [3]float64 // sums of the ratio to the best of: the rule, image order, largest first
	const rounds = 400
	worst := 0.0
	for seed := range uint64(rounds) {
		s := someShipment(rand.New(rand.NewPCG(seed, 0)))
		bySize := s.cargoes()
		slices.SortStableFunc(bySize, func(a, b *cargo) int { return cmp.Compare(b.desc.Size, a.desc.Size) })
		orders := []func() *cargo{newQueue(s.cargoes(), 4).next, listed(s.cargoes()), listed(bySize)}
		var l, m [3]float64
		for i, next := range orders {
			l[i], m[i] = s.carry(4, next)
		}
		for i := range orders {
			last[i] += l[i] / slices.Min(l[:]) / rounds
			mean[i] += m[i] / slices.Min(m[:]) / rounds
		}
		worst = max(worst, l[0]/slices.Min(l[:]))
	}
	t.Logf("time until all is there, to the best: the rule %.3f (at worst %.3f), image order %.3f, largest first %.3f", last[0], worst, last[1], last[2])
	t.Logf("mean time until an image is there:    the rule %.3f, image order %.3f, largest first %.3f", mean[0], mean[1], mean[2])
	if last[0] > 1.02 || worst > 1.2 {
		t.Errorf("the rule takes %.3f times as long as the best order, at worst %.3f", last[0], worst)
	}
	if mean[0] > 1.35 {
		t.Errorf("images become complete %.3f times as late as in the best order", mean[0])
	}
}

// BenchmarkCopy is what planning and carrying 500 images of three blobs costs
// when the ends cost next to nothing.
func BenchmarkCopy(b *testing.B) {
	from := &Memory{}
	var pairs []image.Pair
	for i := range 500 {
		at := ref(b, fmt.Sprintf("up.test/r%d:1", i))
		maker{b, from}.image(at, "linux/amd64", fmt.Sprintf("base %d", i%10), fmt.Sprintf("layer %d", i))
		pairs = append(pairs, image.Pair{Source: at, Target: ref(b, fmt.Sprintf("site.test/r%d:1", i))})
	}
	to := &Memory{}
	plan, err := NewPlan(b.Context(), pairs, from, PlanOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = NewPlan(b.Context(), pairs, from, PlanOptions{})
		}
	})
	b.Run("transfer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			to = &Memory{}
			if _, err := Transfer(b.Context(), plan, from, to, TransferOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			_, _ = Transfer(b.Context(), plan, from, to, TransferOptions{})
		}
	})
}

// BenchmarkVerified is what checking the bytes costs that pass.
func BenchmarkVerified(b *testing.B) {
	data := make([]byte, 16<<20)
	desc := Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data)), Data: data}
	buffer := make([]byte, 256<<10)
	b.SetBytes(desc.Size)
	for b.Loop() {
		f := &flow{transfer: &transfer{}, desc: desc, slot: true}
		r, err := f.open(b.Context())
		for err == nil {
			_, err = r.Read(buffer)
		}
		if !f.whole.Load() {
			b.Fatal(err)
		}
	}
}
