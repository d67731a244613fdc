package authority

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestSelfSigned(t *testing.T) {
	server, ca, err := SelfSigned([]string{"registry.example.org", "127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{server}}
	s.StartTLS()
	defer s.Close()
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(ca) {
		t.Fatal("the authority is no PEM")
	}
	for name, ok := range map[string]bool{"registry.example.org": true, "": true, "other.example.org": false} {
		config := &tls.Config{RootCAs: trusted, ServerName: name}
		if name == "" {
			config.ServerName = "127.0.0.1"
		}
		conn, err := tls.Dial("tcp", s.Listener.Addr().String(), config)
		if (err == nil) != ok {
			t.Errorf("connecting to %q: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestSelfSignedWantsNames(t *testing.T) {
	if _, _, err := SelfSigned(nil, time.Now()); err == nil {
		t.Error("a certificate without a name")
	}
}
