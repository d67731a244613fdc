package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

// A line makes errors of the answers that are failures, with what the registry
// says about them, before any library has thrown that away.
type line struct {
	base   http.RoundTripper
	realms *realms
}

// RoundTrip implements http.RoundTripper. Unlike others it gives answers from 400
// on as errors, but for those that somebody here can do something with.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(l.realms.real(req))
	if err != nil {
		return nil, err
	}
	resp.Request = req
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		if err := checkRealm(resp); err != nil {
			_ = resp.Body.Close() // it was not read
			return nil, err
		}
		l.realms.stand(resp)
		return resp, nil
	case code < 400, code == http.StatusRequestedRangeNotSatisfiable:
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	status := resume.Status(resp)
	said, limited := message(req, resp)
	status.Host, status.Message = named(status.Host), said
	if limited && status.Code < 500 {
		status.Code = http.StatusTooManyRequests // whatever the registry has called it
	}
	if status.Code == http.StatusNotFound && isForToken(req) {
		status.Host = l.realms.real(req).URL.Host
		return nil, lacksTokens(status)
	}
	return nil, status
}

// message is what a registry says about a failure: one line of at most 300 bytes,
// without the secrets of the request; and whether that is that it limits a rate.
func message(req *http.Request, resp *http.Response) (text string, limited bool) {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came is enough
	var said struct {
		Errors []struct {
			Code, Message string
			Detail        json.RawMessage
		}
		Details string // of token services
	}
	if json.Unmarshal(raw, &said) != nil {
		return "", false
	}
	var parts []string
	for _, e := range said.Errors {
		limited = limited || e.Code == "TOOMANYREQUESTS"
		text := e.Message
		if text == "" {
			text = strings.ToLower(strings.ReplaceAll(e.Code, "_", " "))
		}
		if detail := strings.Trim(string(e.Detail), `"`); detail != "" && detail != "null" && resp.StatusCode >= 500 {
			text += " " + detail
		}
		parts = append(parts, text)
	}
	if said.Details != "" {
		parts = append(parts, said.Details)
	}
	return bounded(withoutSecrets(req, strings.Join(parts, "; "))), limited
}

func bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.TrimSpace(text)
}

// withoutSecrets takes out what a registry may repeat of a request, and queries of
// URLs, which may be signed.
func withoutSecrets(req *http.Request, text string) string {
	_, sent, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	secrets := []string{sent}
	if plain, err := base64.StdEncoding.DecodeString(sent); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		secrets = append(secrets, string(plain), password)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	return regexp.MustCompile(`(https?://[^\s?"]*)\?[^\s"]*`).ReplaceAllString(text, "$1")
}

// realms are token services inside of a site. oras-go sends credentials to no
// service on a private address, unless it has the name of the registry: a public
// registry could point at anything behind a firewall that way. Where the registry
// itself is on a private address there is nothing to fear, and its service may
// well have a name of its own, as GitLab's has; so such a service is called by the
// registry's name until the request for a token is sent.
type realms struct {
	lock sync.Mutex
	all  []*url.URL
}

const realmPath = "/.realm-of-the-site/"

// stand puts a name of the registry into the place of a service that is on a
// private address as it is itself.
func (r *realms) stand(resp *http.Response) {
	const key = "Www-Authenticate"
	at, header := resp.Request.URL, resp.Header.Get(key)
	m := regexp.MustCompile(`(?i)^bearer .*?realm="([^"]*)"`).FindStringSubmatch(header)
	if m == nil {
		return
	}
	realm, err := url.Parse(m[1])
	ctx := resp.Request.Context()
	if err != nil || realm.Hostname() == at.Hostname() || realm.Scheme != at.Scheme && realm.Scheme != "https" ||
		!isPrivate(ctx, at.Hostname()) || !isPrivate(ctx, realm.Hostname()) {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	n := len(r.all)
	for i, known := range r.all {
		if *known == *realm {
			n = i
		}
	}
	if n == len(r.all) {
		r.all = append(r.all, realm)
	}
	stands := url.URL{Scheme: at.Scheme, Host: at.Host, Path: realmPath + strconv.Itoa(n), RawQuery: realm.RawQuery}
	resp.Header.Set(key, strings.Replace(header, m[1], stands.String(), 1))
}

// real is the request to the service that stand has replaced, or req.
func (r *realms) real(req *http.Request) *http.Request {
	n, ok := strings.CutPrefix(req.URL.Path, realmPath)
	if !ok {
		return req
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 || i >= len(r.all) {
		return req
	}
	at := *r.all[i]
	at.RawQuery = req.URL.RawQuery
	out := req.Clone(req.Context())
	out.URL, out.Host = &at, at.Host
	return out
}

// isPrivate says whether a host is on a network that is not the internet.
func isPrivate(ctx context.Context, host string) bool {
	ip, err := netip.ParseAddr(host)
	ips := []netip.Addr{ip}
	if err != nil {
		if ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return false
		}
	}
	for _, ip := range ips {
		if ip := ip.Unmap(); ip.IsPrivate() || ip.IsLoopback() {
			return true
		}
	}
	return false
}

// scrub makes of what went wrong with a request what may be shown: without the
// queries of URLs, without what libraries have wrapped around it.
func scrub(err error) error {
	if err == nil {
		return nil
	}
	if status, ok := asError[*resume.StatusError](err); ok {
		if isFull(status) {
			return resume.Final(status) // although Docker's registry answers 500
		}
		return status
	}
	where, ok := asError[*url.Error](err)
	for ok {
		inner, more := asError[*url.Error](where.Err)
		if !more {
			break
		}
		where = inner
	}
	if !ok {
		return err
	}
	at, parseErr := url.Parse(where.URL)
	if parseErr != nil {
		return fmt.Errorf("%s: %w", where.Op, where.Err)
	}
	return &url.Error{Op: where.Op, URL: (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path}).String(), Err: where.Err}
}
