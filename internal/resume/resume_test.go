package resume_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
)

// waits gives a policy that does not wait, and where its waits are noted.
func waits() (resume.Policy, *[]resume.Wait) {
	var all []resume.Wait
	return resume.Policy{
		Waiting: func(w resume.Wait) { all = append(all, w) },
		Sleep:   func(context.Context, time.Duration) error { return nil },
	}, &all
}

func TestHowOften(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://r", Err: &net.OpError{Op: "dial", Err: err}}
	}
	cases := map[string]struct {
		err  error
		want int
	}{
		"404":            {&resume.StatusError{Code: 404}, 1},
		"401":            {&resume.StatusError{Code: 401}, 1},
		"400":            {&resume.StatusError{Code: 400}, 1},
		"408":            {&resume.StatusError{Code: 408}, 5},
		"425":            {&resume.StatusError{Code: 425}, 5},
		"429":            {fmt.Errorf("pulling: %w", &resume.StatusError{Code: 429}), 5},
		"501":            {&resume.StatusError{Code: 501}, 1},
		"503":            {&resume.StatusError{Code: 503}, 5},
		"507":            {&resume.StatusError{Code: 507}, 1},
		"522":            {&resume.StatusError{Code: 522}, 5},
		"cut":            {io.ErrUnexpectedEOF, 5},
		"reset":          {dial(syscall.ECONNRESET), 5},
		"refused":        {dial(syscall.ECONNREFUSED), 3},
		"no such host":   {dial(&net.DNSError{IsNotFound: true}), 3},
		"DNS is away":    {dial(&net.DNSError{IsTemporary: true}), 5},
		"stalled":        {resume.ErrStalled, 5},
		"unknown CA":     {dial(x509.UnknownAuthorityError{}), 1},
		"other name":     {dial(x509.HostnameError{Certificate: &x509.Certificate{}}), 1},
		"told to stop":   {dial(context.Canceled), 1},
		"marked":         {resume.Final(dial(syscall.ECONNRESET)), 1},
		"marked status":  {resume.Final(&resume.StatusError{Code: 500}), 1},
		"passing":        {resume.Passing(&resume.StatusError{Code: 400}), 3},
		"a file of ours": {errors.New("disk"), 1},
	}
	for name, c := range cases {
		policy, _ := waits()
		n := 0
		err := resume.Do(t.Context(), policy, name, func(context.Context) error { n++; return c.err })
		if n != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: tried %d times, want %d; %v", name, n, c.want, err)
		}
	}
}

func TestProgressCounts(t *testing.T) {
	policy, _ := waits()
	tries := policy.Begin("x")
	for i := range 40 {
		if i%4 == 3 {
			tries.Progress()
		}
		if err := tries.Again(t.Context(), io.ErrUnexpectedEOF); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
}

func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := resume.Do(t.Context(), resume.Policy{}, "x", func(context.Context) error { return io.ErrUnexpectedEOF })
		if took := time.Since(start); took < 7500*time.Millisecond || took > 15*time.Second {
			t.Errorf("1+2+4+8 s less up to a half are %v", took)
		}
		if want := "unexpected EOF (tried 5 times)"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		slow := &resume.StatusError{Host: "r", Code: 503, RetryAfter: time.Minute}
		err = resume.Do(ctx, resume.Policy{}, "x", func(context.Context) error { return slow })
		if time.Since(start) != 3*time.Second || !errors.Is(err, slow) {
			t.Errorf("told to stop while waiting: %v after %v", err, time.Since(start))
		}
	})
}

func TestToldToStop(t *testing.T) {
	policy, noted := waits()
	ctx, cancel := context.WithCancel(t.Context())
	err := resume.Do(ctx, policy, "x", func(context.Context) error {
		cancel()
		return io.ErrUnexpectedEOF
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(*noted) > 0 {
		t.Errorf("%v, waits %v", err, *noted)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"30":   30 * time.Second,
		"0":    0,
		"":     0,
		"-1":   0,
		"soon": 0,
		time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat): 90 * time.Second,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       0,
	} {
		resp := &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {header}}}
		got := resume.Status(resp).RetryAfter
		if diff := (want - got).Abs(); diff > 2*time.Second {
			t.Errorf("Retry-After %q: %v, want %v", header, got, want)
		}
	}
	policy, noted := waits()
	limited := &resume.StatusError{Host: "docker.io", Code: 429, RetryAfter: 30 * time.Second}
	_ = resume.Do(t.Context(), policy, "x", func(context.Context) error { return limited })
	if w := (*noted)[0]; w.For != 30*time.Second || w.Note() != "rate limited by docker.io, trying again in 30s" {
		t.Errorf("%v: %q", w.For, w.Note())
	}
	limited.RetryAfter = 6 * time.Hour
	_ = resume.Do(t.Context(), policy, "x", func(context.Context) error { return limited })
	if w := (*noted)[len(*noted)-1]; w.For != 5*time.Minute {
		t.Errorf("6 h become %v", w.For)
	}
	limited.RetryAfter = 0
	_ = resume.Do(t.Context(), policy, "x", func(context.Context) error { return limited })
	if w := (*noted)[8]; w.For < 2500*time.Millisecond || w.For > 5*time.Second {
		t.Errorf("first wait where no time is said: %v", w.For)
	}
	if text := limited.Error(); !strings.Contains(text, "rate limited by docker.io") {
		t.Error(text)
	}
}
