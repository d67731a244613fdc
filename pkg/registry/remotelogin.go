package registry

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// logins are the credentials that are known.
type logins struct {
	host  string // in the form of address
	given auth.Credential
	files []credentials.Store
	paths []string
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
		store, err := credentials.NewStore(path, credentials.StoreOptions{})
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the credentials in %s: %w", path, err))
			continue
		}
		l.files, l.paths = append(l.files, store), append(l.paths, path)
	}
	return l, errors.Join(errs...)
}

// credential gives what is known for the registry at an address, which may be
// nothing.
func (l *logins) credential(ctx context.Context, host string) (auth.Credential, error) {
	if l.given.Username != "" && host == l.host {
		return l.given, nil
	}
	for i, store := range l.files {
		got, err := l.lookUp(ctx, store, host)
		if err != nil {
			return auth.EmptyCredential, &loginError{host: named(host), path: l.paths[i], err: err}
		}
		if got != auth.EmptyCredential {
			return got, nil
		}
	}
	return auth.EmptyCredential, nil
}

// lookUp asks for Docker Hub by the name that docker writes, then by the one that
// podman writes.
func (l *logins) lookUp(ctx context.Context, store credentials.Store, host string) (auth.Credential, error) {
	got, err := store.Get(ctx, credentials.ServerAddressFromHostname(host))
	if err == nil && got == auth.EmptyCredential && named(host) != host {
		return store.Get(ctx, named(host))
	}
	return got, err
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
