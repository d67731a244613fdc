package image

// A Layout says how a name is laid out below the target registry.
type Layout string

// The layouts of CONTRACT.md.
const (
	LayoutHost  Layout = "host"
	LayoutPath  Layout = "path"
	LayoutName  Layout = "name"
	LayoutGroup Layout = "group"
)

// A Rule sends every image whose name starts with From (whole path elements) to To.
type Rule struct{ From, To string }

// ParseRule reads FROM=TO.
func ParseRule(s string) (Rule, error) { panic("todo") }

// A Mapping says where images go.
type Mapping struct {
	to     string
	layout Layout
	group  string
	rules  []Rule
}

// NewMapping returns the mapping below the target to (REGISTRY[/PREFIX]).
func NewMapping(to string, layout Layout, rules []Rule) (Mapping, error) { panic("todo") }

// InGroup returns the mapping for manifests of the group (layout group only).
func (m Mapping) InGroup(group string) Mapping { panic("todo") }

// Target says where r goes, and whether that is another place than where it is.
func (m Mapping) Target(r Ref) (Ref, bool) { panic("todo") }

// TargetPrefix is Target for a registry or repository prefix.
func (m Mapping) TargetPrefix(r Ref) (Ref, bool) { panic("todo") }

// A Pair is one image and the place it goes to.
type Pair struct{ Source, Target Ref }
