package bundle

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

const filesPath = "/files/"

// serveFiles answers a GET or HEAD of a file, or of a list of them.
func (h *handler) serveFiles(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, filesPath)
	switch {
	case r.URL.Path == "/" || r.URL.Path+"/" == filesPath:
		http.Redirect(w, r, filesPath, http.StatusFound)
		return
	case ok && (name == "" || strings.HasSuffix(name, "/")):
		h.listFiles(w, r, name)
		return
	case ok:
		if sum, found := h.fileSum(name); found {
			h.serveFile(w, r, name, sum)
			return
		}
	}
	http.Error(w, "the archive has no such file; "+filesPath+" lists what it has", http.StatusNotFound)
}

// fileSum gives the checksum of a file that is served, empty for those that say
// what is in the archive.
func (h *handler) fileSum(name string) (sum string, ok bool) {
	if name == lockPath || name == checksumsPath {
		return "", true
	}
	for i := range h.archive.lock.Files {
		if f := &h.archive.lock.Files[i]; f.Path == name {
			return f.SHA256, true
		}
	}
	return "", false
}

func (h *handler) serveFile(w http.ResponseWriter, r *http.Request, name, sum string) {
	content, err := h.archive.OpenFile(name)
	if err != nil {
		http.Error(w, "the archive has no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", fileType(name))
	var d digest.Digest
	if sum != "" {
		d = digest.NewDigestFromEncoded(digest.SHA256, sum)
	}
	sendSection(w, r, d, content)
}

// fileType lets a browser show what is text, and save the rest.
func fileType(name string) string {
	switch path.Ext(name) {
	case ".json", ".md", ".sh", ".txt", ".yaml", ".yml":
		return "text/plain; charset=utf-8"
	}
	if name == checksumsPath {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// sendSection sends a content, or ranges of it. Its digest tells whether what a
// client has the beginning of is still the same.
func sendSection(w http.ResponseWriter, r *http.Request, d digest.Digest, content *io.SectionReader) {
	if d != "" {
		w.Header().Set("ETag", `"`+d.String()+`"`)
	}
	http.ServeContent(w, r, "", time.Time{}, content)
}

// listFiles answers with links to all files below a folder.
func (h *handler) listFiles(w http.ResponseWriter, r *http.Request, folder string) {
	var list strings.Builder
	rows := 0
	add := func(name string, size int64) {
		below, ok := strings.CutPrefix(name, folder)
		if !ok {
			return
		}
		to := url.URL{Path: filesPath + name}
		fmt.Fprintf(&list, "<tr><td><a href=\"%s\">%s</a><td align=\"right\">%d\n", html.EscapeString(to.EscapedPath()), html.EscapeString(below), size)
		rows++
	}
	for i := range h.archive.lock.Files {
		add(h.archive.lock.Files[i].Path, h.archive.lock.Files[i].Size)
	}
	for _, name := range []string{lockPath, checksumsPath} {
		if content, err := h.archive.OpenFile(name); err == nil {
			add(name, content.Size())
		}
	}
	if rows == 0 {
		http.Error(w, "the archive has no such folder", http.StatusNotFound)
		return
	}
	title := html.EscapeString(filesPath + folder)
	answer(w, r, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>"+title+"</title>\n<h1>"+title+"</h1>\n<table>\n"+list.String()+"</table>\n"))
}
