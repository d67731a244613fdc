package verify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// handshakeTime is how long the registry may take to show its certificate. One that does
// not is told of by Registry.
const handshakeTime = 10 * time.Second

// Trust shakes hands with the private registry as the nodes do that are given
// authorities for it, and finds the files by which they would not trust it. proxy gives
// the proxy for a request, nil means none.
func (m *Mirrors) Trust(ctx context.Context, site Site, wanted []Wanted, proxy func(*http.Request) (*url.URL, error)) []Finding {
	tried := map[string]bool{}
	var found []Finding
	for _, c := range m.configs {
		for _, registry := range registriesOf(c, wanted) {
			attempts, _ := c.Attempts(image.Ref{Registry: registry, Repository: "any", Tag: "latest"})
			for i := range attempts {
				a := &attempts[i]
				authorities, ok := authoritiesOf(a)
				if a.Host != m.registry || !ok || tried[authorities] {
					continue // of files that name the same, the first stands for all
				}
				tried[authorities] = true
				if reason := distrust(ctx, a.Host, authorities, proxy); reason != "" {
					found = append(found, site.finding(CheckNodeCA, a.Place, image.Ref{}, "the authority that is given there does not make nodes trust "+a.Host+": "+reason))
				}
			}
		}
	}
	return found
}

// registriesOf are the registries that the nodes know, and those that are asked for.
func registriesOf(c *containerd.Config, wanted []Wanted) []string {
	names := c.Registries()
	for i := range wanted {
		if name := wanted[i].Source.Registry; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// authoritiesOf are the authorities that an attempt is made with, as PEM, and whether it
// is they on whom it depends.
func authoritiesOf(a *containerd.Attempt) (string, bool) {
	var all strings.Builder
	for _, c := range a.CA {
		if c.State != containerd.Usable {
			return "", false
		}
		all.WriteString(c.PEM + "\n")
	}
	return all.String(), len(a.CA) > 0 && a.Scheme == "https" && !a.SkipVerify
}

// distrust says why a client that has these authorities beside the system's does not
// trust the host, if that is so.
func distrust(ctx context.Context, host, authorities string, proxy func(*http.Request) (*url.URL, error)) string {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM([]byte(authorities))
	client := &http.Client{Timeout: handshakeTime, Transport: &http.Transport{
		Proxy: proxy, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+host+"/v2/", nil)
	if err != nil {
		return "" // the host is told of elsewhere
	}
	resp, err := client.Do(req)
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return refused.Err.Error()
	}
	if err == nil {
		resp.Body.Close() //nolint:errcheck // a HEAD has none
	}
	return ""
}
