package verify

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes the report as JSON, indented by two spaces, ended by a line break.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report as a person reads it: a line for each finding, what
// happens if it is ignored and what to do, and a sum. Wide says the latter two of each
// finding, else once for each check.
func (r *Report) WriteTable(w io.Writer, wide bool) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-7s  %s  %s\n", f.Severity, oneLine(f.Place), oneLine(f.Problem))
		if wide {
			fmt.Fprintf(&b, "         effect: %s\n         remedy: %s\n", oneLine(f.Effect), oneLine(f.Remedy))
		}
	}
	if !wide {
		r.writeChecks(&b)
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(r.sum())
	_, err := io.WriteString(w, b.String())
	return err
}

// writeChecks says once for each check what its findings have in common; of remedies the
// first one, which names what it is about.
func (r *Report) writeChecks(b *strings.Builder) {
	number := map[string]int{}
	for _, f := range r.Findings {
		number[f.Check]++
	}
	told := map[string]bool{}
	for _, f := range r.Findings {
		if told[f.Check] {
			continue
		}
		told[f.Check] = true
		fmt.Fprintf(b, "\n%s (%d)\n  effect: %s\n  remedy: %s\n", f.Check, number[f.Check], oneLine(f.Effect), oneLine(f.Remedy))
	}
}

// sum is what it all came to, in one line.
func (r *Report) sum() string {
	errors, warnings := r.Count()
	what := "nothing stands against it"
	switch {
	case errors > 0 && warnings > 0:
		what = count(errors, "error") + ", " + count(warnings, "warning")
	case errors > 0:
		what = count(errors, "error")
	case warnings > 0:
		what = count(warnings, "warning")
	}
	where := ""
	if r.Target != "" {
		where = " for " + oneLine(r.Target)
	}
	return fmt.Sprintf("%s%s: %s\n", count(len(r.Images), "image"), where, what)
}

// oneLine is text from registries and files without what would break a line or steer a
// terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// The elements of JUnit's XML that test servers agree on (Jenkins' junit-10.xsd).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit's XML: a suite with a test for each check, and
// one with a test for each image, which fails if a finding names it.
func (r *Report) WriteJUnit(w io.Writer) error {
	byCheck, byImage := map[string][]Finding{}, map[string][]Finding{}
	for _, f := range r.Findings {
		byCheck[f.Check] = append(byCheck[f.Check], f)
		byImage[f.Image] = append(byImage[f.Image], f)
	}
	checked := junitSuite{Name: "checks"}
	for _, name := range r.checkNames() {
		checked.add("check", name, byCheck[name])
	}
	images := junitSuite{Name: "images"}
	for _, i := range r.Images {
		images.add("image", i.Image, byImage[i.Image])
	}
	all := junitSuites{
		Name: "kubectl-airgap verify", Suites: []junitSuite{checked, images},
		Tests: checked.Tests + images.Tests, Failures: checked.Failures + images.Failures,
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// checkNames are all checks, and those of findings that other packages know.
func (r *Report) checkNames() []string {
	var names []string
	known := map[string]bool{}
	for _, c := range checks {
		names, known[c.Name] = append(names, c.Name), true
	}
	for _, f := range r.Findings {
		if !known[f.Check] {
			names, known[f.Check] = append(names, f.Check), true
		}
	}
	return names
}

func (s *junitSuite) add(class, name string, findings []Finding) {
	c := junitCase{Class: class, Name: oneLine(name)}
	s.Tests++
	if len(findings) > 0 {
		s.Failures++
		first := findings[0]
		c.Failure = &junitFailure{Type: string(first.Severity), Message: oneLine(first.Place + ": " + first.Problem)}
		var text strings.Builder
		for _, f := range findings {
			fmt.Fprintf(&text, "%s: %s: %s\neffect: %s\nremedy: %s\n", f.Severity, oneLine(f.Place), oneLine(f.Problem), oneLine(f.Effect), oneLine(f.Remedy))
		}
		c.Failure.Text = text.String()
	}
	s.Cases = append(s.Cases, c)
}
