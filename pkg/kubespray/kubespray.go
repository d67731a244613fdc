// Package kubespray reads and writes what Kubespray's offline mode knows: the lists of
// contrib/offline, its checksums, the archive of its script, and offline.yml.
//
// The formats are those of github.com/kubernetes-sigs/kubespray at v2.31.0.
package kubespray

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits of lists, far above what Kubespray has: v2.31.0 lists 24 files.
const (
	maxLine  = 8 << 10
	maxLines = 100_000
)

// A File is a line of files.list.
type File struct {
	URL  string // as it is written; it may hold a password
	Path string // where it is below a files_repo: host and path of the URL
	Line int    // 1-based
}

// ParseFileList reads a list of URLs, one per line, as contrib/offline/generate_list.sh
// writes it to temp/files.list. Empty lines and those that begin with # do not count, nor
// does a URL that was there before. name is what errors begin with: each is
// name:line:column, in the order of the lines, and all are reported at once. A line whose
// variables were not filled in is one, and so are two URLs that would be one file.
func ParseFileList(name string, text []byte) ([]File, error) {
	var files []File
	var errs []error
	seen := map[string]File{}
	for l := range lines(text, &errs, name) {
		f, err := l.file()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, l.number, l.column+err.offset, err))
			continue
		}
		if before, ok := seen[f.Path]; ok {
			if before.URL != f.URL {
				errs = append(errs, fmt.Errorf("%s:%d:%d: it would be the same file as line %d, %s", name, l.number, l.column, before.Line, f.Path))
			}
			continue
		}
		seen[f.Path] = f
		files = append(files, f)
	}
	if len(files) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: there is no URL in it", name))
	}
	return files, errors.Join(errs...)
}

// CheckList says which lines of a list, of images or of files, hold variables of Ansible
// that were not filled in: generate_list.sh leaves such lists in *.list.template. A text
// whose lines are more than a word each is no list, and nothing is said of it.
func CheckList(name string, text []byte) error {
	var errs []error
	for l := range lines(text, &errs, name) {
		at, rest := variable(l.text)
		if strings.ContainsAny(rest, " \t") {
			return nil
		}
		if at >= 0 {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, l.number, l.column+runes(l.text[:at]), errVariable))
		}
	}
	return errors.Join(errs...)
}

var errVariable = errors.New("a variable of Ansible is not filled in: take the list that generate_list.sh writes, not its template")

// variable finds the first {{ or {% of a line, -1 for none, and gives the line without
// any of them.
func variable(line string) (at int, rest string) {
	at = -1
	for offset := 0; ; {
		i := strings.Index(line, "{{")
		closing := "}}"
		if k := strings.Index(line, "{%"); k >= 0 && (i < 0 || k < i) {
			i, closing = k, "%}"
		}
		if i < 0 {
			return at, rest + line
		}
		if at < 0 {
			at = offset + i
		}
		end := strings.Index(line[i:], closing)
		if end < 0 {
			return at, rest + line[:i]
		}
		rest += line[:i]
		offset += i + end + len(closing)
		line = line[i+end+len(closing):]
	}
}

// A line of a list, without the blanks around it.
type line struct {
	text   string
	number int
	column int // of its first character, in characters, 1-based
}

// lines gives the lines that say something; what is too much is an error.
func lines(text []byte, errs *[]error, name string) func(func(line) bool) {
	return func(yield func(line) bool) {
		number := 0
		for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
			number++
			written := strings.TrimRight(string(raw), " \t\r\n")
			l := line{text: strings.TrimLeft(written, " \t"), number: number}
			l.column = 1 + len(written) - len(l.text)
			switch {
			case l.text == "" || strings.HasPrefix(l.text, "#"):
				continue
			case number > maxLines || len(l.text) > maxLine:
				*errs = append(*errs, fmt.Errorf("%s:%d:1: the list has lines of more than %d bytes, or more than %d of them", name, number, maxLine, maxLines))
				return
			}
			if !yield(l) {
				return
			}
		}
	}
}

// A lineError is what is wrong with a line, so many characters from its beginning.
type lineError struct {
	offset int
	error
}

func (e *lineError) Unwrap() error { return e.error }

// file reads a line as a URL. No error shows the URL: it may hold a password.
func (l line) file() (File, *lineError) {
	fail := func(at int, text string) (File, *lineError) {
		return File{}, &lineError{runes(l.text[:max(at, 0)]), errors.New(text)}
	}
	if at, _ := variable(l.text); at >= 0 {
		return File{}, &lineError{runes(l.text[:at]), errVariable}
	}
	if at := strings.IndexFunc(l.text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }); at >= 0 {
		return fail(at, "a line is one URL, and this has a blank or a control character in it")
	}
	u, err := url.Parse(l.text)
	switch {
	case err != nil:
		return fail(0, "this is no URL (not shown, it may hold a password)")
	case u.Scheme != "http" && u.Scheme != "https":
		return fail(0, "a URL begins with https:// or http://")
	case u.Hostname() == "":
		return fail(0, "this URL has no host")
	}
	to := strings.ReplaceAll(strings.ToLower(u.Host), ":", "_") + u.Path
	if problem := checkPath(to); problem != "" {
		return fail(strings.Index(l.text, "://")+len("://"), problem)
	}
	return File{URL: l.text, Path: to, Line: l.number}, nil
}

// checkPath says what keeps a path from being one of a file, on any system.
func checkPath(to string) string {
	if strings.ContainsAny(to, `\:*?"<>|`) || strings.ContainsFunc(to, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return `this URL's path has a character that no file can have everywhere: \ : * ? " < > | or a control character`
	}
	elements := strings.Split(to, "/")
	if len(elements) == 1 || elements[len(elements)-1] == "" {
		return "this URL names no file, but a folder"
	}
	for _, e := range elements {
		if e == "" || e == "." || e == ".." {
			return "this URL's path has an element " + fmt.Sprintf("%q", e) + ", which leads elsewhere"
		}
	}
	return ""
}

func runes(s string) int { return utf8.RuneCountInString(s) }
