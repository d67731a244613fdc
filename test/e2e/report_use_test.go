//go:build e2e

package e2e

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tools is what tests do with the page, as people do: they click, type and look.
const tools = `
const $ = s => document.querySelector(s);
const seen = s => Array.from(document.querySelectorAll(s)).filter(e => e.checkVisibility());
const rows = () => seen(".images tbody tr:not(.group)");
const head = (table, n) => $("." + table + " thead").rows[0].cells[n];
const click = e => e.firstElementChild ? e.firstElementChild.click() : e.click();
const type = async text => {
  $("#filter").value = text;
  $("#filter").dispatchEvent(new Event("input"));
  await new Promise(done => { new MutationObserver(done).observe($("#shown"), { childList: true }); });
};
0`

func (b *browser) evalText(expression string) string {
	b.t.Helper()
	var s string
	b.eval(expression, &s)
	return s
}

func (b *browser) want(expression, want string) {
	b.t.Helper()
	if got := b.evalText("(async () => String(" + expression + "))()"); got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// TestReportUse: a report of a thousand images is filtered, sorted and coloured.
func TestReportUse(t *testing.T) {
	b := startBrowser(t)
	b.open(writeReport(t, reportOf(1000)), view{width: 1280})
	b.eval(tools, nil)
	b.want(`$("#shown").textContent`, "334 findings, 1,000 images, 1 file")

	b.want(`(await type("part-0042/ KUBE"), $("#shown").textContent)`, "0 of 334 findings, 0 of 1,000 images, 0 of 1 file")
	b.want(`(await type("part-004 controller"), $("#shown").textContent)`, "4 of 334 findings, 10 of 1,000 images, 0 of 1 file")
	b.want(`rows().length`, "10")
	b.want(`seen(".images tr.group").length`, "6") // only groups that have a row
	b.want(`(await type("part-0040/"), seen(".images tr.group").length)`, "1")
	b.want(`(location.hash = "#i1", await new Promise(done => setTimeout(done, 100)), $("#i1").checkVisibility())`, "true")
	b.want(`rows().length`, "1000")

	b.testSorting()
	b.want(`($("#open").click(), document.querySelectorAll("details:not([open])").length)`, "0")
	b.want(`$("#theme").textContent`, "Dark colours")
	b.want(`($("#theme").click(), getComputedStyle(document.body).backgroundColor)`, "rgb(20, 23, 28)")
	b.want(`$("#theme").textContent`, "Light colours")
	if len(b.faults) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(b.faults, "\n"))
	}
}

// testSorting: groups are sorted each by itself, then all rows together; the third
// click brings the order of the report back.
func (b *browser) testSorting() {
	b.t.Helper()
	before := b.evalText(`rows().map(r => r.id).join()`)
	sizes := func(group string) []float64 {
		var all []float64
		b.eval(`Array.from($(".images").tBodies[`+group+`].rows).filter(r => !r.matches(".group")).map(r => Number(r.cells[2].dataset.value))`, &all)
		return all
	}
	descending := func(all []float64) bool {
		return len(all) > 100 && slices.IsSortedFunc(all, func(a, b float64) int { return int(b - a) })
	}
	b.want(`(click(head("images", 2)), head("images", 2).ariaSort + " " + head("images", 0).ariaSort)`, "descending none")
	for _, group := range []string{"0", "1", "5"} {
		if got := sizes(group); !descending(got) {
			b.t.Errorf("group %s is not sorted by size: %.0f", group, got)
		}
	}
	b.want(`($("#flat").click(), seen(".images tr.group").length)`, "0")
	if got := sizes("0"); len(got) != 1000 || !descending(got) {
		b.t.Errorf("without groups, %d rows are not sorted by size", len(got))
	}
	b.want(`(click(head("images", 2)), head("images", 2).ariaSort)`, "ascending")
	b.want(`rows()[0].cells[2].textContent`, "unknown")
	b.want(`(click(head("images", 0)), head("images", 0).ariaSort)`, "ascending")
	b.want(`rows()[9].querySelector(".name").textContent`, "registry.k8s.io/part-0009/controller:v1.9.0")
	b.want(`(click(head("images", 0)), head("images", 0).ariaSort)`, "descending")
	b.want(`(click(head("images", 0)), head("images", 0).ariaSort)`, "none")
	b.want(`seen(".findings tr.group").length`, "2") // findings are told with what they have in common
	b.eval(`$("#flat").click()`, nil)
	if after := b.evalText(`rows().map(r => r.id).join()`); after != before {
		b.t.Error("the order of the report does not come back")
	}
}

// TestReportPrint: paper shows everything on white, whatever was filtered and closed.
func TestReportPrint(t *testing.T) {
	b := startBrowser(t)
	for _, v := range []view{{1280, true, false}, {390, true, true}} {
		b.open(writeReport(t, reportOf(12)), v)
		if !v.noScript {
			b.eval(tools, nil)
			b.eval(`type("part-0004"), 0`, nil)
			b.want(`(await type("part-0005"), rows().length)`, "1")
		}
		pdf := b.print()
		if !regexp.MustCompile(`/MediaBox \[0 0 59[456][.0-9]* 84[123][.0-9]*\]`).Match(pdf) {
			t.Errorf("%v: the paper is not A4", v)
		}
		if n := bytes.Count(pdf, []byte("/Type /Page\n")); n < 2 {
			t.Errorf("%v: %d pages", v, n)
		}
		b.call("Emulation.setEmulatedMedia", values{"media": "print", "features": []values{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
		var paper struct {
			Rows, Details int
			Background    string
			Controls      bool
		}
		b.eval(`({
  rows: Array.from(document.querySelectorAll("tbody tr")).filter(e => !e.checkVisibility()).length,
  details: Array.from(document.querySelectorAll("details dl")).filter(e => !e.checkVisibility({ contentVisibilityAuto: true }) || !e.getClientRects().length).length,
  background: getComputedStyle(document.body).backgroundColor,
  controls: document.getElementById("tools").checkVisibility() || document.getElementById("theme").checkVisibility(),
})`, &paper)
		if paper.Rows+paper.Details > 0 || paper.Background != "rgb(255, 255, 255)" || paper.Controls {
			t.Errorf("%v: on paper %d rows and %d details are missing, the background is %s, controls show: %t", v, paper.Rows, paper.Details, paper.Background, paper.Controls)
		}
	}
}

// TestReportAccessibility: what a screen reader is told of the tables, also where
// they are drawn as cards.
func TestReportAccessibility(t *testing.T) {
	b := startBrowser(t)
	path := writeReport(t, reportOf(12))
	for _, v := range []view{{390, false, false}, {1280, false, false}, {390, false, true}} {
		b.open(path, v)
		var tree struct {
			Nodes []struct {
				Ignored bool
				Role    struct{ Value string }
			}
		}
		b.call("Accessibility.getFullAXTree", nil, &tree)
		roles := map[string]int{}
		for _, n := range tree.Nodes {
			if !n.Ignored {
				roles[n.Role.Value]++
			}
		}
		want := map[string]int{"table": 3, "caption": 3, "main": 1, "banner": 1, "navigation": 1, "columnheader": 9, "search": 1}
		if v.noScript {
			delete(want, "search")
		}
		if v.noScript && v.width < 600 {
			delete(want, "columnheader") // not shown: nothing to sort by, and cards tell their columns
		}
		for role, n := range want {
			if roles[role] != n {
				t.Errorf("%v: %d × %s, want %d (%v)", v, roles[role], role, n, roles)
			}
		}
		if roles["rowheader"] < 18 || roles["cell"] < 36 {
			t.Errorf("%v: the cells of the tables are no cells: %v", v, roles)
		}
	}
}
