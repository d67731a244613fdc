package image

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPairs(t *testing.T) {
	m := newMapping(t, "r.example", LayoutHost)
	pairs, err := Pairs(m, parseAll(t, "quay.io/b:1", "quay.io/b-c:1", "quay.io/b:1", "r.example/quay.io/b:1", "nginx"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pairs {
		got = append(got, p.Source.String()+" "+p.Target.String())
	}
	want := []string{
		"docker.io/library/nginx:latest r.example/docker.io/library/nginx:latest",
		"quay.io/b-c:1 r.example/quay.io/b-c:1",
		"quay.io/b:1 r.example/quay.io/b:1",
		"r.example/quay.io/b:1 r.example/quay.io/b:1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestPairsCollide(t *testing.T) {
	a, b := "@sha256:"+hex64, "@sha256:a"+hex64[:63]
	tests := []struct {
		name string
		in   string
		want string // TARGET<FIRST,SECOND, blanks between
	}{
		{"tags", "quay.io/x:1 docker.io/x:1", "r.example/x:1<docker.io/library/x:1,quay.io/x:1"},
		{"same digest", "quay.io/x:1" + a + " docker.io/x:1" + a, ""},
		{"same digest without tag", "quay.io/x" + a + " docker.io/x" + a, ""},
		{"digests without tag", "quay.io/x" + a + " docker.io/x" + b, ""},
		{"one digest", "quay.io/x:1" + a + " docker.io/x:1", "r.example/x:1<docker.io/library/x:1,quay.io/x:1" + a},
		{"two digests", "quay.io/x:1" + a + " ghcr.io/x:1" + b, "r.example/x:1<ghcr.io/x:1" + b + ",quay.io/x:1" + a},
		{"one image, pinned and not", "quay.io/x:1 quay.io/x:1" + a, ""},
		{"second run", "quay.io/x:1 r.example/x:1", ""},
		{"second run hides nothing", "quay.io/x:1 r.example/x:1 ghcr.io/x:1", "r.example/x:1<ghcr.io/x:1,quay.io/x:1"},
		{"other tag", "quay.io/x:1 docker.io/x:2", ""},
		{
			"all of them", "quay.io/x:1 docker.io/x:1 ghcr.io/x:1 quay.io/y:1 ghcr.io/y:1",
			"r.example/x:1<docker.io/library/x:1,ghcr.io/x:1 r.example/x:1<docker.io/library/x:1,quay.io/x:1 r.example/y:1<ghcr.io/y:1,quay.io/y:1",
		},
	}
	m := newMapping(t, "r.example", LayoutName)
	for _, test := range tests {
		_, err := Pairs(m, parseAll(t, strings.Fields(test.in)...))
		if got := collisions(err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// Pairs of several mappings are checked together, in any order and however often.
func TestCheckPairs(t *testing.T) {
	refs := parseAll(t, "quay.io/x:1", "docker.io/a/x:1", "r.example/cni/x:1", "r.example/csi/x:1")
	quay, hub, cni, csi := refs[0], refs[1], refs[2], refs[3]
	tests := []struct {
		name  string
		pairs []Pair
		want  string
	}{
		{"one source in two groups", []Pair{{quay, cni}, {quay, csi}}, ""},
		{"across groups", []Pair{{quay, cni}, {quay, csi}, {hub, csi}}, "r.example/csi/x:1<docker.io/a/x:1,quay.io/x:1"},
		{"more than once", []Pair{{quay, cni}, {hub, cni}, {quay, cni}, {hub, cni}}, "r.example/cni/x:1<docker.io/a/x:1,quay.io/x:1"},
	}
	for _, test := range tests {
		before := slices.Clone(test.pairs)
		if got := collisions(CheckPairs(test.pairs)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if !slices.Equal(test.pairs, before) {
			t.Errorf("%s: the pairs were changed", test.name)
		}
	}
}

func collisions(err error) string {
	joined, _ := err.(interface{ Unwrap() []error })
	if joined == nil {
		return ""
	}
	var all []string
	for _, err := range joined.Unwrap() {
		var c *CollisionError
		if errors.As(err, &c) {
			all = append(all, c.Target.String()+"<"+c.First.String()+","+c.Second.String())
		}
	}
	return strings.Join(all, " ")
}

func TestPairsRefuseTargetsThatAreNoNames(t *testing.T) {
	long := "quay.io/" + strings.Repeat("a", 250)
	_, err := Pairs(newMapping(t, "r.example", LayoutHost), parseAll(t, long))
	if err == nil || !strings.Contains(err.Error(), "255") {
		t.Errorf("a target that is too long: %v", err)
	}
	_, err = Pairs(newMapping(t, "r.example", LayoutGroup).InGroup("No Group"), parseAll(t, "nginx"))
	if err == nil || !strings.Contains(err.Error(), "lower case") {
		t.Errorf("a group that is none: %v", err)
	}
}
