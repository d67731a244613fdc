package export

import (
	"bufio"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// The formats that a shell runs. download-images.sh of VMware reads lines by itself and
// takes no quotes off them: words are quoted only if they have to be.

// writeImgpkgScript writes what gen-publish-images.sh of tanzu-framework prints, but each
// line once: its first line, and a blank one before every command.
func writeImgpkgScript(w *bufio.Writer, entries []Entry, opts Options) error {
	fmt.Fprintln(w, "set -euo pipefail")
	for group, e := range grouped(entries) {
		comment(w, group)
		kind := "-i"
		if e.Bundle {
			kind = "-b"
		}
		words := []string{"imgpkg", "copy", kind, e.Source.String(), "--to-repo", e.Target.Name()}
		if opts.CAFile != "" {
			words = append(words, "--registry-ca-cert-path", opts.CAFile)
		}
		if opts.PlainHTTP {
			words = append(words, "--registry-insecure")
		}
		fmt.Fprintf(w, "\n%s\n", command(words))
	}
	return nil
}

func writeCrane(w *bufio.Writer, entries []Entry, opts Options) error {
	fmt.Fprintln(w, "set -eu")
	shared := sharedTags(entries)
	for group, e := range grouped(entries) {
		comment(w, group)
		words := []string{"crane", "copy", e.Source.String(), place(e, shared).String()}
		if opts.PlainHTTP {
			words = append(words, "--insecure")
		}
		fmt.Fprintln(w, command(words))
	}
	return nil
}

// grouped gives the entries group by group, each with the name of its group where that
// begins, else with "".
func grouped(entries []Entry) iter.Seq2[string, Entry] {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Group, b.Group) })
	return func(yield func(string, Entry) bool) {
		last := ""
		for _, e := range sorted {
			begins := ""
			if e.Group != last {
				begins, last = e.Group, e.Group
			}
			if !yield(begins, e) {
				return
			}
		}
	}
}

// comment writes a comment of one line, whatever is in the text.
func comment(w *bufio.Writer, text string) {
	if text == "" {
		return
	}
	fmt.Fprintln(w, "# "+strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}

// command is a line of shell that runs the words, whatever is in them.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// quote is the word as a POSIX shell gives it to a program unchanged: as it is if no
// character of it means anything to a shell, else in single quotes.
func quote(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./:@%+,=-", c)
	}
	if word != "" && strings.IndexFunc(word, func(c rune) bool { return !plain(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
