package resume_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

// FuzzReader: whatever a server answers after a cut, what is given is the content
// as far as it goes, or nothing more.
func FuzzReader(f *testing.F) {
	f.Add(206, "bytes 10-35/36", text[10:], int64(26))
	f.Add(206, "bytes 0-35/36", text, int64(36))
	f.Add(200, "", text, int64(-1))
	f.Add(416, "bytes */36", "", int64(0))
	f.Fuzz(func(t *testing.T, status int, span, body string, length int64) {
		n := 0
		get := func(context.Context, http.Header) (*http.Response, error) {
			n++
			if n == 1 {
				return &http.Response{StatusCode: 200, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text[:10]))}, nil
			}
			return &http.Response{
				StatusCode: status, ContentLength: length, Header: http.Header{"Content-Range": {span}},
				Body: io.NopCloser(strings.NewReader(body)),
			}, nil
		}
		policy, _ := waits()
		r, err := resume.Open(t.Context(), policy, resume.Content{What: "x", Get: get, Size: int64(len(text)), Known: true, Immutable: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		all, err := io.ReadAll(r)
		if !strings.HasPrefix(string(all), text[:10]) || len(all) > len(text) || err == nil && len(all) != len(text) {
			t.Errorf("%q, %v", all, err)
		}
	})
}
