package download_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
)

// A store takes files with PUT, as Artifactory does.
type store struct {
	lock  sync.Mutex
	files map[string][]byte
	says  func(http.Header, []byte) // how it says what a file is
	// fault is asked before each request; true means that it has answered.
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func (s *store) handle(w http.ResponseWriter, r *http.Request) {
	if s.fault != nil && s.fault(w, r) {
		return
	}
	s.lock.Lock()
	have, ok := s.files[r.URL.Path]
	s.lock.Unlock()
	switch {
	case r.Method == http.MethodHead && !ok:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodHead:
		if s.says != nil && r.Header.Get("Want-Repr-Digest") == "sha-256=10" && r.Header.Get("Want-Digest") == "sha-256" {
			s.says(w.Header(), have)
		}
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength || sumOf(body) != r.Header.Get("X-Checksum-Sha256") {
			w.WriteHeader(http.StatusConflict)
			return
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		if s.files == nil {
			s.files = map[string][]byte{}
		}
		s.files[r.URL.Path] = body
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func upload(name string, content []byte) download.File {
	return download.File{Path: name, SHA256: sumOf(content), Size: int64(len(content)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// What the server says is there is not sent; one that does not say is sent it again.
func TestUpload(t *testing.T) {
	large := content()
	files := []download.File{upload("dl.k8s.io/v1/kubelet", large), upload("a b/100%?#.txt", []byte("odd")), upload("empty", nil)}
	digest := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	for name, says := range map[string]func(http.Header, []byte){
		"Artifactory": func(h http.Header, b []byte) { h.Set("X-Checksum-Sha256", strings.ToUpper(sumOf(b))) },
		"own":         func(h http.Header, b []byte) { h.Set("ETag", `"sha256:`+sumOf(b)+`"`) },
		"ETag":        func(h http.Header, b []byte) { h.Set("ETag", `"`+sumOf(b)+`"`) },
		"RFC 9530": func(h http.Header, b []byte) {
			sum := sha256.Sum256(b)
			h.Add("Repr-Digest", "sha-512=:AAAA:")
			h.Add("Repr-Digest", "sha-256=:"+digest(sum[:])+":")
		},
		"RFC 3230": func(h http.Header, b []byte) {
			sum := sha256.Sum256(b)
			h.Set("Digest", "SHA-256="+digest(sum[:]))
		},
		"sha-512": func(h http.Header, b []byte) {
			sum := sha512.Sum512(b)
			h.Set("Repr-Digest", "sha-512=:"+digest(sum[:])+":")
		},
		"Nexus": func(h http.Header, b []byte) { h.Set("ETag", fmt.Sprintf(`"{SHA1{%x}}"`, sha1.Sum(b))) },

		"not: nothing": nil,
		"not: another": func(h http.Header, b []byte) { h.Set("X-Checksum-Sha256", sumOf(append(b, 1))) },
		"not: another by Nexus": func(h http.Header, b []byte) {
			h.Set("ETag", fmt.Sprintf(`"{SHA1{%x}}"`, sha1.Sum(append(b, 1))))
		},
		"not: size": func(h http.Header, b []byte) {
			h.Set("ETag", fmt.Sprintf(`"{SHA1{%x}}"`, sha1.Sum(b)))
			h.Set("Content-Length", strconv.Itoa(len(b)+1))
		},
		"not: nginx": func(h http.Header, b []byte) {
			h.Set("ETag", fmt.Sprintf(`"691ab2f4-%x"`, len(b)))
			h.Set("Last-Modified", "Mon, 17 Nov 2025 05:28:20 GMT")
			h.Set("Content-Length", strconv.Itoa(len(b)))
		},
		"not: S3":   func(h http.Header, b []byte) { h.Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(b))) },
		"not: weak": func(h http.Header, b []byte) { h.Set("ETag", `W/"sha256:`+sumOf(b)+`"`) },
	} {
		t.Run(name, func(t *testing.T) {
			place := &store{says: says}
			s := serve(t, place.handle)
			c := newClient(t, download.Options{})
			first, err := c.Upload(t.Context(), s.URL+"/below/", files, download.UploadOptions{})
			if err != nil || first.Sent != 3 || first.Present != 0 || first.Bytes != int64(len(large)+3) {
				t.Fatalf("%+v, %v", first, err)
			}
			if !bytes.Equal(place.files["/below/dl.k8s.io/v1/kubelet"], large) || string(place.files["/below/a b/100%?#.txt"]) != "odd" || place.files["/below/empty"] == nil {
				t.Errorf("%d files", len(place.files))
			}
			second, err := c.Upload(t.Context(), s.URL+"/below", files, download.UploadOptions{})
			if known := !strings.HasPrefix(name, "not: "); err != nil || known != (second.Present == 3) || known == (second.Sent == 3) {
				t.Errorf("%+v, %v", second, err)
			}
		})
	}
}

// What may go away is tried again, a few times; what will not is told at once, of every file.
func TestUploadFaults(t *testing.T) {
	one := []download.File{upload("x/kubelet", content())}
	puts := 0
	for _, c := range []struct {
		name  string
		fault func(w http.ResponseWriter, r *http.Request, n int) bool
		want  string
		puts  int
	}{
		{"busy", func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n < 3
		}, "", 3},
		{"cut", func(_ http.ResponseWriter, r *http.Request, n int) bool {
			if n > 1 {
				return false
			}
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			panic(http.ErrAbortHandler)
		}, "", 2},
		{"busy for ever", func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, "503 Service Unavailable (tried 5 times)", 5},
		{"refused", func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}, "403 Forbidden", 1},
		{"full", func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.WriteHeader(http.StatusInsufficientStorage)
			return true
		}, "507", 1},
		{"redirection", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, "https://u:secret@elsewhere.example/x?token=1", http.StatusTemporaryRedirect)
			return true
		}, "the server sends to https://elsewhere.example/x: give that URL", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			puts = 0
			place := &store{fault: func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead {
					return false
				}
				puts++
				return c.fault(w, r, puts)
			}}
			s := serve(t, place.handle)
			_, err := newClient(t, download.Options{}).Upload(t.Context(), s.URL, one, download.UploadOptions{Username: "ann", Password: "s3cret"})
			if c.want == "" && (err != nil || len(place.files) != 1) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sending "+s.URL+"/x/kubelet: ")) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if puts != c.puts {
				t.Errorf("%d tries, want %d", puts, c.puts)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") || err != nil && strings.Contains(err.Error(), "token") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// A file that is not what it should be is never whole at the server, and is not the server's fault.
func TestUploadDamaged(t *testing.T) {
	place := &store{}
	s := serve(t, place.handle)
	damaged, short, long, missing := upload("a/damaged", content()), upload("a/short", content()), upload("a/long", content()), upload("a/missing", content())
	damaged.SHA256 = sumOf(nil)
	short.Size++
	long.Size--
	missing.Open = func(context.Context) (io.ReadCloser, error) { return nil, fmt.Errorf("it is gone") }
	good := upload("good", []byte("x"))
	done, err := newClient(t, download.Options{}).Upload(t.Context(), s.URL, []download.File{damaged, short, long, missing, good}, download.UploadOptions{Parallel: 1})
	if err == nil || done.Sent != 1 || len(place.files) != 1 {
		t.Fatalf("%+v, %v, %d files", done, err, len(place.files))
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{"/a/damaged: it is damaged: its sha256 is", "/a/short: it is not", "/a/long: it is damaged", "/a/missing: it is gone"} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("%s\nwant %s", err, want)
		}
	}
}

// Credentials go to the server, and stand in no URL.
func TestUploadLogin(t *testing.T) {
	place := &store{fault: func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if user == "ann" && password == "s3cret" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}}
	s := serve(t, place.handle)
	c := newClient(t, download.Options{})
	one := []download.File{upload("x", []byte("x"))}
	if _, err := c.Upload(t.Context(), s.URL, one, download.UploadOptions{Username: "ann", Password: "s3cret"}); err != nil {
		t.Error(err)
	}
	if _, err := c.Upload(t.Context(), s.URL, one, download.UploadOptions{Username: "ann", Password: "wrong"}); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong") {
		t.Error(err)
	}
	if _, err := c.Upload(t.Context(), strings.Replace(s.URL, "://", "://ann:s3cret@", 1), one, download.UploadOptions{}); err == nil || !strings.Contains(err.Error(), "has a password in it") || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
	for _, to := range []string{"", "x", "ftp://h", "http://ann:s3cret@h", "http://h?x", "http://h/%zz"} {
		if _, err := c.Upload(t.Context(), to, one, download.UploadOptions{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", to, err)
		}
	}
	if _, err := c.Upload(t.Context(), s.URL, one, download.UploadOptions{Username: "ann"}); err == nil {
		t.Error("a user name without password")
	}
}

// A server that sends elsewhere is not followed: neither with credentials nor with a file.
func TestUploadRedirected(t *testing.T) {
	one := upload("x", []byte("x"))
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Checksum-Sha256", one.SHA256) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	done, err := newClient(t, download.Options{}).Upload(t.Context(), s.URL, []download.File{one}, download.UploadOptions{Username: "ann", Password: "s3cret"})
	if err == nil || done.Sent+done.Present > 0 || !strings.Contains(err.Error(), "the server sends to "+elsewhere.URL) || len(elsewhere.requests) > 0 {
		t.Errorf("%+v, %v, %q", done, err, elsewhere.requests)
	}
}
