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
	home, bin := t.TempDir(), must(filepath.Abs("testdata/docs/bin"))(t)
	for _, from := range []string{"testdata/docs/home", "../../examples/site"} {
		to := home
		if from != "testdata/docs/home" {
			to = filepath.Join(home, "examples", "site")
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	in := newInternet(t, "testdata/docs/web")
	ca := filepath.Join(home, "ca.crt")
	if err := os.WriteFile(ca, in.caPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"SSL_CERT_FILE="+ca, "HTTPS_PROXY="+in.proxy.URL, "HTTP_PROXY="+in.proxy.URL, "NO_PROXY=")
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", b.script)
		cmd.Dir, cmd.Env = home, environment
		out, err := cmd.CombinedOutput()
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != b.exit {
			t.Fatalf("%s:%d: exit status %d, not %d:\n%s\n%s", name, b.line, got, b.exit, b.script, out)
		}
		t.Logf("%s:%d:\n%s\n%s", name, b.line, b.script, out)
	}
}
