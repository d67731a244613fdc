package airgap_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/coverage.md claims nothing that no test shows: whatever it calls a test is one, and every row that claims a pass
// names one.
func TestCoverageNamesTests(t *testing.T) {
	text, err := os.ReadFile("docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, scripts := namesOfTests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)[^`]*`|`([a-z0-9-]+\\.txtar)`")
	rows := 0
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		rows++
		found := named.FindAllStringSubmatch(line, -1)
		for _, m := range found {
			if m[1] != "" && !tests[m[1]] || m[2] != "" && !scripts[m[2]] {
				t.Errorf("docs/coverage.md:%d: there is no %s", i+1, m[0])
			}
		}
		if cells := strings.Split(line, " | "); strings.HasPrefix(cells[len(cells)-1], "pass") && len(found) == 0 {
			t.Errorf("docs/coverage.md:%d: passes, by no test", i+1)
		}
	}
	if rows < 100 {
		t.Errorf("%d rows: is the table read?", rows)
	}
}

// namesOfTests are the functions of all test files, and the names of all scripts.
func namesOfTests(t *testing.T) (tests, scripts map[string]bool) {
	t.Helper()
	tests, scripts = map[string]bool{}, map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			scripts[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range function.FindAllSubmatch(source, -1) {
				tests[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, scripts
}
