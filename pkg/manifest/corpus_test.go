package manifest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// corpusDir holds real manifests that are not part of this repository.
const corpusDir = "../../../shared/corpus"

// target is where the corpus tests send everything.
const target = "registry.airgap.example.com/airgap"

// corpus gives the files of the corpus by name, or skips the test and says so.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/TRUTH/") {
			return err
		}
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" || ext == ".txt" {
			src, err := os.ReadFile(path)
			files[strings.TrimPrefix(path, corpusDir+"/")] = string(src)
			return err
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Skip("NOT RUN: the corpus is not at ", corpusDir)
	}
	return files
}

func mapping(t testing.TB) func(Use) (image.Ref, bool) {
	t.Helper()
	m, err := image.NewMapping(target, image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(u Use) (image.Ref, bool) {
		if u.Ref.IsZero() {
			return u.Ref, true
		}
		return u.Target(m)
	}
}

// likely leaves alone what is only possible, as rewrite does.
func likely(to func(Use) (image.Ref, bool)) func(Use) (image.Ref, bool) {
	return func(u Use) (image.Ref, bool) {
		if u.Confidence == Possible {
			return u.Ref, false
		}
		return to(u)
	}
}

// TestCorpusFastPath holds the byte scan against the full parse: it may lose nothing.
func TestCorpusFastPath(t *testing.T) {
	for name, src := range corpus(t) {
		fast, full := mustParse(t, name, src, false), mustParse(t, name, src, true)
		if len(fast.uses) != len(full.uses) {
			t.Errorf("%s: %d uses by the byte scan, %d by the full parse", name, len(fast.uses), len(full.uses))
			continue
		}
		fastUses, fullUses := slices.Collect(fast.Uses()), slices.Collect(full.Uses())
		for i, a := range fastUses {
			if b := fullUses[i]; a.Written != b.Written || a.Line != b.Line || a.Path() != b.Path() || a.Document != b.Document {
				t.Errorf("%s: %+v by the byte scan, %+v by the full parse", name, a, b)
			}
		}
	}
}

func mustParse(t testing.TB, name, src string, full bool) *File {
	t.Helper()
	f, err := parse(name, []byte(src), full)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCorpusIdentity respells every part of every use as it is.
func TestCorpusIdentity(t *testing.T) {
	for name, src := range corpus(t) {
		if got := identity(t, mustParse(t, name, src, false)); got != src {
			t.Errorf("%s: respelling every reference as it is changed the file", name)
		}
	}
}

// identity splices each part of each use by its own text.
func identity(t testing.TB, f *File) string {
	t.Helper()
	var e edits
	for u := range f.Uses() {
		_ = e.make(u.asItIs()) // a use that cannot be respelled is left alone
	}
	out, ok := e.apply(f.text)
	if !ok {
		t.Errorf("%s: edits overlap", f.Name)
	}
	return string(out)
}

// TestCorpusRewrite rewrites every file and looks at the result without asking the
// splicer what it did.
func TestCorpusRewrite(t *testing.T) {
	var all, refused int
	for name, src := range corpus(t) {
		f := mustParse(t, name, src, false)
		out, err := f.Replace(mapping(t))
		if out == nil {
			t.Fatal(err)
		}
		n := len(refusals(err))
		for _, e := range refusals(err) {
			t.Log("refused: ", e)
		}
		all, refused = all+len(f.uses), refused+n
		checkOutside(t, name, src, string(out))
		again := mustParse(t, name, string(out), false)
		if len(again.uses) != len(f.uses) {
			t.Errorf("%s: %d uses before, %d after", name, len(f.uses), len(again.uses))
		}
		twice, _ := again.Replace(mapping(t))
		if string(twice) != string(out) {
			t.Errorf("%s: rewriting twice is not rewriting once", name)
		}
		outside := 0
		for u := range again.Uses() {
			if u.Confidence > Possible && !strings.HasPrefix(u.Ref.Name(), target) {
				outside++
			}
		}
		if outside > n {
			t.Errorf("%s: %d references point outside, %d were refused", name, outside, n)
		}
	}
	t.Logf("%d references, %d refused", all, refused)
	if refused*100 > all {
		t.Errorf("%d of %d references refused, more than 1 %%", refused, all)
	}
}

func refusals(err error) []error {
	if err == nil {
		return nil
	}
	return err.(interface{ Unwrap() []error }).Unwrap()
}

var word = regexp.MustCompile(`[A-Za-z0-9._/:@+=~\\-]+`)

// wrapped is a line of wrapped base64 and the break after it.
var wrapped = regexp.MustCompile(`(?m)^( *[A-Za-z0-9+/]{60,})\r?\n +([A-Za-z0-9+/]+={0,2}\r?)$`)

// unwrapLines joins wrapped base64, which may have more lines afterwards.
func unwrapLines(s string) string {
	for {
		joined := wrapped.ReplaceAllString(s, "$1$2")
		if joined == s {
			return s
		}
		s = joined
	}
}

// checkOutside compares two files line by line and word by word: between words nothing
// differs, and a word that differs is the old one behind the target.
func checkOutside(t *testing.T, name, before, after string) {
	t.Helper()
	old, now := strings.Split(unwrapLines(before), "\n"), strings.Split(unwrapLines(after), "\n")
	if len(old) != len(now) {
		t.Errorf("%s: %d lines became %d", name, len(old), len(now))
		return
	}
	for i := range old {
		if old[i] == now[i] {
			continue
		}
		if word.ReplaceAllString(old[i], "W") != word.ReplaceAllString(now[i], "W") {
			t.Errorf("%s:%d: more than a reference changed:\n%s\n%s", name, i+1, old[i], now[i])
			continue
		}
		a, b := word.FindAllString(old[i], -1), word.FindAllString(now[i], -1)
		for k := range a {
			if a[k] != b[k] && !respelled(t, name, a[k], b[k]) {
				t.Errorf("%s:%d: %q became %q", name, i+1, a[k], b[k])
			}
		}
	}
}

// respelled says that b is a with the target put before the reference in it.
func respelled(t *testing.T, name, a, b string) bool {
	i := strings.Index(b, target+"/")
	if i < 0 {
		x, errA := base64.StdEncoding.DecodeString(a)
		y, errB := base64.StdEncoding.DecodeString(b)
		if errA != nil || errB != nil {
			return false
		}
		if strings.HasPrefix(string(x), "\x1f\x8b") {
			x, y = unzip(t, x), unzip(t, y)
		}
		checkOutside(t, name+" in base64", string(x), string(y))
		return true
	}
	rest := b[i+len(target)+1:]
	a = strings.NewReplacer(`\x2f`, "/", `\/`, "/", "localhost:5000/", "localhost_5000/").Replace(a) // a path holds no ':'
	for _, implied := range []string{"", "docker.io/", "docker.io/library/"} {
		if tail, ok := strings.CutPrefix(rest, implied); ok && (b[:i]+tail == a || b[:i]+tail == a+"/coredns") {
			return true
		}
	}
	return false
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestCorpusTruth holds the listing against the reviewed truth: every reference, none
// that is no image, each on a line where it stands.
func TestCorpusTruth(t *testing.T) {
	for name, src := range corpus(t) {
		truth, err := os.ReadFile(filepath.Join(corpusDir, "TRUTH", name+".images"))
		if err != nil {
			continue
		}
		want, prefixes := readTruth(string(truth))
		seen := map[string]bool{}
		for u := range mustParse(t, name, src, false).Uses() {
			seen[u.Written] = true
			if u.Prefix || u.Confidence == Possible {
				continue
			}
			lines, ok := want[u.Written]
			if !ok {
				if !prefixes[u.Written] {
					t.Errorf("%s:%d: %s is no image (rule %s)", name, u.Line, u.Written, u.Rule)
				}
			} else if line := strings.Split(strings.ReplaceAll(lines, " ", ""), ","); !u.Templated && !contains(line, u.Line) {
				t.Errorf("%s:%d: %s stands in lines %s", name, u.Line, u.Written, lines)
			}
		}
		for ref := range want {
			if !seen[ref] {
				t.Errorf("%s: %s was not found", name, ref)
			}
		}
		for ref := range prefixes {
			if !seen[ref] {
				t.Logf("%s: the prefix %s is not rewritten", name, ref)
			}
		}
	}
}

func contains(lines []string, line int) bool {
	for _, l := range lines {
		if l == strconv.Itoa(line) {
			return true
		}
	}
	return false
}

func readTruth(s string) (want map[string]string, prefixes map[string]bool) {
	want, prefixes = map[string]string{}, map[string]bool{}
	for _, line := range strings.Split(s, "\n") {
		col := strings.Split(line, "\t")
		if len(col) < 3 || strings.HasPrefix(line, "#") || col[1] == "comment" {
			continue
		}
		if strings.HasPrefix(col[1], "repo-prefix") || strings.HasPrefix(col[1], "oci-artifact") {
			prefixes[col[0]] = true
			continue
		}
		if old, ok := want[col[0]]; ok {
			col[2] = old + "," + col[2]
		}
		want[col[0]] = col[2]
	}
	return want, prefixes
}
