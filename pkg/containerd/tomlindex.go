package containerd

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A tomlIndex is where the keys of a TOML file stand.
type tomlIndex struct {
	keys  []tomlKey      // in the order of the file
	first map[string]int // where each key, or the first one below it, stands; by joined keys
}

type tomlKey struct {
	keys  []string
	table bool // written as [a.b], not as a value
}

// indexToml finds the keys of tables, of values and of tables in a line. What comes
// behind an error is not there; containerd's own reading of the order stops there, too.
func indexToml(content string) tomlIndex {
	index := tomlIndex{first: map[string]int{}}
	p := unstable.Parser{}
	p.Reset([]byte(content))
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = index.add(nil, e, e.Kind == unstable.Table)
		case unstable.KeyValue:
			index.value(table, e)
		}
	}
	return index
}

func joinKeys(keys []string) string { return strings.Join(keys, "\x00") }

// add enters a key and those above it, and gives it.
func (x *tomlIndex) add(above []string, e *unstable.Node, table bool) []string {
	keys, offset := slices.Clone(above), -1
	for it := e.Key(); it.Next(); {
		keys = append(keys, string(it.Node().Data))
		if offset < 0 {
			offset = int(it.Node().Raw.Offset)
		}
	}
	x.keys = append(x.keys, tomlKey{keys, table})
	for i := len(keys); i > 0; i-- {
		joined := joinKeys(keys[:i])
		if _, there := x.first[joined]; there {
			break
		}
		x.first[joined] = offset
	}
	return keys
}

func (x *tomlIndex) value(above []string, e *unstable.Node) {
	keys := x.add(above, e, false)
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			x.value(keys, it.Node())
		}
	}
}

// find is the first place of a key, or of one below it.
func (x tomlIndex) find(keys ...string) (offset int, ok bool) {
	offset, ok = x.first[joinKeys(keys)]
	return offset, ok
}

// tables are the keys below key that are written as tables, in the order of the file: one
// that is interrupted by another comes twice.
func (x tomlIndex) tables(key string) []string {
	var list []string
	last := ""
	for _, k := range x.keys {
		if k.table && len(k.keys) > 1 && k.keys[0] == key && k.keys[1] != last {
			last = k.keys[1]
			list = append(list, last)
		}
	}
	return list
}

// children are the keys below key, however they are written, in the order of the file.
func (x tomlIndex) children(key string) []string {
	var list []string
	seen := map[string]bool{}
	for _, k := range x.keys {
		if len(k.keys) > 1 && k.keys[0] == key && !seen[k.keys[1]] {
			seen[k.keys[1]] = true
			list = append(list, k.keys[1])
		}
	}
	return list
}

// lineOffset is the first byte of a line, 1-based.
func lineOffset(content string, line int) int {
	offset := 0
	for ; line > 1; line-- {
		_, n := yamltree.CutLine(content[offset:])
		offset += n
	}
	return offset
}

// maskVariables puts digits, which may stand anywhere in a URL, in the places of ${VAR}
// and {{ action }}, and gives what turns them back.
func maskVariables(s string) (masked string, restore func(string) string) {
	var b strings.Builder
	var back []string
	for i := 0; i < len(s); {
		end := 0
		if strings.HasPrefix(s[i:], "${") || strings.HasPrefix(s[i:], "{{") {
			end = yamltree.VariableEnd(s, i)
		}
		if end <= i {
			b.WriteByte(s[i])
			i++
			continue
		}
		digits := "6553507" + strconv.Itoa(len(back))
		back = append(back, digits, s[i:end])
		b.WriteString(digits)
		i = end
	}
	return b.String(), strings.NewReplacer(back...).Replace
}

// holdsVariables says that s is a template.
func holdsVariables(s string) bool {
	masked, _ := maskVariables(s)
	return masked != s
}
