package verify

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"unicode"
)

//go:embed html/page.html
var pageHTML string

//go:embed html/page.css
var pageCSS string

//go:embed html/page.js
var pageJS string

// HTMLOptions is what a page tells that no report knows.
type HTMLOptions struct {
	Title   string // the heading, such as the name of the site; empty: "Airgap report"
	Version string // of the program that verified; empty: not told
	Date    string // when, shown as it stands; empty: not told, and one report always gives the same bytes
}

// WriteHTML writes a report as one page for those who decide about a site. It
// needs nothing beside itself, shows everything without JavaScript and on paper,
// and is sorted and filtered with JavaScript. Its content security policy lets
// only its own style and script run, whatever the report says.
func WriteHTML(w io.Writer, r *Report, o HTMLOptions) error {
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, newPage(r, o)); err != nil {
		return fmt.Errorf("filling the page: %w", err)
	}
	if _, err := w.Write(visible(out.Bytes())); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// An inline is a style or a script of ours, with what the content security policy
// knows it by.
type inline struct {
	CSS  template.CSS
	JS   template.JS
	Hash string // sha256-…
}

func inlineCSS() inline {
	return inline{CSS: template.CSS(pageCSS), Hash: sourceHash(pageCSS)} // ours, embedded: no data goes in
}

func inlineJS() inline {
	return inline{JS: template.JS(pageJS), Hash: sourceHash(pageJS)} // ours, embedded: no data goes in
}

func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// visible spells out what a reader would not see: controls that turn the direction
// of a line, join or hide characters. Who approves a name must see the name. The
// template has none, so all of them are data, and what is written instead has no
// meaning in HTML.
func visible(page []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(page))
	for _, r := range string(page) { // an invalid byte comes as U+FFFD
		switch {
		case r >= ' ' && r <= '~', r == '\n', r == '\t': // nearly all
			out.WriteByte(byte(r))
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			fmt.Fprintf(&out, "⟨U+%04X⟩", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}
