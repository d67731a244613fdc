// Package clustertest is the API of a cluster in memory, as much of it as reading takes:
// discovery, lists in pages, and the faults that those may have. Tests use it.
package clustertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

type object = map[string]any

// A Cluster answers requests. Its fields are set before the first one.
type Cluster struct {
	Denied  map[string]bool // resources that nobody may list
	Down    map[string]bool // groups whose server does not answer
	Expire  map[string]int  // resources that answer 410 Gone so often where a list goes on
	Restart bool            // with 410 comes no token to go on with
	Cut     map[string]int  // resources whose answer breaks off so often

	mu       sync.Mutex
	kinds    []kind
	objects  map[string][]object // by path of the list
	requests []string
}

// A kind is what is listed.
type kind struct {
	apiVersion, resource, name string
	namespaced                 bool
}

func (k kind) group() string {
	if group, _, ok := strings.Cut(k.apiVersion, "/"); ok {
		return group
	}
	return ""
}

// path is the path of the list of all namespaces.
func (k kind) path() string {
	if k.group() == "" {
		return "/api/" + k.apiVersion + "/" + k.resource
	}
	return "/apis/" + k.apiVersion + "/" + k.resource
}

// New returns a cluster that holds the objects of a stream of YAML. What has no namespace is
// in none.
func New(objects string) (*Cluster, error) {
	c := &Cluster{
		Denied: map[string]bool{}, Down: map[string]bool{}, Expire: map[string]int{}, Cut: map[string]int{},
		objects: map[string][]object{},
	}
	decoder := yaml.NewDecoder(strings.NewReader(objects))
	for {
		var o object
		if err := decoder.Decode(&o); err != nil {
			if err.Error() == "EOF" {
				return c, nil
			}
			return nil, fmt.Errorf("reading the objects of a cluster: %w", err)
		}
		if o != nil {
			c.Add(o)
		}
	}
}

// Add adds an object.
func (c *Cluster) Add(o map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprint(o["kind"])
	k := kind{fmt.Sprint(o["apiVersion"]), plural(name), name, metadata(o)["namespace"] != nil}
	if !slices.Contains(c.kinds, k) {
		c.kinds = append(c.kinds, k)
	}
	c.objects[k.path()] = append(c.objects[k.path()], o)
}

// plural is the resource of a kind.
func plural(kind string) string {
	word := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(word, "y"):
		return strings.TrimSuffix(word, "y") + "ies"
	case strings.HasSuffix(word, "s"):
		return word
	}
	return word + "s"
}

func metadata(o object) object {
	meta, _ := o["metadata"].(object)
	return meta
}

// Requests are the paths that were asked for, with their queries, in order.
func (c *Cluster) Requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// ServeHTTP answers as an API server does.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r.URL.RequestURI())
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "/api":
		answer(w, http.StatusOK, object{"kind": "APIVersions", "versions": []string{"v1"}})
	case path == "/apis":
		answer(w, http.StatusOK, c.groups())
	case path == "/api/v1":
		answer(w, http.StatusOK, c.resources("v1"))
	case strings.HasPrefix(path, "/apis/") && strings.Count(path, "/") == 3:
		c.discover(w, strings.TrimPrefix(path, "/apis/"))
	default:
		c.list(w, r)
	}
}

func (c *Cluster) discover(w http.ResponseWriter, version string) {
	if group, _, _ := strings.Cut(version, "/"); c.Down[group] {
		fail(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the server is currently unable to handle the request", "")
		return
	}
	answer(w, http.StatusOK, c.resources(version))
}

func (c *Cluster) groups() object {
	versions := map[string][]any{}
	for _, k := range c.kinds {
		_, version, _ := strings.Cut(k.apiVersion, "/")
		row := object{"groupVersion": k.apiVersion, "version": version}
		if k.group() != "" && !slices.ContainsFunc(versions[k.group()], func(have any) bool { return maps.Equal(have.(object), row) }) {
			versions[k.group()] = append(versions[k.group()], row)
		}
	}
	groups := []any{}
	for _, group := range slices.Sorted(maps.Keys(versions)) {
		groups = append(groups, object{"name": group, "versions": versions[group], "preferredVersion": versions[group][0]})
	}
	return object{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
}

func (c *Cluster) resources(version string) object {
	list := []any{}
	for _, k := range c.kinds {
		if k.apiVersion != version {
			continue
		}
		verbs := []string{"create", "get", "list", "watch"}
		list = append(list,
			object{"name": k.resource, "kind": k.name, "namespaced": k.namespaced, "singularName": "", "verbs": verbs},
			object{"name": k.resource + "/status", "kind": k.name, "namespaced": k.namespaced, "singularName": "", "verbs": verbs})
	}
	list = append(list, object{"name": "reviews", "kind": "Review", "singularName": "", "verbs": []string{"create"}})
	return object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list}
}

// list answers one page of a list.
func (c *Cluster) list(w http.ResponseWriter, r *http.Request) {
	path, namespace := r.URL.Path, ""
	if before, after, ok := strings.Cut(path, "/namespaces/"); ok {
		name, resource, _ := strings.Cut(after, "/")
		path, namespace = before+"/"+resource, name
	}
	i := slices.IndexFunc(c.kinds, func(k kind) bool { return k.path() == path })
	if i < 0 {
		fail(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource", "")
		return
	}
	k, items := c.kinds[i], []object{}
	for _, o := range c.objects[path] {
		if namespace == "" || metadata(o)["namespace"] == namespace {
			items = append(items, o)
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	switch {
	case c.Denied[k.resource]:
		fail(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("%s is forbidden: User \"ann\" cannot list resource %q", k.resource, k.resource), "")
	case from > 0 && c.Expire[k.resource] > 0:
		c.Expire[k.resource]--
		next := strconv.Itoa(from)
		if c.Restart {
			next = ""
		}
		fail(w, http.StatusGone, "Expired", "The provided continue parameter is too old", next)
	default:
		c.page(w, k, items, from, limit)
	}
}

// page answers items[from:from+limit], spelled as the API server does: the items of kinds
// that are compiled in do not say their kind, and the keys of others are sorted.
func (c *Cluster) page(w http.ResponseWriter, k kind, items []object, from, limit int) {
	to, next := len(items), ""
	if limit > 0 && from+limit < to {
		to = from + limit
		next = strconv.Itoa(to)
	}
	parts := make([]string, 0, to-from)
	for _, o := range items[from:to] {
		o = maps.Clone(o)
		if k.isCompiledIn() {
			delete(o, "kind")
			delete(o, "apiVersion")
		}
		parts = append(parts, encode(o))
	}
	meta := encode(object{"resourceVersion": "1", "continue": next})
	text := fmt.Sprintf(`{"apiVersion":%q,"items":[%s],"kind":"%sList","metadata":%s}`, k.apiVersion, strings.Join(parts, ","), k.name, meta)
	if k.isCompiledIn() {
		text = fmt.Sprintf(`{"kind":"%sList","apiVersion":%q,"metadata":%s,"items":[%s]}`, k.name, k.apiVersion, meta, strings.Join(parts, ","))
	}
	w.Header().Set("Content-Type", "application/json")
	if c.Cut[k.resource] > 0 {
		c.Cut[k.resource]--
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		text = text[:len(text)/2]
	}
	_, _ = w.Write([]byte(text)) // a client that went away needs no answer
}

func (k kind) isCompiledIn() bool {
	group := k.group()
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".x-k8s.io")
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // YAML gives nothing that JSON has not, but for keys that are no strings
	}
	return string(text)
}

func fail(w http.ResponseWriter, code int, reason, message, next string) {
	answer(w, code, object{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message,
		"metadata": object{"continue": next},
	})
}

func answer(w http.ResponseWriter, code int, o object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(encode(o))) // as above
}
