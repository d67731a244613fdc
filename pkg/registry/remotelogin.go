package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// logins are the credentials that are known.
type logins struct {
	host  string // in the form of address
	given auth.Credential
	files []authFile
}

func newLogins(opts RemoteOptions) (*logins, error) {
	l := &logins{
		host:  address(opts.LoginHost),
		given: auth.Credential{Username: opts.Username, Password: opts.Password},
	}
	if opts.Username != "" && opts.LoginHost == "" {
		return nil, errors.New("a user name is given, but not the registry that it is for")
	}
	var errs []error
	for _, path := range opts.AuthFiles {
		file, err := readAuthFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the credentials in %s: %w", path, err))
			continue
		}
		l.files = append(l.files, file)
	}
	return l, errors.Join(errs...)
}

// place is what the credentials for a repository depend on: the address of its registry,
// and the longest namespace there, or repository, that an entry of a file is for.
func (l *logins) place(ref image.Ref) string {
	longest := ""
	for _, file := range l.files {
		for name := range file.auths {
			if len(name) > len(longest) && isBelow(ref.Name(), name) {
				longest = name
			}
		}
	}
	return address(ref.Registry) + strings.TrimPrefix(longest, ref.Registry)
}

// isBelow says whether name lies in a namespace, not in a whole registry.
func isBelow(name, namespace string) bool {
	return strings.Contains(namespace, "/") && strings.HasPrefix(name+"/", namespace+"/")
}

// credential gives what is known for a place, which may be nothing.
func (l *logins) credential(ctx context.Context, place string) (auth.Credential, error) {
	host, namespace, _ := strings.Cut(place, "/")
	if l.given.Username != "" && host == l.host {
		return l.given, nil
	}
	for _, file := range l.files {
		got, err := file.lookUp(ctx, host, namespace)
		if err != nil {
			return auth.EmptyCredential, &loginError{host: named(host), path: file.path, err: err}
		}
		if got != auth.EmptyCredential {
			return got, nil
		}
	}
	return auth.EmptyCredential, nil
}

// An authFile is docker's config.json or containers' auth.json.
type authFile struct {
	path  string
	store credentials.Store
	authNames
}

// authNames are the names that credentials stand under.
type authNames struct {
	auths, helpers map[string]json.RawMessage
	all            string // the helper for all registries
}

func readAuthFile(path string) (authFile, error) {
	f := authFile{path: path}
	var err error
	if f.store, err = credentials.NewStore(path, credentials.StoreOptions{}); err != nil {
		return f, err
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the user named it, or the system
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	var names struct {
		Auths       map[string]json.RawMessage
		CredHelpers map[string]json.RawMessage
		CredsStore  string
	}
	if err == nil && len(bytes.TrimSpace(raw)) > 0 && json.Unmarshal(raw, &names) != nil {
		err = errors.New("it is not in the form of docker's config.json") // json quotes what it does not understand
	}
	f.authNames = authNames{names.Auths, names.CredHelpers, names.CredsStore}
	return f, err
}

// lookUp gives the credentials of the longest namespace that has some, else those of the
// registry (containers-auth.json(5)). Docker Hub's are asked for by the name that docker
// writes, then by the one that podman writes.
func (f authFile) lookUp(ctx context.Context, host, namespace string) (auth.Credential, error) {
	for namespace != "" {
		key := named(host) + "/" + namespace
		if _, ok := f.auths[key]; ok {
			if got, err := f.get(ctx, key); err != nil || got != auth.EmptyCredential {
				return got, err
			}
		}
		namespace = namespace[:max(0, strings.LastIndexByte(namespace, '/'))]
	}
	got, err := f.ofHost(ctx, credentials.ServerAddressFromHostname(host))
	if err == nil && got == auth.EmptyCredential && named(host) != host {
		return f.ofHost(ctx, named(host))
	}
	return got, err
}

// ofHost gives the credentials of a whole registry. The library would take those of any
// namespace there for them.
func (f authFile) ofHost(ctx context.Context, name string) (auth.Credential, error) {
	_, written := f.auths[name]
	if _, helped := f.helpers[name]; written || helped || f.all != "" {
		return f.get(ctx, name)
	}
	for _, key := range slices.Sorted(maps.Keys(f.auths)) {
		bare := strings.TrimPrefix(strings.TrimPrefix(key, "http://"), "https://")
		host, rest, _ := strings.Cut(bare, "/")
		rest = strings.TrimSuffix(rest, "/")
		if host == name && (bare != key || rest == "" || rest == "v1" || rest == "v2") { // as docker wrote them once
			return f.get(ctx, key)
		}
	}
	return auth.EmptyCredential, nil
}

// get asks the file, or the helper that it names. A helper that has left a child behind,
// which holds its output, is not waited for when ctx ends.
func (f authFile) get(ctx context.Context, key string) (auth.Credential, error) {
	type answer struct {
		got auth.Credential
		err error
	}
	done := make(chan answer, 1)
	go func() {
		got, err := f.store.Get(ctx, key)
		done <- answer{got, err}
	}()
	select {
	case a := <-done:
		return a.got, a.err
	case <-ctx.Done():
		return auth.EmptyCredential, ctx.Err()
	}
}

// A loginError says that the credentials of a registry cannot be read. Of the cause
// it shows only what can be no part of them: the library quotes what it does not
// understand.
type loginError struct {
	host, path string
	err        error
}

func (e *loginError) Error() string {
	text := fmt.Sprintf("reading the credentials for %s in %s: ", e.host, e.path)
	if missing, ok := asError[*exec.Error](e.err); ok {
		return text + missing.Error()
	}
	if exit, ok := asError[*exec.ExitError](e.err); ok {
		return text + "the credential helper that it names has failed: " + exit.Error()
	}
	return text + "they are not in the form of docker's config.json, or the credential helper that it names has failed"
}

func (e *loginError) Unwrap() error { return e.err }
