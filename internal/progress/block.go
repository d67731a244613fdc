package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	shown     = 4 // flights on the terminal
	waitLines = 2
	widest    = 100 // columns; a longer bar tells nothing more
	narrowest = 20
)

// Control functions of ECMA-48, which terminals obey. Synchronized output
// (mode 2026) makes a redraw appear at once where it is known, and is ignored elsewhere.
const (
	begin     = "\x1b[?2026h"
	end       = "\x1b[?2026l"
	restOf    = "\x1b[K" // erases to the end of the line
	below     = "\x1b[J" // erases to the end of the screen
	yellow    = "\x1b[33m"
	plainText = "\x1b[0m"
)

// draw puts the block on the terminal, over the last one. The cursor stays below it
// and visible, so that a killed program leaves a terminal that works.
func (p *Progress) draw(now time.Time) {
	if !p.state.begun() {
		return
	}
	width := p.width()
	lines := p.state.block(now, width)
	var out strings.Builder
	out.WriteString(begin + p.back(width))
	p.drawn = p.drawn[:0]
	for _, line := range lines {
		p.drawn = append(p.drawn, line.columns())
		out.WriteString(line.paint(p.opts.Color) + restOf + "\n")
	}
	out.WriteString(below + end)
	_, _ = p.w.Write([]byte(out.String()))
}

// erase takes the block off the terminal.
func (p *Progress) erase() {
	if len(p.drawn) > 0 {
		_, _ = p.w.Write([]byte(p.back(p.width()) + below))
		p.drawn = nil
	}
}

// back moves the cursor to the beginning of the block. A terminal that became
// narrower has broken its lines.
func (p *Progress) back(width int) string {
	rows := 0
	for _, columns := range p.drawn {
		rows += max(1, (columns+width-1)/width)
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", rows)
}

func (p *Progress) width() int {
	if p.opts.Width != nil {
		if w := p.opts.Width(); w > 0 {
			return max(w, narrowest)
		}
	}
	return 80
}

// A line is one of the block.
type line struct {
	text string
	warn bool // something does not go on
}

func (l line) columns() int { return len([]rune(l.text)) }

func (l line) paint(color bool) string {
	if color && l.warn {
		return yellow + l.text + plainText
	}
	return l.text
}

// block is what a terminal of this width shows.
func (s *state) block(now time.Time, width int) []line {
	width = min(width-1, widest) // the last column may break the line
	var lines []line
	if s.planning() {
		lines = append(lines, line{text: fit("", "looking at images: "+of(s.planned, s.images), width)})
	} else {
		lines = append(lines, line{text: s.total(width)})
		if s.images+s.ready > 0 {
			lines = append(lines, line{text: fit("", of(s.ready, s.images)+" images done", width)})
		}
	}
	for i, f := range s.flights {
		if i == shown {
			lines = append(lines, line{text: fit("  ", fmt.Sprintf("and %d more", len(s.flights)-shown), width)})
			break
		}
		lines = append(lines, f.line(now, width))
	}
	for _, w := range s.waits[:min(len(s.waits), waitLines)] {
		lines = append(lines, w.line(width))
	}
	return lines
}

// line shows a wait. Why it waits tells more than the whole name of what does.
func (w wait) line(width int) line {
	const least = 12 // columns of a name that says something
	text := printable(w.note)
	name, _, _ := strings.Cut(printable(w.name), "@")
	if room := width - len([]rune(text)) - 4; room >= min(least, len([]rune(name))) {
		text = tail(name, room) + ": " + text
	}
	return line{text: fit("  ", text, width), warn: true}
}

// total is the line of all bytes: as much of it as fits.
func (s *state) total(width int) string {
	facts := []string{amount(s.got(), s.bytes)}
	if rate := s.rate(); rate > 0 {
		facts = append(facts, Size(rate)+"/s")
	}
	if eta := s.eta(); eta > 0 {
		facts = append(facts, left(eta)+" left")
	}
	for len(facts) > 1 && columnsOf(facts)+12 > width {
		facts = facts[:len(facts)-1]
	}
	text := strings.Join(facts, "  ")
	if s.bytes > 0 {
		text = fmt.Sprintf("%3d %%  %s", s.got()*100/s.bytes, text)
		if room := width - len([]rune(text)) - 2; room >= 6 {
			text = bar(s.got(), s.bytes, min(room, 30)) + "  " + text
		}
	}
	return fit("", text, width)
}

func columnsOf(facts []string) int { return len([]rune(strings.Join(facts, "  "))) }

// line shows a flight: its name, its bar and its bytes in columns of their own.
func (f *flight) line(now time.Time, width int) line {
	const amounts, bars = 16, 12
	text := amount(f.got, f.size)
	idle := now.Sub(f.last)
	if idle >= stalled {
		text = "stalled for " + left(idle)
	}
	text = fmt.Sprintf("%*s", amounts, text)
	if room := width - bars - len([]rune(text)) - 6; room >= 24 && f.size > 0 {
		text = bar(f.got, f.size, bars) + "  " + text
	}
	name := tail(f.title(), width-len([]rune(text))-4)
	pad := max(0, width-len([]rune(text))-len([]rune(name))-4)
	return line{text: fit("  ", name+strings.Repeat(" ", pad+2)+text, width), warn: idle >= stalled}
}

// bar is so many columns, as many of them full as got is of size.
func bar(got, size int64, columns int) string {
	full := int(float64(columns) * float64(min(got, size)) / float64(size))
	return strings.Repeat("█", full) + strings.Repeat("░", columns-full)
}

// fit is text behind an indent, cut to so many columns.
func fit(indent, text string, columns int) string {
	runes := []rune(indent + text)
	if len(runes) <= columns {
		return string(runes)
	}
	return string(runes[:columns-1]) + "…"
}

// tail is the end of text, which tells more of a name than its beginning.
func tail(text string, columns int) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return "…" + string(runes[len(runes)-max(columns-1, 0):])
}

// printable takes out of a text of others what a terminal would obey, and what takes
// two columns.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if wide := r >= 0x1100 && r < 0x2000 || r >= 0x2e80; wide || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
