package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
)

// A page is a report in the order and the words in which a page tells it.
type page struct {
	HTMLOptions
	Style, Script inline
	Target        string
	Verdict       verdict
	Tiles         []tile
	Findings      []findingGroup
	Images        []imageGroup
	Files         []pageFile
	Weight        weight
	Subjects      []Subject
}

// A tile is one number of the page's head.
type tile struct{ Name, Value string }

// A findingGroup is all that one check found at one severity.
type findingGroup struct {
	Severity    Severity
	Check       string
	Effect      string // what all of them have in common; else each tells its own
	Remedy      string
	Findings    []pageFinding
	OwnEffects  bool
	OwnRemedies bool
	Word        string // the severity, where colours are not seen
}

type pageFinding struct {
	Finding
	Number  int    // 1, 2, … in the order of the page
	ImageID string // the row of its image, if it has one
}

type imageGroup struct {
	Name   string
	Size   string
	Images []pageImage
}

type pageImage struct {
	Image
	ID        string // i1, i2, … in the order of the report
	Bytes     string // Size, for people; empty if unknown
	Platforms []pagePlatform
	Findings  []int // the numbers of what was found about it
}

type pagePlatform struct {
	Platform
	Bytes string
}

type pageFile struct {
	File
	ID    string
	Bytes string
}

func newPage(r *Report, o HTMLOptions) page {
	o.Title = cmp.Or(o.Title, "Airgap report")
	p := page{
		HTMLOptions: o, Style: inlineCSS(), Script: inlineJS(), Target: r.Target, Subjects: r.Subjects,
		Verdict: newVerdict(r), Weight: newWeight(r),
	}
	imageIDs := map[string]string{}
	for i, image := range r.Images {
		imageIDs[image.Image] = fmt.Sprintf("i%d", i+1)
	}
	p.Findings = findingGroups(r.Findings, imageIDs)
	numbers := map[string][]int{}
	for _, g := range p.Findings {
		for _, f := range g.Findings {
			numbers[f.Image] = append(numbers[f.Image], f.Number)
		}
	}
	p.Images = imageGroups(r.Images, numbers)
	for i, file := range r.Files {
		p.Files = append(p.Files, pageFile{file, fmt.Sprintf("p%d", i+1), shownSize(file.Size)})
	}
	p.Tiles = tiles(r, p.Weight)
	return p
}

func tiles(r *Report, w weight) []tile {
	errors, warnings := r.Count()
	all := []tile{
		{"Errors", shownNumber(errors)},
		{"Warnings", shownNumber(warnings)},
		{"Images", shownNumber(len(r.Images))},
	}
	if len(r.Files) > 0 {
		all = append(all, tile{"Files", shownNumber(len(r.Files))})
	}
	if w.Total != "" {
		all = append(all, tile{"Bytes", w.text()})
	}
	if names := platformsOf(r.Images); len(names) > 0 {
		all = append(all, tile{"Platforms", shownNumber(len(names))})
	}
	return all
}

// findingGroups puts errors before warnings and findings of one check together,
// checks in the order in which they come up.
func findingGroups(findings []Finding, imageIDs map[string]string) []findingGroup {
	type key struct {
		severity Severity
		check    string
	}
	at := map[key]int{}
	var groups []findingGroup
	for _, f := range findings {
		k := key{f.Severity, f.Check}
		n, ok := at[k]
		if !ok {
			n, at[k] = len(groups), len(groups)
			groups = append(groups, findingGroup{Severity: f.Severity, Check: f.Check})
		}
		groups[n].Findings = append(groups[n].Findings, pageFinding{Finding: f, ImageID: imageIDs[f.Image]})
	}
	slices.SortStableFunc(groups, func(a, b findingGroup) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	number := 0
	for i := range groups {
		groups[i].share()
		for j := range groups[i].Findings {
			number++
			groups[i].Findings[j].Number = number
		}
	}
	return groups
}

// share moves to the head of a group what all of its findings say alike.
func (g *findingGroup) share() {
	g.Word = "Warning"
	if g.Severity == Error {
		g.Word = "Error"
	}
	first := g.Findings[0]
	for _, f := range g.Findings {
		g.OwnEffects = g.OwnEffects || f.Effect != first.Effect
		g.OwnRemedies = g.OwnRemedies || f.Remedy != first.Remedy
	}
	if !g.OwnEffects {
		g.Effect = first.Effect
	}
	if !g.OwnRemedies {
		g.Remedy = first.Remedy
	}
}

// imageGroups puts images of one group together, groups by name, those without one last.
func imageGroups(images []Image, numbers map[string][]int) []imageGroup {
	byName, bytes := map[string][]pageImage{}, map[string]int64{}
	for i, image := range images {
		row := pageImage{Image: image, ID: fmt.Sprintf("i%d", i+1), Bytes: shownSize(image.Size), Findings: numbers[image.Image]}
		for _, p := range image.Platforms {
			row.Platforms = append(row.Platforms, pagePlatform{p, shownSize(p.Size)})
		}
		byName[image.Group] = append(byName[image.Group], row)
		bytes[image.Group] += image.Size
	}
	var groups []imageGroup
	for name, rows := range byName {
		groups = append(groups, imageGroup{name, shownSize(bytes[name]), rows})
	}
	slices.SortFunc(groups, func(a, b imageGroup) int {
		if (a.Name == "") != (b.Name == "") {
			return -cmp.Compare(a.Name, b.Name)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return groups
}

// platformsOf are the platforms that any of the images offers, sorted.
func platformsOf(images []Image) []string {
	var names []string
	for _, image := range images {
		for _, p := range image.Platforms {
			names = append(names, p.Platform)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func shownSize(n int64) string {
	if n <= 0 {
		return ""
	}
	return progress.Size(n)
}

// shownNumber is a number as English writes it: 1,000.
func shownNumber(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is a number with its noun: 1 image, 41 images.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return shownNumber(n) + " " + noun
}

// inWords is words as English lists them: a, b and c.
func inWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
