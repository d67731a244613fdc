package verify

import (
	_ "embed"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

//go:embed data/operators.tsv
var operatorsTSV string

// An operatorRow is one row of data/operators.tsv.
type operatorRow struct {
	name   string
	match  string   // the end of its image's repository
	unless []string // ends of repositories, one of which makes the row not apply
	needs  []string // names with {tag} and {dir}; none if they cannot be known
	advice string   // what to do
}

// operatorRows reads the table.
func operatorRows() []operatorRow {
	var rows []operatorRow
	for line := range strings.Lines(operatorsTSV) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(cells) < 6 || cells[0] == "name" {
			continue
		}
		row := operatorRow{name: cells[0], match: cells[1], unless: strings.Split(cells[2], "|"), advice: cells[4]}
		if cells[3] != "-" {
			row.needs = strings.Split(cells[3], " ")
		}
		rows = append(rows, row)
	}
	return rows
}

// endsIn says that the last path elements of a repository are end. A * behind end stands
// for the rest of the last element.
func endsIn(repository, end string) bool {
	if start, ok := strings.CutSuffix(end, "*"); ok {
		return strings.HasPrefix(repository, start) || strings.Contains(repository, "/"+start)
	}
	return repository == end || strings.HasSuffix(repository, "/"+end)
}

func (row *operatorRow) isSatisfied(repository string) bool {
	for _, end := range row.unless {
		if endsIn(repository, end) {
			return true
		}
	}
	return false
}

// An operator is a use of an image that a row is about.
type operator struct {
	row      operatorRow
	ref      image.Ref
	place    string
	document int
}

// A satisfied is a document of a file that names what a row looks for.
type satisfied struct {
	row      string
	document int
}

// operator notes what a use says for the table.
func (r *reading) operator(u *manifest.Use, place string) {
	if u.Prefix || u.Ref.IsZero() {
		return
	}
	repository := r.origin(u.Ref).Repository
	for _, row := range r.rows {
		if u.Rule == "container" && endsIn(repository, row.match) { // in a list it runs nothing
			r.matched = append(r.matched, operator{row, clone(u.Ref), place, u.Document})
		}
		if row.isSatisfied(repository) {
			r.satisfied[satisfied{row.key(), u.Document}] = true
		}
	}
}

// origin is what an image on the site was called where it was carried from, if that is
// known.
func (m *Manifests) origin(r image.Ref) image.Ref {
	if locked, ok := m.site.Carried.Image(r); ok {
		if ref, err := image.Parse(locked.Image); err == nil {
			return ref
		}
	}
	return r
}

// key tells rows apart.
func (row *operatorRow) key() string {
	return row.name + "\t" + row.match + "\t" + strings.Join(row.unless, "|")
}

// operating are the operators of the file that do not themselves say what they need.
func (r *reading) operating() []operator {
	var all []operator
	for _, o := range r.matched {
		if !r.satisfied[satisfied{o.row.key(), o.document}] {
			all = append(all, o)
		}
	}
	return all
}

// names are the names that the operator asks for, as its row spells them.
func (o *operator) names() ([]image.Ref, error) {
	dir, _, _ := cutLast(o.ref.Name())
	var all []image.Ref
	for _, need := range o.row.needs {
		ref, err := image.Parse(strings.NewReplacer("{tag}", o.ref.Tag, "{dir}", dir).Replace(need))
		if err != nil {
			return nil, err
		}
		all = append(all, ref)
	}
	return all, nil
}

// cutLast takes the last element off a name.
func cutLast(name string) (dir, last string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}
