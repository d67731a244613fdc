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

// filesFolder is where an archive has files without a folder of their own, and those of
// lists of URLs by their hosts. Clients need not name it: what is asked of a server that
// takes the place of others is /dl.k8s.io/release/… (Kubespray's files_repo).
const filesFolder = "files/"

// serveFiles answers a GET or HEAD of a file, or of a list of them.
func (h *handler) serveFiles(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, filesPath)
	switch {
	case r.URL.Path == "/" || r.URL.Path+"/" == filesPath:
		http.Redirect(w, r, filesPath, http.StatusFound)
	case ok && (name == "" || strings.HasSuffix(name, "/")):
		h.listFiles(w, r, name)
	default:
		if name, found := h.findFile(r.URL.Path); found {
			h.serveFile(w, r, name)
			return
		}
		http.Error(w, "the archive has no such file; "+filesPath+" lists what it has", http.StatusNotFound)
	}
}

// findFile gives the file of the archive that a path of a request stands for: below /files/
// its path in the archive, else the same with or without files/ before it. No path leads
// to anything but a file that the archive's lock names, whatever dots are in it.
func (h *handler) findFile(requested string) (name string, ok bool) {
	name = strings.TrimPrefix(requested, "/")
	below, direct := strings.CutPrefix(name, filesFolder)
	ways := []string{filesFolder + name, name}
	if direct {
		ways = []string{below, name}
	}
	for _, way := range ways {
		if _, ok := h.sums[way]; ok {
			return way, true
		}
	}
	return "", false
}

// fileSums gives the checksums of the files that are served, by their paths, empty for
// those that say what is in the archive.
func fileSums(lock *Lock) map[string]string {
	sums := map[string]string{lockPath: "", checksumsPath: ""}
	for i := range lock.Files {
		sums[lock.Files[i].Path] = lock.Files[i].SHA256
	}
	return sums
}

func (h *handler) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	content, err := h.archive.OpenFile(name)
	if err != nil {
		http.Error(w, "the archive has no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", fileType(name))
	var d digest.Digest
	if sum := h.sums[name]; sum != "" {
		w.Header().Set("X-Checksum-Sha256", sum) // as Artifactory says it
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
