package resume

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const tooManyRequests = http.StatusTooManyRequests

// A StatusError is an answer that is no success.
type StatusError struct {
	Host       string        // who answered
	Code       int           // HTTP status
	RetryAfter time.Duration // how long it wants us to wait; 0 if it does not say
	Message    string        // what else it said; may be empty
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered %d %s", e.Host, e.Code, http.StatusText(e.Code))
	if e.Code == tooManyRequests {
		text = "rate limited by " + e.Host + " (429)"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return strings.TrimSpace(text)
}

// Status makes a StatusError of an answer, with the Retry-After that it carries.
// It reads nothing of the body and does not close it.
func Status(resp *http.Response) *StatusError {
	e := &StatusError{Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	if resp.Request != nil {
		e.Host = resp.Request.URL.Host
	}
	return e
}

// retryAfter reads Retry-After: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func statusOf(err error) *StatusError {
	var status *StatusError
	errors.As(err, &status)
	return status
}

// final is an error after which nothing is tried again.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Final marks err as one that another try cannot mend. nil stays nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return final{err}
}

// passing is an error that the next try may not meet.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// Passing marks err as one that another try may mend although it does not look so: it is
// worth 3 of them.
func Passing(err error) error { return passing{err} }

// ErrStalled says that nothing came for too long.
var ErrStalled = errors.New("the connection has stalled")

// triesWorth is how many tries the failure err is worth: 1 for what will not go
// away by itself.
func triesWorth(err error) int {
	const all = math.MaxInt
	var (
		marked final
		passes passing
		dns    *net.DNSError
		where  *url.Error
		op     *net.OpError
	)
	status := statusOf(err)
	switch {
	case errors.As(err, &marked), certificate(err):
		return 1
	case errors.As(err, &passes):
		return 3
	case status != nil:
		return statusWorth(status.Code)
	case errors.Is(err, ErrStalled), errors.Is(err, io.ErrUnexpectedEOF):
		return all
	case errors.Is(err, context.Canceled):
		return 1
	case errors.As(err, &dns) && dns.IsNotFound, errors.Is(err, syscall.ECONNREFUSED):
		return 3 // a name or a port mistyped, or a server that is just starting
	case errors.As(err, &where), errors.As(err, &op), errors.Is(err, syscall.ECONNRESET):
		return all
	}
	return 1
}

func statusWorth(code int) int {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, tooManyRequests:
		return math.MaxInt
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusInsufficientStorage,
		http.StatusNetworkAuthenticationRequired:
		return 1
	}
	if code >= 500 {
		return math.MaxInt
	}
	return 1
}

// ProxyAnswer is an http.Transport's OnProxyConnectResponse: it says which proxy does not
// connect, and marks what another try cannot mend. A proxy that wants other credentials
// locks a user out after a few wrong ones.
func ProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	err := fmt.Errorf("the proxy %s does not connect: it answered %d %s", proxy.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	if statusWorth(resp.StatusCode) == 1 {
		return Final(err)
	}
	return err
}

// certificate says whether the two ends do not agree on TLS.
func certificate(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		unknown   x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		plaintext tls.RecordHeaderError
	)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // an alert of the other end, as crypto/tls hands it over
		return true
	}
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &alert) || errors.As(err, &plaintext)
}
