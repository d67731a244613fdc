package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// distribution starts Docker's registry, if it is installed, and gives its host.
func distribution(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q}\n", filepath.Join(dir, "data"), host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, program, "serve", config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = server.Wait() })
	for range 200 {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			return host
		}
		time.Sleep(50 * time.Millisecond) // it has no other sign of being ready
	}
	t.Fatal("docker-registry does not answer")
	return ""
}

func TestRemoteDistribution(t *testing.T) {
	host := distribution(t)
	from := registrytest.Start(t, registrytest.Options{})
	at, desc := seed(t, from, registrytest.Image{Name: "a:v1", Docker: true, Size: 1 << 20})
	r, notes := remote(t, RemoteOptions{})
	doc, err := parseDocument(desc.MediaType, from.Manifest("a", "v1"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := image.Ref{Registry: host, Repository: "one", Tag: "v1"}, image.Ref{Registry: host, Repository: "x/two", Tag: "v1"}
	push := func(to image.Ref, want Outcome, elsewhere ...image.Ref) {
		t.Helper()
		for _, b := range append(doc.Layers, *doc.Config) {
			open := func(ctx context.Context) (io.ReadCloser, error) { return r.Fetch(ctx, at, b) }
			if got, err := r.PutBlob(t.Context(), to, b, elsewhere, open); err != nil || got != want {
				t.Fatalf("%d, want %d: %v", got, want, err)
			}
		}
		if err := r.PutManifest(t.Context(), to, desc, from.Manifest("a", "v1")); err != nil {
			t.Fatal(err)
		}
		if held, err := r.Holds(t.Context(), to, desc); !held || err != nil {
			t.Fatalf("held: %v, %v", held, err)
		}
		if got, err := r.Resolve(t.Context(), to); err != nil || got.Digest != desc.Digest || got.Size != desc.Size || got.MediaType != desc.MediaType {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, b := range append(doc.Layers, *doc.Config) {
			if data, err := read(t.Context(), r, to, b); err != nil || !bytes.Equal(data, from.Blob("a", b.Digest)) {
				t.Fatal(err)
			}
		}
	}
	push(one, Sent, one, two)
	push(two, Mounted, one, two)
	push(two, Mounted, one, two) // as it is there already
	push(two, Present)
	for range 2 {
		referrer, err := from.SeedReferrer("a", desc, "application/spdx+json", "x")
		if err != nil {
			t.Fatal(err)
		}
		putArtifact(t, r, from, one, from.Manifest("a", string(referrer.Digest)))
		found, err := r.Referrers(t.Context(), one, desc)
		if err != nil || len(found) != 1 || found[0].Digest != referrer.Digest {
			t.Errorf("referrers: %+v, %v", found, err)
		}
	}
	if len(notes()) > 0 {
		t.Error(notes())
	}
}

// BenchmarkRemoteFetch reads a blob of 64 MiB from Docker's registry, four at a time.
func BenchmarkRemoteFetch(b *testing.B) {
	host := distribution(b)
	r, _ := remote(b, RemoteOptions{Parallel: 4})
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	to := image.Ref{Registry: host, Repository: "a"}
	desc := describe(data)
	if _, err := r.PutBlob(b.Context(), to, desc, nil, opener(data)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.SetParallelism(2) // of two cores
	b.RunParallel(func(pb *testing.PB) {
		buffer := make([]byte, 256<<10)
		for pb.Next() {
			from, err := r.Fetch(b.Context(), to, desc)
			if err != nil {
				b.Error(err)
				return
			}
			for err == nil {
				_, err = from.Read(buffer)
			}
			from.Close()
		}
	})
}
