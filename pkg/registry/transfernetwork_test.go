package registry

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestCopyBetweenRegistries: over the network as well each blob is fetched and
// sent once and mounted where else it is needed; a second run only looks; and a
// run that meets an error anywhere is completed by the next.
func TestCopyBetweenRegistries(t *testing.T) {
	for refusals, opts := range map[int]registrytest.Options{0: {}, 5: {}, 12: {NoReferrers: true}} {
		up, site := registrytest.Start(t, registrytest.Options{}), registrytest.Start(t, opts)
		var pairs []image.Pair
		for i := range 6 {
			at, desc := seed(t, up, registrytest.Image{
				Name: fmt.Sprintf("group/r%d:v1", i), Platforms: []string{"linux/amd64", "linux/arm64"}, Attestations: i%2 == 0, Base: "shared",
			})
			if _, err := up.SeedReferrer(at.Repository, desc, "application/vnd.test", "sbom"); err != nil {
				t.Fatal(err)
			}
			if _, _, err := up.SeedCosign(at.Repository, desc, "sig"); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, image.Pair{Source: at, Target: ref(t, site.Host+"/mirror/"+at.Repository+":v1")})
		}
		r, _ := remote(t, RemoteOptions{})
		planning := PlanOptions{Referrers: true}
		for n := 1; n <= refusals; n++ { // the writes that follow each other are refused one after the other
			site.Fail(registrytest.Faults{
				Status: http.StatusBadRequest, StatusTimes: n,
				StatusKinds: []registrytest.Kind{registrytest.ManifestPut},
			})
			if _, err := Copy(t.Context(), pairs, r, r, planning, TransferOptions{}); err == nil {
				t.Fatal("no error was seen")
			}
			site.Fail(registrytest.Faults{})
		}
		results, err := Copy(t.Context(), pairs, r, r, planning, TransferOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkListed(t, r, results)
		checkRequests(t, site, results, refusals)
		if blobs := site.Count(registrytest.UploadPut); refusals == 0 && up.Count(registrytest.BlobGet) != blobs {
			t.Errorf("%d fetches of %d blobs", up.Count(registrytest.BlobGet), blobs)
		}
		site.Reset()
		if _, err := Copy(t.Context(), pairs, r, r, planning, TransferOptions{}); err != nil {
			t.Fatal(err)
		}
		if n := site.Count(registrytest.ManifestPut, registrytest.UploadPost, registrytest.UploadPut, registrytest.Mount, registrytest.BlobHead); n != 0 {
			t.Errorf("the second run made %d requests for nothing", n)
		}
	}
}

// checkListed fails unless the target says of every image what refers to it.
func checkListed(t *testing.T, r *Remote, results []Result) {
	t.Helper()
	for _, result := range results {
		got, err := r.Resolve(t.Context(), result.Image.Target)
		if err != nil || got.Digest != result.Image.Root.Digest {
			t.Errorf("%s: %v, %v", result.Image.Target, got, err)
		}
		want, _ := r.Referrers(t.Context(), result.Image.Source, result.Image.Root)
		have, err := r.Referrers(t.Context(), result.Image.Target, result.Image.Root)
		if err != nil || len(want) != 2 || len(have) != len(want) {
			t.Errorf("%s: referrers %v, %v, want %v", result.Image.Target, have, err, want)
		}
	}
}

func checkRequests(t *testing.T, site *registrytest.Server, results []Result, refusals int) {
	t.Helper()
	blobs, places := map[digest.Digest]bool{}, 0
	for _, result := range results {
		for _, b := range result.Image.Blobs {
			blobs[b.Digest] = true
			places++
		}
	}
	if n := site.Count(registrytest.UploadPut); n != len(blobs) {
		t.Errorf("%d uploads of %d blobs", n, len(blobs))
	}
	// What was mounted before an interruption is mounted once more instead of asked for.
	if n, want := site.Count(registrytest.Mount), places-len(blobs); n < want || refusals == 0 && n != want {
		t.Errorf("%d mounts, not %d", n, want)
	}
}

// TestRegistryRefusesWrongBytes: a registry compares what it is sent; what is damaged
// is not there afterwards, and the error says which image it is of.
func TestRegistryRefusesWrongBytes(t *testing.T) {
	site := registrytest.Start(t, registrytest.Options{})
	from := &Memory{}
	bad := ref(t, "up.test/bad:1")
	layer := strings.Repeat("0123456789", 5000)
	maker{t, from}.image(bad, "linux/amd64", layer)
	source := spoiled{from, digest.FromString(layer), func(b []byte) []byte { b[0] ^= 1; return b }}
	r, notes := remote(t, RemoteOptions{})
	pairs := []image.Pair{{Source: bad, Target: ref(t, site.Host+"/bad:1")}}
	_, err := Copy(t.Context(), pairs, source, r, PlanOptions{}, TransferOptions{})
	if err == nil || !strings.HasPrefix(err.Error(), "up.test/bad:1: writing blob "+string(source.blob)) || !strings.Contains(err.Error(), "the source is damaged") {
		t.Errorf("%v", err)
	}
	if len(notes()) > 0 || site.Blob("bad", source.blob) != nil || site.Count(registrytest.ManifestPut) != 0 {
		t.Errorf("damaged content is there, or was sent again: %v", notes())
	}
}
