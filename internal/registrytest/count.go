package registrytest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// A Kind is what a request is about.
type Kind string

// The kinds of requests.
const (
	Ping         Kind = "ping"
	Token        Kind = "token"
	ManifestGet  Kind = "manifest GET"
	ManifestHead Kind = "manifest HEAD"
	ManifestPut  Kind = "manifest PUT"
	BlobGet      Kind = "blob GET"
	BlobHead     Kind = "blob HEAD"
	UploadPost   Kind = "upload POST"
	Mount        Kind = "mount POST" // an UploadPost that mounted
	UploadPatch  Kind = "upload PATCH"
	UploadPut    Kind = "upload PUT"
	Referrers    Kind = "referrers GET"
	Other        Kind = "other"
)

// done is the kind that a request turns out to be with its answer.
func (k Kind) done(status int) Kind {
	if k == UploadPost && status == http.StatusCreated {
		return Mount
	}
	return k
}

func (k Kind) writes() bool {
	return k == ManifestPut || k == UploadPost || k == UploadPatch || k == UploadPut
}

// kindOf sorts a request by the paths of the distribution specification.
func kindOf(req *http.Request) Kind {
	is := func(part string) bool { return strings.Contains(req.URL.Path, part) }
	kinds := map[string]Kind{}
	switch {
	case req.URL.Path == "/v2/" || req.URL.Path == "/v2":
		return Ping
	case is("/blobs/uploads/"):
		kinds = map[string]Kind{http.MethodPost: UploadPost, http.MethodPatch: UploadPatch, http.MethodPut: UploadPut}
	case is("/blobs/"):
		kinds = map[string]Kind{http.MethodGet: BlobGet, http.MethodHead: BlobHead}
	case is("/manifests/"):
		kinds = map[string]Kind{http.MethodGet: ManifestGet, http.MethodHead: ManifestHead, http.MethodPut: ManifestPut}
	case is("/referrers/"):
		return Referrers
	}
	if kind, ok := kinds[req.Method]; ok {
		return kind
	}
	return Other
}

func repositoryOf(path string) string {
	path = strings.TrimPrefix(path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/", "/referrers/", "/tags/"} {
		if at := strings.LastIndex(path, part); at >= 0 {
			return path[:at]
		}
	}
	return path
}

// A Request is a request that the registry has got.
type Request struct {
	Kind     Kind
	Method   string
	Path     string
	Range    string // its Range header
	Status   int    // 200 until it is answered
	Sent     int64  // bytes of the answer's body
	Received int64  // bytes of the request's body
}

// record notes a request as soon as it comes. What becomes of it is entered before
// the client sees it, so that whoever has an answer finds it counted.
func (r *Registry) record(req Request) *Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, &req)
	return &req
}

// Requests are all requests since the last Reset in the order in
// which they came, those under way as well.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Request, len(r.log))
	for i, req := range r.log {
		all[i] = *req
	}
	return all
}

// Reset forgets all requests.
func (r *Registry) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = nil
}

// Count is the number of requests of some kinds since the last Reset.
func (r *Registry) Count(kinds ...Kind) int {
	n := 0
	for _, req := range r.Requests() {
		if slices.Contains(kinds, req.Kind) {
			n++
		}
	}
	return n
}

// Sent is how many bytes of blobs were read from the registry.
func (r *Registry) Sent() int64 {
	var n int64
	for _, req := range r.Requests() {
		if req.Kind == BlobGet && req.Status < 300 {
			n += req.Sent
		}
	}
	return n
}

// Received is how many bytes of blobs were sent to the registry.
func (r *Registry) Received() int64 {
	var n int64
	for _, req := range r.Requests() {
		if req.Kind == UploadPut || req.Kind == UploadPatch || req.Kind == UploadPost {
			n += req.Received
		}
	}
	return n
}

// Summary writes one line for each kind that was asked for, its number first,
// sorted by kind.
func (r *Registry) Summary(w io.Writer) error {
	counts := map[Kind]int{}
	for _, req := range r.Requests() {
		counts[req.Kind]++
	}
	kinds := make([]Kind, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		if _, err := fmt.Fprintf(w, "%d %s\n", counts[kind], kind); err != nil {
			return err
		}
	}
	return nil
}

// recorder enters what is answered.
type recorder struct {
	http.ResponseWriter
	registry *Registry
	entry    *Request
}

func (r *recorder) WriteHeader(status int) {
	r.registry.mu.Lock()
	r.entry.Status, r.entry.Kind = status, r.entry.Kind.done(status)
	r.registry.mu.Unlock()
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.registry.mu.Lock()
	r.entry.Sent += int64(len(p))
	r.registry.mu.Unlock()
	return r.ResponseWriter.Write(p)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (h *headers) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// countedBody enters what is received.
type countedBody struct {
	io.ReadCloser
	registry *Registry
	entry    *Request
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.registry.mu.Lock()
	c.entry.Received += int64(n)
	c.registry.mu.Unlock()
	return n, err
}
