package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An object is one JSON object of the API.
type object = map[string]any

// An api holds all objects, by the path at which each is found.
type api struct {
	mu        sync.Mutex
	resources []resource
	objects   map[string]object
	order     []string // paths, as created
	version   int
}

func newAPI() *api { return &api{resources: builtin(), objects: map[string]object{}} }

// A target is what the path of a request names.
type target struct {
	resource
	namespace, name, sub string
}

// path is where the object is kept.
func (t target) path() string {
	return strings.Join([]string{t.group, t.plural, t.namespace, t.name}, "/")
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.discover(w, r.URL.Path) {
		return
	}
	t, ok := a.target(r.URL.Path)
	if !ok {
		fail(w, http.StatusNotFound, "NotFound", "there is no "+r.URL.Path)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	switch r.Method {
	case http.MethodGet:
		a.get(w, r, t)
	case http.MethodPost:
		a.create(w, t, body)
	case http.MethodPut, http.MethodPatch:
		a.update(w, r, t, body)
	case http.MethodDelete:
		a.remove(w, t)
	}
}

// target reads /api/v1/… and /apis/GROUP/VERSION/….
func (a *api) target(path string) (target, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var group string
	if parts[0] == "apis" && len(parts) > 3 {
		group, parts = parts[1], parts[1:]
	}
	if len(parts) < 3 {
		return target{}, false
	}
	version, rest := parts[1], parts[2:]
	var t target
	if rest[0] == "namespaces" && len(rest) > 2 {
		t.namespace, rest = rest[1], rest[2:]
	}
	for _, res := range a.resources {
		if res.group == group && res.version == version && res.plural == rest[0] {
			t.resource = res
			if len(rest) > 1 {
				t.name = rest[1]
			}
			if len(rest) > 2 {
				t.sub = rest[2]
			}
			return t, true
		}
	}
	return target{}, false
}

func (a *api) get(w http.ResponseWriter, r *http.Request, t target) {
	if t.name != "" {
		if o, ok := a.objects[t.path()]; ok {
			answer(w, http.StatusOK, t.shown(o))
			return
		}
		notFound(w, t)
		return
	}
	items := []any{}
	for _, path := range a.order {
		o := a.objects[path]
		if o != nil && t.lists(path) && selects(r.URL.Query().Get("labelSelector"), labels(o)) {
			items = append(items, t.shown(o))
		}
	}
	answer(w, http.StatusOK, object{
		"apiVersion": t.apiVersion(), "kind": t.kind + "List", "items": items,
		"metadata": object{"resourceVersion": strconv.Itoa(a.version)},
	})
}

// lists says that the object at the path belongs to what t lists.
func (t target) lists(path string) bool {
	parts := strings.Split(path, "/")
	return parts[0] == t.group && parts[1] == t.plural && (t.namespace == "" || parts[2] == t.namespace)
}

// shown is o in the version that t asks for.
func (t target) shown(o object) object {
	o["apiVersion"], o["kind"] = t.apiVersion(), t.kind
	return o
}

func (a *api) create(w http.ResponseWriter, t target, body []byte) {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		fail(w, http.StatusBadRequest, "BadRequest", "only JSON is understood: "+err.Error())
		return
	}
	meta := metadata(o)
	if meta["name"] == nil {
		meta["name"] = fmt.Sprint(meta["generateName"], a.version)
	}
	t.name = fmt.Sprint(meta["name"])
	if t.namespace != "" {
		meta["namespace"] = t.namespace
	}
	if a.objects[t.path()] != nil {
		fail(w, http.StatusConflict, "AlreadyExists", t.plural+" "+t.name+" already exists")
		return
	}
	meta["uid"] = fmt.Sprintf("00000000-0000-0000-0000-%012d", a.version)
	meta["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	a.keep(t, o)
	answer(w, http.StatusCreated, t.shown(o))
}

// keep stores o under a new version.
func (a *api) keep(t target, o object) {
	a.version++
	metadata(o)["resourceVersion"] = strconv.Itoa(a.version)
	if a.objects[t.path()] == nil {
		a.order = append(a.order, t.path())
	}
	a.objects[t.path()] = o
	if t.kind == "CustomResourceDefinition" {
		a.define(o)
	}
}

func (a *api) update(w http.ResponseWriter, r *http.Request, t target, body []byte) {
	old := a.objects[t.path()]
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "only objects in JSON are understood: "+err.Error())
		return
	}
	if old == nil {
		if r.Header.Get("Content-Type") != "application/apply-patch+yaml" {
			notFound(w, t)
			return
		}
		old = object{}
	}
	if r.Method == http.MethodPatch {
		o = merge(old, o)
	} else {
		for _, key := range []string{"uid", "creationTimestamp"} {
			metadata(o)[key] = metadata(old)[key]
		}
	}
	a.keep(t, o)
	answer(w, http.StatusOK, t.shown(o))
}

func (a *api) remove(w http.ResponseWriter, t target) {
	if a.objects[t.path()] == nil {
		notFound(w, t)
		return
	}
	a.objects[t.path()] = nil
	answer(w, http.StatusOK, object{"apiVersion": "v1", "kind": "Status", "status": "Success"})
}

// merge applies a merge patch (RFC 7386); that lists are replaced whole is enough here.
func merge(old, patch object) object {
	for key, value := range patch {
		inner, isObject := value.(object)
		before, wasObject := old[key].(object)
		switch {
		case value == nil:
			delete(old, key)
		case isObject && wasObject:
			old[key] = merge(before, inner)
		default:
			old[key] = value
		}
	}
	return old
}

func metadata(o object) object {
	meta, ok := o["metadata"].(object)
	if !ok {
		meta = object{}
		o["metadata"] = meta
	}
	return meta
}

func labels(o object) object {
	l, _ := metadata(o)["labels"].(object)
	return l
}

// selects understands key, !key, key=value, key!=value, and key in (a,b).
func selects(selector string, labels object) bool {
	for selector != "" {
		var term string
		if i := strings.Index(selector, " in ("); i >= 0 && !strings.Contains(selector[:i], ",") {
			end := strings.IndexByte(selector, ')')
			term, selector = selector[:end+1], strings.TrimPrefix(selector[end+1:], ",")
		} else {
			term, selector, _ = strings.Cut(selector, ",")
		}
		if !satisfies(strings.TrimSpace(term), labels) {
			return false
		}
	}
	return true
}

func satisfies(term string, labels object) bool {
	if key, values, ok := strings.Cut(term, " in ("); ok {
		have, has := labels[key]
		return has && strings.Contains(","+strings.TrimSuffix(values, ")")+",", ","+fmt.Sprint(have)+",")
	}
	if key, value, ok := strings.Cut(term, "!="); ok {
		return fmt.Sprint(labels[key]) != value
	}
	if key, value, ok := strings.Cut(term, "="); ok {
		have, has := labels[key]
		return has && fmt.Sprint(have) == strings.TrimPrefix(value, "=")
	}
	if key, ok := strings.CutPrefix(term, "!"); ok {
		_, has := labels[key]
		return !has
	}
	_, has := labels[term]
	return has
}

func notFound(w http.ResponseWriter, t target) {
	fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", t.plural, t.name))
}

func fail(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, object{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message,
	})
}

func answer(w http.ResponseWriter, code int, o object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(o) // a client that went away needs no answer
}
