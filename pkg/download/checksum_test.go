package download_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
)

var (
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

func TestParseChecksum(t *testing.T) {
	for _, test := range []struct{ text, name, want string }{
		{sumA, "x", sumA},
		{"\ufeff" + strings.ToUpper(sumA) + "\r\n", "x", sumA},
		{sumA + "  -\n", "x", sumA},
		{sumA + "  x\n" + sumB + "  y\n", "y", sumB},
		{sumA + " *x\n", "x", sumA},
		{sumA + "  ./dist/x\n", "x", sumA},
		{`\` + sumA + `  dist\x` + "\n", "x", sumA},
		{sumA + "  linux/amd64/x\n" + sumB + "  darwin/amd64/x\n", "https://u:p@h/v1/darwin/amd64/x?sig=1", sumB},
		{sumA + "  linux/x\n" + sumB + "  darwin/x\n", "x", "error: it has 2 different checksums for x"},
		{sumA + "  x\n" + sumA + "  x\n", "x", sumA},
		{"SHA256 (x) = " + sumA + "\nSHA256 (y z) = " + sumB, "y z", sumB},
		{"SHA2-256(x)= " + sumA, "x", sumA},
		{"SHA512 (x) = " + sumA + sumA + "\nSHA256 (x) = " + sumB, "x", sumB},
		{"# comment\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + sumA + "  x\n", "x", sumA},
		{sumA + "  node.ova\n", "other.ova", "error: it has no sha256 of other.ova, but of node.ova"},
		{sumA + "  xx\n", "x", "error: it has no sha256 of x, but of xx"},
		{sumA + "  a\n" + sumA + "  b\n" + sumA + "  c\n" + sumA + "  d\n" + sumB, "x", "error: it has no sha256 of x, but of a, b, c and 1 more"},
		{sumA + sumA + "  x\n", "x", "error: there is no sha256 in it"},
		{sumA + "\n" + sumB, "x", "error: it has 2 different checksums for x"},
		{"", "x", "error: there is no sha256 in it"},
	} {
		got, err := download.ParseChecksum([]byte(test.text), test.name)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%q of %s: %s, want %s", test.text, test.name, got, test.want)
		}
	}
}

func TestChecksum(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sums":
			_, _ = io.WriteString(w, sumA+"  x\n")
		case "/huge":
			_, _ = io.WriteString(w, strings.Repeat(sumA+"  y\n", 1<<14))
		default:
			_, _ = io.WriteString(w, "<html>")
		}
	})
	c := newClient(t, download.Options{})
	for path, want := range map[string]string{
		"/sums": "", "/huge": "/huge: it has more than 1048576 bytes", "/login": "/login: the server answers with a web page",
	} {
		got, err := c.Checksum(t.Context(), s.URL+path, "x")
		if want == "" && got != sumA || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	if _, err := c.Checksum(t.Context(), s.URL+"/sums", "z"); err == nil || err.Error() != s.URL+"/sums: it has no sha256 of z, but of x" {
		t.Error(err)
	}
}

// FuzzParseChecksum: whatever a server gives, what is taken is a checksum that is in it.
func FuzzParseChecksum(f *testing.F) {
	f.Add(sumA, "x")
	f.Add(sumA+"  x\n"+sumB+" *y\n", "y")
	f.Add("SHA256 (x) = "+sumA+"\r\n", "a/x")
	f.Add("\\"+sumA+"  a\\x\n", "https://h/x?y")
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	f.Fuzz(func(t *testing.T, text, name string) {
		got, err := download.ParseChecksum([]byte(text), name)
		if (err == nil) != (got != "") {
			t.Errorf("%q and %v", got, err)
		}
		if err == nil && (!sum.MatchString(got) || !strings.Contains(strings.ToLower(text), got)) {
			t.Errorf("%q is no checksum of the file", got)
		}
	})
}
