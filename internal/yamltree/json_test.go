package yamltree

import (
	"strings"
	"testing"
)

// checkJSON holds parseJSON against the full parser, as checkBlock does parseBlock.
func checkJSON(t testing.TB, src string) bool {
	t.Helper()
	text := &Text{S: src}
	fast, ok := parseJSON(text, 0, len(src))
	if !ok {
		return false
	}
	full, err := parseTree(text, src, 0, len(src))
	if err != nil || len(full) != 1 {
		t.Errorf("accepted what the full parser does not: %v\n%q", err, src)
		return true
	}
	if err := sameTree(fast, full[0]); err != nil {
		t.Errorf("fast and full parser differ: %v\n%q", err, src)
	}
	return true
}

func TestJSON(t *testing.T) {
	for _, src := range []string{
		`{}`, "{\n}\n", `{"a":1,"b":-2.5e3,"c":[],"d":{},"e":null,"f":true,"g":[1,"two",{"three":3}]}`,
		`{"a": "b\"c\\de\n\t\u00e9", "ä": "日本", "":""}`, "{\n    \"a\": [\n        \"b\"\n    ]\n}\n",
	} {
		if !checkJSON(t, src) {
			t.Errorf("not read the fast way: %s", src)
		}
	}
	for _, src := range []string{
		``, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":[1,]}`, `{a: 1}`, `{"a":1} {"b":2}`, `{"a":"\ud83d\ude00"}`, `{"a":"\x41"}`, `{"a":"\/"}`,
		"{\"a\"\n:1}", "{\t\"a\":1}", "{\"a\":\"b\tc\"}", `{"a":nul}`, `{"a":-}`, `{"a":'b'}`, "{\"a\":\"\u0085\"}", "{\"a\":\"\ufeff\"}",
		`{"` + strings.Repeat("k", 1100) + `":1}`, strings.Repeat(`{"a":`, maxDepth+2) + "1" + strings.Repeat("}", maxDepth+2),
	} {
		if _, ok := parseJSON(&Text{S: src}, 0, len(src)); ok {
			t.Errorf("read the fast way: %.60q", src)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"a:1","args":["-c","d"]}]},"n":1.5,"t":true,"z":null}`)
	f.Add("{\n  \"a\": \"b\\n\\u00e9\\\"\"\n}\n")
	f.Fuzz(func(t *testing.T, src string) {
		if CheckText(src) == nil {
			checkJSON(t, src)
		}
	})
}
