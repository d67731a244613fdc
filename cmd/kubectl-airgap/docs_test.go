package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A block is a piece of a page that a reader types into a shell.
type block struct {
	line   int    // of its fence
	script string // what is typed
	exit   int    // the status that it ends with: ```sh exit=3
}

// TestDocs runs every command of README.md and docs/, page by page from top to bottom, as a reader would who has what
// testdata/docs/home holds. The internet is played by a proxy, programs that are not ours by scripts of testdata/docs/bin.
func TestDocs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the pages are written for a shell: NOT checked on Windows")
	}
	pages := append(must(filepath.Glob("../../docs/*.md"))(t), "../../README.md")
	for _, page := range pages {
		name := filepath.Base(page)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := string(must(os.ReadFile(page))(t))
			blocks := shellBlocks(t, name, text)
			checkUntested(t, name, text)
			if len(blocks) == 0 {
				t.Skip("it has no commands")
			}
			runPage(t, name, blocks)
		})
	}
}

// shellBlocks are the fenced blocks of a page that hold commands.
func shellBlocks(t *testing.T, name, text string) []block {
	t.Helper()
	var blocks []block
	var at *block
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch info := strings.Fields(fence); {
		case isFence && at != nil:
			blocks = append(blocks, *at)
			at = nil
		case isFence && len(info) > 0 && info[0] == "sh":
			at = &block{line: i + 1}
			for _, word := range info[1:] {
				status, err := strconv.Atoi(strings.TrimPrefix(word, "exit="))
				if err != nil {
					t.Errorf("%s:%d: %q is not exit=STATUS", name, i+1, word)
				}
				at.exit = status
			}
		case at != nil:
			at.script += line + "\n"
		}
	}
	return blocks
}

// A command that no test runs does not stand in a page: what is typed is in blocks of sh; text, yaml and the like hold what
// is read or printed, and indented blocks what a command looks like.
func checkUntested(t *testing.T, name, text string) {
	t.Helper()
	for _, fence := range regexp.MustCompile("(?m)^```(\\w+)").FindAllStringSubmatch(text, -1) {
		if slices.Contains([]string{"bash", "shell", "console"}, fence[1]) {
			t.Errorf("%s: a block of %s is run by no test: call it sh", name, fence[1])
		}
	}
}

// runPage runs the blocks of a page one after the other in a home of their own.
func runPage(t *testing.T, name string, blocks []block) {
	typed := newTypist(t)
	for _, b := range blocks {
		got, out := typed.run(t, b.script)
		if got != b.exit {
			t.Fatalf("%s:%d: exit status %d, not %d:\n%s\n%s", name, b.line, got, b.exit, b.script, out)
		}
		t.Logf("%s:%d:\n%s\n%s", name, b.line, b.script, out)
	}
}

// TestHelpExamples runs every example that the help of a command shows, but for those that do not end, or that want a
// cluster (testdata/script has them).
func TestHelpExamples(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the examples are written for a shell: NOT checked on Windows")
	}
	typed := newTypist(t)
	if status, out := typed.run(t, string(must(os.ReadFile("testdata/docs/before-examples.sh"))(t))); status != 0 {
		t.Fatalf("%d\n%s", status, out)
	}
	for _, verb := range []string{"images", "pull", "bundle ls", "bundle check", "bundle diff", "bundle split", "bundle join", "bundle import", "push", "mirror", "load", "rewrite", "overrides", "nodes", "verify", "init", "version"} {
		if verb == "init" {
			typed.run(t, "rm airgap.yaml") // it writes one only where there is none
		}
		_, help := typed.run(t, "cp site-2.tar site.tar; kubectl airgap "+verb+" --help")
		_, examples, found := strings.Cut(help, "Examples:\n")
		examples, _, _ = strings.Cut(examples, "\n\nFlags:")
		if !found {
			t.Errorf("the help of %s has no example", verb)
		}
		for line := range strings.Lines(strings.ReplaceAll(examples, "\\\n", "")) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") || strings.Contains(line, "--from-cluster") || strings.Contains(line, "--from-dump") {
				continue
			}
			if status, out := typed.run(t, line); status != 0 && status != 3 {
				t.Errorf("%s\nexit status %d\n%s", line, status, out)
			}
		}
	}
}

// A typist types into a shell as a reader does who has what testdata/docs/home holds.
type typist struct {
	home        string
	environment []string
}

func newTypist(t *testing.T) *typist {
	t.Helper()
	home, bin := t.TempDir(), must(filepath.Abs("testdata/docs/bin"))(t)
	for to, from := range map[string]string{home: "testdata/docs/home", filepath.Join(home, "examples"): "../../examples"} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	in := newInternet(t, "testdata/docs/web")
	ca := filepath.Join(home, "ca.crt")
	if err := os.WriteFile(ca, in.caPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &typist{home, append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"SSL_CERT_FILE="+ca, "HTTPS_PROXY="+in.proxy.URL, "HTTP_PROXY="+in.proxy.URL, "NO_PROXY=")}
}

// run gives the exit status of a script and all that it printed.
func (typed *typist) run(t *testing.T, script string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	cmd.Dir, cmd.Env = typed.home, typed.environment
	out, err := cmd.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		t.Fatal(err)
	}
	if failed {
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

// TestDocsLinks: every link of a page to another file of the repository leads there.
func TestDocsLinks(t *testing.T) {
	pages := append(must(filepath.Glob("../../docs/*.md"))(t), "../../README.md", "../../CONTRIBUTING.md", "../../ARCHITECTURE.md")
	links := 0
	for _, page := range append(pages, must(filepath.Glob("../../docs/reference/*.md"))(t)...) {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(must(os.ReadFile(page))(t)), -1) {
			path, _, _ := strings.Cut(link[1], "#")
			if path == "" || strings.Contains(path, "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), path)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, link[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links: are they read?", links)
	}
}
