package resume_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

const text = "0123456789abcdefghijklmnopqrstuvwxyz"

// A site gives text, badly.
type site struct {
	cut     int  // each answer ends after so many bytes
	ranges  bool // it can give parts
	wrong   bool // the parts are others than those asked for
	refuse  bool // it answers 416 instead
	open    bool // it answers 416 to ranges without an end
	chunked bool
	etags   []string // one for each answer, the last for all further ones
	stall   bool     // the first answer does not end

	asked    []string
	ifRanges []string
	answers  int
	end      chan struct{}
}

func (s *site) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.asked = append(s.asked, req.Header.Get("Range"))
	s.ifRanges = append(s.ifRanges, req.Header.Get("If-Range"))
	tag := ""
	if len(s.etags) > 0 {
		tag = s.etags[min(s.answers, len(s.etags)-1)]
		w.Header().Set("ETag", tag)
	}
	s.answers++
	stall := s.stall && s.answers == 1
	body, status := s.part(w, req, tag)
	if status == http.StatusRequestedRangeNotSatisfiable {
		w.WriteHeader(status)
		return
	}
	if !s.chunked {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(status)
	if s.cut > 0 && len(body) > s.cut {
		_, _ = io.WriteString(w, body[:s.cut])
		_ = http.NewResponseController(w).Flush()
		if stall {
			<-s.end
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, body)
}

func (s *site) part(w http.ResponseWriter, req *http.Request, tag string) (string, int) {
	spec := req.Header.Get("Range")
	if spec == "" || !s.ranges || (req.Header.Get("If-Range") != "" && req.Header.Get("If-Range") != tag) {
		return text, http.StatusOK
	}
	var from, to int
	if n, _ := fmt.Sscanf(spec, "bytes=%d-%d", &from, &to); n == 1 {
		to = len(text) - 1
		s.refuse = s.refuse || s.open
	}
	if s.refuse {
		return "", http.StatusRequestedRangeNotSatisfiable
	}
	if s.wrong {
		from = 0
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(text)))
	return text[from : to+1], http.StatusPartialContent
}

// fetch reads a site through a Reader.
func fetch(t *testing.T, s *site, content resume.Content) (string, error) {
	t.Helper()
	s.end = make(chan struct{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(s.end) })
	content.Get = func(ctx context.Context, header http.Header) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return nil, err
		}
		req.Header = header
		return server.Client().Do(req)
	}
	policy, _ := waits()
	r, err := resume.Open(t.Context(), policy, content)
	if err != nil {
		return "", err
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	return string(all), err
}

func TestReader(t *testing.T) {
	known := resume.Content{What: "x", Size: int64(len(text)), Known: true, Immutable: true}
	unknown := resume.Content{What: "x"}
	cases := map[string]struct {
		site    site
		content resume.Content
		asked   []string
		err     string
	}{
		"whole":         {site{ranges: true}, known, []string{""}, ""},
		"closed ranges": {site{ranges: true, cut: 15}, known, []string{"", "bytes=15-35", "bytes=30-35"}, ""},
		"an open range is never asked for if the size came with the answer": {site{ranges: true, cut: 20, open: true}, unknown, []string{"", "bytes=20-35"}, ""},
		"size unknown":            {site{ranges: true, cut: 20, chunked: true}, unknown, []string{"", "bytes=20-"}, ""},
		"three bytes at a time":   {site{ranges: true, cut: 3}, known, nil, ""},
		"never gets further":      {site{cut: 20}, known, []string{"", "bytes=20-35", "bytes=20-35", "bytes=20-35", "bytes=20-35"}, "unexpected EOF"},
		"other parts":             {site{ranges: true, cut: 20, wrong: true}, known, nil, "unexpected EOF"},
		"416":                     {site{ranges: true, cut: 20, refuse: true}, known, nil, "unexpected EOF"},
		"another size":            {site{}, resume.Content{What: "x", Size: 7, Known: true}, []string{""}, "has 36 bytes, not 7"},
		"the same tag":            {site{ranges: true, cut: 20, etags: []string{`"a"`}}, unknown, []string{"", "bytes=20-35"}, ""},
		"it has changed":          {site{ranges: true, cut: 20, etags: []string{`"a"`, `"b"`}}, unknown, []string{"", "bytes=20-35"}, "x has changed while it was being read"},
		"digests do not change":   {site{ranges: true, cut: 20, etags: []string{`"a"`, `"b"`}}, known, []string{"", "bytes=20-35"}, ""},
		"a weak tag says nothing": {site{ranges: true, cut: 20, etags: []string{`W/"a"`, `W/"b"`}}, unknown, []string{"", "bytes=20-35"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := fetch(t, &c.site, c.content)
			if c.err == "" && (err != nil || got != text) {
				t.Errorf("%q, %v", got, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %s", err, c.err)
			}
			if c.asked != nil && !slices.Equal(c.site.asked, c.asked) {
				t.Errorf("asked for %q, want %q", c.site.asked, c.asked)
			}
			if strings.Contains(strings.Join(c.site.ifRanges, ""), `"a"`) != (name == "the same tag" || name == "it has changed") {
				t.Errorf("If-Range: %q", c.site.ifRanges)
			}
			if !strings.HasPrefix(text, got) {
				t.Errorf("gave %q", got)
			}
		})
	}
}

// TestReaderSkips: a server that gives only the whole is enough if one answer is whole.
func TestReaderSkips(t *testing.T) {
	for name, s := range map[string]*site{
		"no parts":    {cut: 20},
		"416":         {cut: 20, ranges: true, refuse: true},
		"other parts": {cut: 20, ranges: true, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			healing := &healing{site: s}
			server := httptest.NewServer(healing)
			defer server.Close()
			policy, _ := waits()
			r, err := resume.Open(t.Context(), policy, resume.Content{What: "x", Size: int64(len(text)), Known: true, Get: getter(server)})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if all, err := io.ReadAll(r); string(all) != text || err != nil {
				t.Errorf("%q, %v", all, err)
			}
		})
	}
}

// healing cuts only the first answer.
type healing struct{ site *site }

func (h *healing) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if h.site.answers > 0 {
		h.site.cut = 0
	}
	h.site.ServeHTTP(w, req)
}

func getter(server *httptest.Server) func(context.Context, http.Header) (*http.Response, error) {
	return func(ctx context.Context, header http.Header) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return nil, err
		}
		req.Header = header
		return server.Client().Do(req)
	}
}

func TestReaderStall(t *testing.T) {
	s := &site{ranges: true, cut: 20, stall: true}
	got, err := fetch(t, s, resume.Content{What: "x", Size: int64(len(text)), Known: true, Stall: 50 * time.Millisecond})
	if got != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if want := []string{"", "bytes=20-35"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

func TestReaderCancel(t *testing.T) {
	s := &site{cut: 20, stall: true, end: make(chan struct{})}
	server := httptest.NewServer(s)
	defer server.Close()
	defer close(s.end)
	ctx, cancel := context.WithCancel(t.Context())
	policy, noted := waits()
	r, err := resume.Open(ctx, policy, resume.Content{What: "x", Get: getter(server)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(*noted) != 0 {
		t.Errorf("waited %v", *noted)
	}
}

func TestOpenStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	policy, noted := waits()
	_, err := resume.Open(t.Context(), policy, resume.Content{What: "x", Get: getter(server)})
	var status *resume.StatusError
	if !errors.As(err, &status) || status.Code != 404 || len(*noted) != 0 {
		t.Errorf("%v, waits %v", err, *noted)
	}
}
