package registrytest

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
)

// A Server is a registry that listens.
type Server struct {
	*Registry
	Host string // host:port

	http *http.Server
}

// Listen serves a registry at address ("127.0.0.1:0" for any port) until Close,
// with TLS if conf is not nil.
func Listen(ctx context.Context, r *Registry, address string, conf *tls.Config) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{Registry: r, Host: listener.Addr().String()}
	s.http = &http.Server{Handler: r, TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // a test's own server needs no timeouts
	go func() {
		if conf != nil {
			_ = s.http.ServeTLS(listener, "", "")
		} else {
			_ = s.http.Serve(listener)
		}
	}()
	return s, nil
}

// Close ends the server and what is under way at once.
func (s *Server) Close() {
	s.Fail(Faults{})
	_ = s.http.Close()
}

// TB is what of a *testing.T is needed, so that programs need not link testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
}

// Start serves a new registry over plain HTTP on loopback until the test ends.
func Start(tb TB, opts Options) *Server {
	tb.Helper()
	return start(tb, opts, nil)
}

// StartTLS is Start with TLS by a new authority. With clients it wants
// certificates of the authority from its clients.
func StartTLS(tb TB, opts Options, clients bool) (*Server, *Authority) {
	tb.Helper()
	authority, err := NewAuthority()
	if err != nil {
		tb.Fatal(err)
	}
	conf, err := authority.Server(clients)
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, opts, conf), authority
}

func start(tb TB, opts Options, conf *tls.Config) *Server {
	tb.Helper()
	s, err := Listen(context.Background(), New(opts), "127.0.0.1:0", conf)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}
