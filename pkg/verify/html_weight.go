package verify

import (
	"cmp"
	"fmt"
	"slices"
)

// Bars and shares beyond these become one for the rest: a picture shows what is
// large, the tables below it show all.
const maxBars, maxShares = 12, 6

// A weight is what the bytes of a site consist of.
type weight struct {
	Total  string  // of everything, layers counted for every image that has them; empty if nothing is known
	Once   string  // with layers counted once; empty if unknown
	Groups []share // largest first, at most maxShares and the rest
	Bars   []share // single images and files, largest first, at most maxBars and the rest
}

// A share is one part of the picture.
type share struct {
	Name    string
	ID      string // its row in the tables; empty for groups and the rest
	Others  int    // further names of the same image
	Bytes   string
	Percent string // of the total: 23 %
	X, W    string // where it begins and how wide it is, percent of the total
	Class   string // how it looks in the strip of groups
	size    int64
}

// newWeight counts an image once that has several names.
func newWeight(r *Report) weight {
	var single []share
	groups, seen := map[string]int64{}, map[string]int{}
	var total int64
	for i, image := range r.Images {
		if at, ok := seen[image.Digest]; ok && image.Digest != "" {
			single[at].Others++
			continue
		}
		seen[image.Digest] = len(single)
		single = append(single, share{Name: image.Image, ID: fmt.Sprintf("i%d", i+1), size: image.Size})
		groups[cmp.Or(image.Group, "other images")] += image.Size
		total += image.Size
	}
	for i, file := range r.Files {
		single = append(single, share{Name: file.Path, ID: fmt.Sprintf("p%d", i+1), size: file.Size})
		groups["files"] += file.Size
		total += file.Size
	}
	var grouped []share
	for name, n := range groups {
		grouped = append(grouped, share{Name: name, size: n})
	}
	w := weight{Total: shownSize(total), Once: shownSize(r.Bytes), Bars: largest(single, maxBars, total), Groups: largest(grouped, maxShares, total)}
	w.place(total)
	return w
}

// text is the total, told so that it is true of what is stored.
func (w weight) text() string { return cmp.Or(w.Once, w.Total) }

// largest are the shares that count, in order, and one for the rest.
func largest(all []share, limit int, total int64) []share {
	all = slices.DeleteFunc(all, func(s share) bool { return s.size <= 0 })
	slices.SortFunc(all, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.Name, b.Name))
	})
	if len(all) > limit+1 { // one more is no longer than "the rest"
		rest := share{Name: fmt.Sprintf("the other %s", shownNumber(len(all)-limit))}
		for _, s := range all[limit:] {
			rest.size += s.size
		}
		all = append(all[:limit:limit], rest)
	}
	for i := range all {
		all[i].Bytes, all[i].Percent = shownSize(all[i].size), percent(all[i].size, total)
	}
	return all
}

// place says where everything is drawn.
func (w *weight) place(total int64) {
	var before int64
	for i := range w.Groups {
		s := &w.Groups[i]
		s.Class, s.X, s.W = fmt.Sprintf("s%d", i), part(before, total), part(s.size, total)
		before += s.size
	}
	for i := range w.Bars {
		w.Bars[i].W = part(w.Bars[i].size, total)
	}
}

func part(n, total int64) string { return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(total)) }

func percent(n, total int64) string {
	p := 100 * float64(n) / float64(total)
	if p < 1 {
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", p)
}
