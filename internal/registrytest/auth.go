package registrytest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// tokens are the tokens that were given, with their scopes.
type tokens struct {
	mu    sync.Mutex
	given map[string][]string
}

func (t *tokens) give(scopes []string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given == nil {
		t.given = map[string][]string{}
	}
	token := "token-" + strconv.Itoa(len(t.given)+1)
	t.given[token] = scopes
	return token
}

// allow says whether a token was given for an action on a repository.
func (t *tokens) allow(token, repository, action string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	scopes, known := t.given[token]
	if repository == "" {
		return known
	}
	for _, scope := range scopes {
		rest, ok := strings.CutPrefix(scope, "repository:"+repository+":")
		for action2 := range strings.SplitSeq(rest, ",") {
			if ok && action2 == action {
				return true
			}
		}
	}
	return false
}

// ServeToken is the service that Options.Realm names
// (distribution.github.io/distribution/spec/auth/token).
func (r *Registry) ServeToken(w http.ResponseWriter, req *http.Request) {
	entry := r.record(Request{Kind: Token, Method: req.Method, Path: req.URL.Path, Status: http.StatusOK})
	w = &recorder{ResponseWriter: w, registry: r, entry: entry}
	user, password, given := req.BasicAuth()
	known := given && user == r.opts.Username && password == r.opts.Password
	if !known && (given || !r.opts.Anonymous) {
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	var scopes []string
	for _, scope := range req.URL.Query()["scope"] {
		for s := range strings.FieldsSeq(scope) {
			scopes = append(scopes, r.grant(s, known))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": r.tokens.give(scopes), "expires_in": 300})
}

// grant is what of a scope somebody gets.
func (r *Registry) grant(scope string, known bool) string {
	if known {
		return scope
	}
	at := strings.LastIndex(scope, ":")
	return scope[:at+1] + "pull"
}

// authorized says whether a request may be answered, and answers it if not.
func (r *Registry) authorized(w http.ResponseWriter, req *http.Request, kind Kind) bool {
	if r.opts.Username == "" && r.opts.Realm == "" {
		return true
	}
	if r.opts.Realm == "" {
		user, password, _ := req.BasicAuth()
		if user == r.opts.Username && password == r.opts.Password {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return false
	}
	repository, action := repositoryOf(req.URL.Path), "pull"
	if kind == Ping {
		repository = ""
	}
	if kind.writes() {
		action = "push"
	}
	if r.tokens.allow(bearer(req), repository, action) {
		return true
	}
	w.Header().Set("WWW-Authenticate", r.challenge(req, repository, action))
	writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return false
}

func (r *Registry) challenge(req *http.Request, repository, action string) string {
	realm := r.opts.Realm
	if !strings.Contains(realm, "://") {
		scheme := "http"
		if req.TLS != nil {
			scheme = "https"
		}
		realm = scheme + "://" + req.Host + realm
	}
	text := `Bearer realm="` + realm + `",service="registrytest"`
	if repository == "" {
		return text
	}
	if action == "push" {
		action = "pull,push"
	}
	return text + `,scope="repository:` + repository + ":" + action + `"`
}

func bearer(req *http.Request) string {
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	return token
}

// mayPull says whether a mount may read the repository that it names.
func (r *Registry) mayPull(req *http.Request, repository string) bool {
	return r.opts.Realm == "" || r.tokens.allow(bearer(req), repository, "pull")
}

// Expire ends all tokens that were given.
func (r *Registry) Expire() {
	r.tokens.mu.Lock()
	defer r.tokens.mu.Unlock()
	for token := range r.tokens.given {
		r.tokens.given[token] = nil
	}
}
