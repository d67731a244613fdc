package registry

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

// said is a round tripper that always gives the same answer.
type said struct {
	status int
	header http.Header
	body   string
}

func (s said) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: s.header.Clone(), Body: io.NopCloser(strings.NewReader(s.body)), Request: req}, nil
}

// FuzzRemoteAnswer: whatever a registry says, it comes to a person as one short
// line without secrets, uploads go to no other host, and no token service on
// another host gets a name that it was not given.
func FuzzRemoteAnswer(f *testing.F) {
	f.Add(500, "/v2/a/blobs/uploads/1", `Bearer realm="http://127.0.0.1/token",service="x"`, `</v2/a/referrers/x?n=2>; rel="next"`, `{"errors":[{"code":"X","message":"m","detail":{"Err":28}}]}`)
	f.Add(202, "https://r.example.com:5000/x?y#z", `Bearer realm="`, `<>`, `{"errors":[{"message":"`+secret+`\n\u001b"}],"details":"`+secret+`"}`)
	f.Add(401, "//evil.org/", `Basic realm="bearer realm=\"http://10.0.0.1\""`, `<//evil.org/>; rel=next`, `[]`)
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + secret))
	f.Fuzz(func(t *testing.T, status int, location, challenge, link, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:5000/v2/a/blobs/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Basic "+basic)
		header := http.Header{"Location": {location}, "Www-Authenticate": {challenge}, "Link": {link}}
		l := &line{base: said{status, header, body}, realms: &realms{}}
		resp, err := l.RoundTrip(req)
		if err != nil {
			checkSaid(t, err, basic)
			return
		}
		a := &answer{url: req.URL, header: resp.Header, body: []byte(body)}
		for _, to := range []*url.URL{orNil(a.location()), a.next()} {
			if to != nil && (to.Host != req.URL.Host || to.Scheme != req.URL.Scheme) {
				t.Errorf("goes on at %s", to)
			}
		}
		_, _ = readIndex(a.body)
		if again := l.realms.real(req); again != req {
			t.Errorf("a plain request goes to %s", again.URL)
		}
	})
}

func orNil(u *url.URL, err error) *url.URL {
	if err != nil {
		return nil
	}
	return u
}

func checkSaid(t *testing.T, err error, basic string) {
	status, ok := asError[*resume.StatusError](err)
	if !ok {
		t.Fatalf("%T", err)
	}
	text := status.Message
	if len(text) > 310 || strings.ContainsAny(text, "\n\x1b") || !utf8.ValidString(text) {
		t.Errorf("%q", text)
	}
	if strings.Contains(text, secret) || strings.Contains(text, basic) {
		t.Errorf("shows a secret: %q", text)
	}
}
