package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errSyntax is a stream that holds anything but JSON, or ends within it.
var errSyntax = errors.New("this is no dump of objects")

// maxObject bounds one object, in bytes; etcd takes 1.5 MiB.
const maxObject = 64 << 20

// A piece is one object of a stream: its bytes, and the place of the first of them.
type piece struct {
	raw          []byte // the next piece takes it over
	line, column int    // 1-based, the column in bytes
	document     int    // of the stream, 1-based
	list         envelope
	yaml         bool // raw was made of YAML: the place is that of all its uses
}

// An envelope is what a list says beside its items.
type envelope struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
}

// readJSON hands over every object of r: the items of lists one by one, and what is no list.
// It gives the envelope of the last list.
func readJSON(r io.Reader, each func(piece) error) (envelope, error) {
	s := &scanner{r: bufio.NewReaderSize(r, 1<<16), line: 1, column: 1}
	var last envelope
	for document := 1; ; document++ {
		if _, err := s.peek(); errors.Is(err, io.EOF) {
			if document == 1 {
				return last, s.wrong("there is nothing")
			}
			return last, nil
		}
		var err error
		if last, err = s.document(document, each); err != nil {
			return last, err
		}
	}
}

// A scanner reads JSON without building anything of it, and keeps the bytes that it passes.
type scanner struct {
	r            io.ByteScanner
	kept         []byte
	offset       int // bytes passed
	line, column int
}

// document reads one object and hands it over, or the items in it.
func (s *scanner) document(number int, each func(piece) error) (envelope, error) {
	if _, err := s.peek(); err != nil {
		return envelope{}, s.broken(err)
	}
	s.kept = s.kept[:0]
	whole := piece{line: s.line, column: s.column, document: number}
	var list envelope
	isList := false
	err := s.object(func(key string) error {
		c, err := s.peek()
		if err != nil || key != "items" || c != '[' {
			return s.value()
		}
		isList = true
		if json.Unmarshal(append(s.kept, "[]}"...), &list) != nil {
			return s.wrong("a list")
		}
		return s.items(piece{document: number, list: list}, each)
	})
	if err != nil {
		return list, err
	}
	if !isList {
		whole.raw = s.kept
		return list, each(whole)
	}
	return list, json.Unmarshal(s.kept, &list)
}

// items hands over the items of a list. They are not kept.
func (s *scanner) items(p piece, each func(piece) error) error {
	outer := s.kept
	s.kept = nil
	err := s.array(func() error {
		p.line, p.column, s.kept = s.line, s.column, s.kept[:0]
		if err := s.value(); err != nil {
			return err
		}
		p.raw = s.kept
		err := each(p)
		s.kept = p.raw[:0] // it may have grown
		return err
	})
	s.kept = append(outer, "[]"...)
	return err
}

// object reads an object. member reads the value of a key.
func (s *scanner) object(member func(key string) error) error {
	return s.elements('{', '}', func() error {
		from := len(s.kept)
		if c, err := s.peek(); err != nil || c != '"' {
			return s.wrong("a key")
		}
		if err := s.value(); err != nil {
			return err
		}
		var key string
		if json.Unmarshal(s.kept[from:], &key) != nil {
			return s.wrong("a key")
		}
		if err := s.take(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// array reads an array. element reads one of its values.
func (s *scanner) array(element func() error) error { return s.elements('[', ']', element) }

func (s *scanner) elements(open, closing byte, element func() error) error {
	if err := s.take(open); err != nil {
		return err
	}
	if c, _ := s.peek(); c == closing {
		return s.take(closing)
	}
	for {
		if _, err := s.peek(); err != nil {
			return s.broken(err)
		}
		if err := element(); err != nil {
			return err
		}
		if c, _ := s.peek(); c != ',' {
			return s.take(closing)
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

// value passes one value of any kind.
func (s *scanner) value() error {
	c, err := s.peek()
	if err != nil {
		return s.broken(err)
	}
	switch c {
	case '{', '[', '"':
		return s.nested()
	}
	for n := 0; ; n++ {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return s.broken(err)
		}
		if strings.IndexByte(",]} \t\r\n", c) >= 0 {
			if n == 0 {
				return s.wrong("a value")
			}
			return s.r.UnreadByte()
		}
		s.pass(c)
	}
}

// nested passes a string, or all up to the bracket that closes the one that s is at.
func (s *scanner) nested() error {
	for depth, quoted := 0, false; ; {
		c, err := s.next()
		if err != nil {
			return s.broken(err)
		}
		switch {
		case quoted && c == '\\':
			if _, err := s.next(); err != nil {
				return s.broken(err)
			}
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted {
			return nil
		}
		if len(s.kept) > maxObject {
			return fmt.Errorf("%d:%d: an object of more than %d bytes", s.line, s.column, maxObject)
		}
	}
}

// next passes one byte.
func (s *scanner) next() (byte, error) {
	c, err := s.r.ReadByte()
	if err == nil {
		s.pass(c)
	}
	return c, err
}

func (s *scanner) pass(c byte) {
	s.kept = append(s.kept, c)
	s.offset++
	s.column++
	if c == '\n' {
		s.line, s.column = s.line+1, 1
	}
}

// peek passes white space and gives the byte behind it.
func (s *scanner) peek() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, s.r.UnreadByte()
		}
		s.pass(c)
	}
}

// take passes white space and c, which has to be there.
func (s *scanner) take(c byte) error {
	have, err := s.peek()
	if err != nil {
		return s.broken(err)
	}
	if have != c {
		return s.wrong(string(c))
	}
	_, err = s.next()
	return err
}

func (s *scanner) wrong(wanted string) error {
	return fmt.Errorf("%d:%d: %w: %s is missing", s.line, s.column, errSyntax, wanted)
}

func (s *scanner) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%d:%d: %w: it ends too early", s.line, s.column, errSyntax)
	}
	return fmt.Errorf("%d:%d: %w: %w", s.line, s.column, errSyntax, err)
}
