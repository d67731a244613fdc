package output

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
)

// files writes files, each with its name as content, and gives dir.
func files(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// list is what is below dir, FILE=CONTENT.
func list(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all = append(all, filepath.ToSlash(rel)+"="+string(text))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

// putAll puts "new NAME" for every input, from several goroutines.
func putAll(t *testing.T, tree *Tree, set input.Set) {
	t.Helper()
	var group sync.WaitGroup
	for i := range set.Inputs {
		group.Go(func() {
			in := &set.Inputs[i]
			if err := tree.Put(in, []byte("new "+filepath.ToSlash(in.Rel)), true); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestInDir(t *testing.T) {
	in := files(t, "a.yaml", "b/c.yaml", "b/d.txt")
	out := filepath.Join(t.TempDir(), "deep", "out")
	set := input.Find(input.Options{Filenames: []string{in}})
	tree, err := InDir(out, set)
	if err != nil {
		t.Fatal(err)
	}
	putAll(t, tree, set)
	if err := tree.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, out), []string{"a.yaml=new a.yaml", "b/c.yaml=new b/c.yaml", "b/d.txt=b/d.txt"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := list(t, in), []string{"a.yaml=a.yaml", "b/c.yaml=b/c.yaml", "b/d.txt=b/d.txt"}; !slices.Equal(got, want) {
		t.Errorf("the input is now %q, want %q", got, want)
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	in, parent := files(t, "a.yaml", "b/c.yaml", "b/d.txt"), t.TempDir()
	set := input.Find(input.Options{Filenames: []string{in}})
	tree, err := InDir(filepath.Join(parent, "out"), set)
	if err != nil {
		t.Fatal(err)
	}
	putAll(t, tree, set)
	if err := tree.Discard(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A file that cannot be copied keeps the manifests from being written.
func TestCommitFailsBeforeItBegins(t *testing.T) {
	in, out := files(t, "a.yaml", "b.txt"), t.TempDir()
	set := input.Find(input.Options{Filenames: []string{in}})
	tree, err := InDir(out, set)
	if err != nil {
		t.Fatal(err)
	}
	putAll(t, tree, set)
	if err := os.Remove(filepath.Join(in, "b.txt")); err != nil {
		t.Fatal(err)
	}
	if err := tree.Commit(); err == nil || !strings.Contains(err.Error(), "b.txt") {
		t.Errorf("%v, want an error that names b.txt", err)
	}
	if err := tree.Discard(); err != nil {
		t.Fatal(err)
	}
	if left := list(t, out); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestPlanErrors(t *testing.T) {
	dir := files(t, "a/x.yaml", "b/x.yaml", "b/a/x.yaml", "c/y.yaml", "c/readme", "d/z.yaml", "d/readme", "file")
	at := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, filepath.Join(dir, name))
		}
		return paths
	}
	for _, test := range []struct {
		inputs []string
		out    string
		want   string
	}{
		{at("a", "b"), "out", "would both be written to"},
		{at("c", "d"), "out", "would both be written to"},
		{at("a"), "a", "would overwrite the input"},
		{at("b/a/x.yaml"), "b", ""}, // b/x.yaml is there, but no input
		{at("b"), "b/a/..", "would overwrite the input"},
		{at("a"), "file", "is a file, not a directory"},
	} {
		_, err := InDir(filepath.Join(dir, test.out), input.Find(input.Options{Filenames: test.inputs}))
		if got := fmt.Sprint(err); (err != nil) != (test.want != "") || !strings.Contains(got, test.want) {
			t.Errorf("%q to %s: %s, want %q", test.inputs, test.out, got, test.want)
		}
	}
}

// Two inputs that are one file have one output.
func TestInPlaceThroughLink(t *testing.T) {
	dir := files(t, "a/real.yaml", "b/none")
	link := filepath.Join(dir, "b", "link.yaml")
	if err := os.Symlink(filepath.Join(dir, "a", "real.yaml"), link); err != nil {
		t.Skip(err)
	}
	set := input.Find(input.Options{Filenames: []string{dir}})
	for _, outputs := range [][]string{{"same", "same"}, {"one", "another"}} {
		tree, err := InPlace(set)
		if err != nil {
			t.Fatal(err)
		}
		var errs []string
		for i, output := range outputs {
			if err := tree.Put(&set.Inputs[i], []byte(output), output != "old"); err != nil {
				errs = append(errs, err.Error())
			}
		}
		if same := outputs[0] == outputs[1]; same != (len(errs) == 0) {
			t.Errorf("%q: errors %q", outputs, errs)
		}
		if err := tree.Discard(); err != nil {
			t.Fatal(err)
		}
	}
}

// The zero Tree is nowhere.
func TestNowhere(t *testing.T) {
	t.Chdir(t.TempDir())
	var tree Tree
	if err := tree.Put(&input.Input{Name: "x", Rel: "x", File: "x"}, []byte("text"), true); err != nil {
		t.Error(err)
	}
	if err := tree.Commit(); err != nil {
		t.Error(err)
	}
	if left := list(t, "."); len(left) > 0 {
		t.Errorf("written: %q", left)
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "new", "to")
	for _, text := range []string{"first", "", strings.Repeat("x", 1<<20)} {
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(from, 0o751); err != nil {
			t.Fatal(err)
		}
		if err := copyFile(from, to); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(to)
		info, _ := os.Stat(to)
		if err != nil || string(got) != text || info.Mode().Perm() != 0o751 {
			t.Errorf("%d bytes, %v, %v; want %d", len(got), info.Mode(), err, len(text))
		}
	}
	if err := copyFile(dir, to); err == nil || fmt.Sprint(err) != "not a regular file" {
		t.Errorf("a directory: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
