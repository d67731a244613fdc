package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestEachFirst: of several fatal errors the first one in order is given, though it comes
// last; what stands before it goes on, what stands behind it ends.
func TestEachFirst(t *testing.T) {
	const n, bad = 20, 3
	waits := []time.Duration{time.Minute, time.Minute, time.Minute, 20 * time.Second, 30 * time.Second, 10 * time.Second}
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		errs, err := each(t.Context(), n, len(waits), func(ctx context.Context, i int) error {
			begun.Add(1)
			listens := ctx.Done()
			if i == bad+1 {
				listens = nil // as whoever has failed already, and says so late
			}
			select {
			case <-time.After(waits[i]):
			case <-listens:
				return context.Cause(ctx)
			}
			if i < bad {
				return nil
			}
			return fatalError{fmt.Errorf("number %d", i)}
		})
		if err == nil || err.Error() != "number 3" || errors.Join(errs[:bad]...) != nil {
			t.Errorf("%v; %v", err, errs[:bad])
		}
		if got := begun.Load(); int(got) != len(waits) {
			t.Errorf("%d were begun", got)
		}
	})
}

// A closedSink refuses everything for good at one of its methods, what comes first
// last.
type closedSink struct {
	*Memory
	holds bool // refuses already to say what it has
}

func (s closedSink) refuse(at image.Ref) error {
	var i int
	_, err := fmt.Sscanf(at.Repository, "r%d", &i)
	time.Sleep(time.Duration(100-i) * time.Second)
	return fatalError{errors.Join(errors.New("closed to "+at.Repository), err)}
}

func (s closedSink) Holds(ctx context.Context, at image.Ref, desc Descriptor) (bool, error) {
	if s.holds {
		return false, s.refuse(at)
	}
	return s.Memory.Holds(ctx, at, desc)
}

func (s closedSink) PutBlob(_ context.Context, at image.Ref, _ Descriptor, _ []image.Ref, _ Opener) (Outcome, error) {
	return Sent, s.refuse(at)
}

// TestTransferFirst: what keeps a sink from taking anything is said of the first image.
func TestTransferFirst(t *testing.T) {
	for _, holds := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			from := &Memory{}
			k := maker{t, from}
			var pairs []image.Pair
			for i := range 20 {
				at := ref(t, fmt.Sprintf("h.example/r%d:v1", i))
				k.image(at, "linux/amd64", fmt.Sprintf("layer %02d", i))
				pairs = append(pairs, stay(at)...)
			}
			_, err := Copy(t.Context(), pairs, from, closedSink{&Memory{}, holds}, PlanOptions{}, TransferOptions{})
			if err == nil || !strings.HasPrefix(err.Error(), "h.example/r0:v1: ") || !strings.Contains(err.Error(), "closed to r0") || strings.Contains(err.Error(), "r1") {
				t.Errorf("holds %v: %v", holds, err)
			}
		})
	}
}

// atOnce asks for many images at the same time and gives what failed, in order.
func atOnce(t *testing.T, r *Remote, host string) []error {
	t.Helper()
	errs := make([]error, 32)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = r.Resolve(t.Context(), image.Ref{Registry: host, Repository: fmt.Sprintf("a%d", i), Tag: "v1"})
		})
	}
	all.Wait()
	return errs
}

// TestRemoteClosed: where nobody gets in, everybody is told why, in the same words, and only
// the first has asked.
func TestRemoteClosed(t *testing.T) {
	t.Run("password", func(t *testing.T) {
		s := registrytest.Start(t, registrytest.Options{Username: "me", Password: "right"})
		r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
		for i, err := range atOnce(t, r, s.Host) {
			want := fmt.Sprintf("%s refuses the credentials that are given for it, to read a%d (401): log in again (docker login %[1]s) or give others (--username)", s.Host, i)
			if err == nil || err.Error() != want || !isFatal(err) {
				t.Errorf("%v\nwant %s", err, want)
			}
		}
	})
	t.Run("authority", func(t *testing.T) {
		var connections atomic.Int64
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.StartTLS()
		defer s.Close()
		host := s.Listener.Addr().String()
		r, _ := remote(t, RemoteOptions{})
		for _, err := range atOnce(t, r, host) {
			if want := "the certificate of " + host + " is signed by an authority that is not known here: give its certificate (--ca-file)"; err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		}
		if n := connections.Load(); n > 4 { // one finds out that TLS is spoken; the rest is the first, and who was let in before that was understood
			t.Errorf("%d connections", n)
		}
	})
}
