package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

// ReadDump lists the images that the objects of a dump name: what `kubectl get -o json` or
// `-o yaml` prints, also several of them one after the other. name is what their uses call
// the dump. A use has its exact place in JSON; in YAML, that of its object. What is neither
// is an error with its place.
func ReadDump(ctx context.Context, name string, r io.Reader, opts Options) (*imagelist.List, error) {
	c := newCollector(name, opts)
	c.placed = true
	each := func(p piece) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.add(p)
	}
	buffered := bufio.NewReaderSize(r, 1<<16)
	first, err := firstByte(buffered)
	switch {
	case err != nil:
	case first == '{':
		_, err = readJSON(buffered, each)
	default:
		err = readYAML(buffered, each)
	}
	if errors.Is(err, errSyntax) {
		return nil, fmt.Errorf("%s:%w", name, err) // which begins with the place
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return c.list, nil
}

// firstByte looks at the first byte that is no white space.
func firstByte(r *bufio.Reader) (byte, error) {
	for n := 1; ; n++ {
		ahead, err := r.Peek(n)
		if len(ahead) < n {
			if errors.Is(err, io.EOF) {
				return 0, fmt.Errorf("1:1: %w: there is nothing", errSyntax)
			}
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(ahead[n-1])) {
			return ahead[n-1], nil
		}
	}
}

// readYAML hands over every object of a stream of YAML, as JSON: the items of lists that are
// spelled as kubectl spells them, one a time, and other documents whole.
func readYAML(r *bufio.Reader, each func(piece) error) error {
	s := &yamlStream{each: each, document: 1, indent: -1}
	for line := 1; ; line++ {
		text, err := r.ReadString('\n')
		if text != "" {
			if err := s.line(text, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return s.endDocument()
		}
		if err != nil {
			return err
		}
	}
}

// A yamlStream collects lines until they are an object.
type yamlStream struct {
	each     func(piece) error
	document int
	rest     lines // of the document, without its items
	item     lines // being read
	isList   bool
	indent   int // of the dashes of the items; -1 if the items are over, or did not begin
	inItems  bool
}

// lines are some lines of the stream, the first of which is number first.
type lines struct {
	text  bytes.Buffer
	first int
}

func (l *lines) add(text string, number int) {
	if l.text.Len() == 0 {
		l.first = number
	}
	l.text.WriteString(text)
}

func (s *yamlStream) line(text string, number int) error {
	bare := strings.TrimRight(text, " \t\r\n")
	indent := len(text) - len(strings.TrimLeft(text, " "))
	switch {
	case bare == "---" || strings.HasPrefix(bare, "--- "):
		return s.endDocument()
	case bare == "items:":
		s.isList, s.inItems, s.indent = true, true, -1
		return nil
	case s.inItems && bare == "":
		s.item.add(text, number)
	case s.inItems && strings.HasPrefix(text[indent:], "- ") && (s.indent < 0 || indent == s.indent):
		if err := s.endItem(); err != nil {
			return err
		}
		s.indent = indent
		s.item.add(strings.Repeat(" ", indent+1)+text[indent+1:], number)
	case s.inItems && s.indent >= 0 && indent > s.indent:
		s.item.add(text, number)
		if s.item.text.Len() > maxObject {
			return fmt.Errorf("%d:1: %w: an object of more than %d bytes", s.item.first, errSyntax, maxObject)
		}
	default:
		s.inItems = false
		s.rest.add(text, number)
	}
	return nil
}

// endItem hands over the item that was read.
func (s *yamlStream) endItem() error {
	defer s.item.text.Reset()
	return s.object(&s.item)
}

// endDocument hands over what is left of a document.
func (s *yamlStream) endDocument() error {
	if err := s.endItem(); err != nil {
		return err
	}
	if !s.isList {
		if err := s.object(&s.rest); err != nil {
			return err
		}
	}
	s.rest.text.Reset()
	s.isList, s.inItems, s.indent = false, false, -1
	s.document++
	return nil
}

// object hands over an object; nothing but comments is none.
func (s *yamlStream) object(l *lines) error {
	raw, err := yaml.YAMLToJSON(l.text.Bytes())
	if err != nil {
		return fmt.Errorf("%d:1: %w: %w", l.first, errSyntax, err)
	}
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if raw[0] != '{' {
		return fmt.Errorf("%d:1: %w: this is no object of Kubernetes", l.first, errSyntax)
	}
	return s.each(piece{raw: raw, line: l.first, column: 1, document: s.document, yaml: true})
}
