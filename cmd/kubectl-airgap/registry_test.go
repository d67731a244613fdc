package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
)

// registries are those of one script, by the variable that has their address.
type registries map[string]*registrytest.Server

type registriesKey struct{}

// withRegistries lets a script start registries.
func withRegistries(env *testscript.Env) error {
	env.Values[registriesKey{}] = registries{}
	return nil
}

func registryOf(ts *testscript.TestScript, name string) *registrytest.Server {
	server := ts.Value(registriesKey{}).(registries)[name]
	if server == nil {
		ts.Fatalf("no registry %s", name)
	}
	return server
}

// parse reads the flags of a command, wherever they stand, and gives its n arguments.
func parse(ts *testscript.TestScript, flags *flag.FlagSet, args []string, n int) []string {
	var rest []string
	for {
		ts.Check(flags.Parse(args))
		if flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
	if len(rest) != n {
		ts.Fatalf("%s: %d arguments, want %d", flags.Name(), len(rest), n)
	}
	return rest
}

// memregistry [FLAGS] VAR starts a registry in memory and puts its host:port into
// VAR; with -tls its authority goes to the file VAR.crt and a certificate for a
// client, which it wants with -client-certs, to VAR-client.crt and VAR-client.key.
// -auth is USER:PASSWORD, which -token has exchanged for tokens.
func cmdMemregistry(ts *testscript.TestScript, _ bool, args []string) {
	flags := flag.NewFlagSet("memregistry", flag.ContinueOnError)
	auth := flags.String("auth", "", "")
	token := flags.Bool("token", false, "")
	secure := flags.Bool("tls", false, "")
	clients := flags.Bool("client-certs", false, "")
	readonly := flags.Int("readonly", 0, "")
	project := flags.String("project", "", "")
	name := parse(ts, flags, args, 1)[0]
	opts := registrytest.Options{ReadOnly: *readonly}
	opts.Username, opts.Password, _ = strings.Cut(*auth, ":")
	if *token {
		opts.Realm = "/token"
	}
	if *project != "" {
		opts.Projects = []string{*project}
	}
	var conf *tls.Config
	if *secure {
		authority, err := registrytest.NewAuthority()
		ts.Check(err)
		conf, err = authority.Server(*clients)
		ts.Check(err)
		cert, key, err := authority.Issue("ann")
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name+".crt"), authority.PEM, 0o644))
		ts.Check(os.WriteFile(ts.MkAbs(name+"-client.crt"), cert, 0o644))
		ts.Check(os.WriteFile(ts.MkAbs(name+"-client.key"), key, 0o600))
	}
	server, err := registrytest.Listen(context.Background(), registrytest.New(opts), "127.0.0.1:0", conf)
	ts.Check(err)
	ts.Defer(server.Close)
	ts.Value(registriesKey{}).(registries)[name] = server
	ts.Setenv(name, server.Host)
}

// spoil [FLAGS] VAR says what goes wrong in a registry from now on: nothing, if no
// flag does.
func cmdSpoil(ts *testscript.TestScript, _ bool, args []string) {
	flags := flag.NewFlagSet("spoil", flag.ContinueOnError)
	var f registrytest.Faults
	flags.Int64Var(&f.Cut, "cut", 0, "")
	flags.IntVar(&f.CutTimes, "cut-times", 0, "")
	flags.Int64Var(&f.Stall, "stall", 0, "")
	flags.Int64Var(&f.StallUpload, "stall-upload", 0, "")
	flags.IntVar(&f.Status, "status", 0, "")
	flags.IntVar(&f.StatusTimes, "status-times", 0, "")
	flags.StringVar(&f.RetryAfter, "retry-after", "", "")
	flags.BoolVar(&f.Corrupt, "corrupt", false, "")
	kind := flags.String("kind", "", "")
	name := parse(ts, flags, args, 1)[0]
	if *kind != "" {
		f.StatusKinds = []registrytest.Kind{registrytest.Kind(*kind)}
	}
	registryOf(ts, name).Fail(f)
}

// stalled VAR waits until a registry has stopped in the middle of a blob.
func cmdStalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stalled VAR")
	}
	select {
	case <-registryOf(ts, args[0]).Stalled():
	case <-time.After(20 * time.Second):
		ts.Fatalf("nothing stalls")
	}
}

// seed [FLAGS] VAR REPOSITORY:TAG puts an image into a registry. -platforms are
// separated by commas; images of the same -seed share their layers, of the same
// -base one of them.
func cmdSeed(ts *testscript.TestScript, _ bool, args []string) {
	flags := flag.NewFlagSet("seed", flag.ContinueOnError)
	var img registrytest.Image
	platforms := flags.String("platforms", "", "")
	flags.IntVar(&img.Layers, "layers", 0, "")
	flags.IntVar(&img.Size, "size", 0, "")
	flags.StringVar(&img.Seed, "seed", "", "")
	flags.StringVar(&img.Base, "base", "", "")
	flags.BoolVar(&img.Docker, "docker", false, "")
	flags.BoolVar(&img.Foreign, "foreign", false, "")
	flags.BoolVar(&img.Attestations, "attest", false, "")
	sign := flags.Bool("sign", false, "")
	parsed := parse(ts, flags, args, 2)
	img.Name = parsed[1]
	if *platforms != "" {
		img.Platforms = strings.Split(*platforms, ",")
	}
	server := registryOf(ts, parsed[0])
	desc, err := server.Seed(img)
	ts.Check(err)
	if *sign {
		repository, _, _ := strings.Cut(img.Name, ":")
		_, _, err = server.SeedCosign(repository, desc, "sig")
		ts.Check(err)
		_, err = server.SeedReferrer(repository, desc, "application/spdx+json", "sbom of "+img.Name)
		ts.Check(err)
	}
}

// lookUp finds HOST:PORT/REPOSITORY(:TAG|@DIGEST) in a registry of the script.
func lookUp(ts *testscript.TestScript, ref string) (server *registrytest.Server, repository string, manifest []byte) {
	host, rest, _ := strings.Cut(ref, "/")
	for _, s := range ts.Value(registriesKey{}).(registries) {
		if s.Host == host {
			server = s
		}
	}
	if server == nil {
		ts.Fatalf("%s: no registry of the script", ref)
	}
	repository, reference, ok := strings.Cut(rest, "@")
	if !ok {
		repository, reference, _ = strings.Cut(rest, ":")
	}
	return server, repository, server.Manifest(repository, reference)
}

// resolve [-layer N] REF VAR puts the digest of an image into VAR, or that of its
// layer N. With ! there is no such image.
func cmdResolve(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("resolve", flag.ContinueOnError)
	layer := flags.Int("layer", -1, "")
	parsed := parse(ts, flags, args, map[bool]int{true: 1, false: 2}[neg])
	_, _, manifest := lookUp(ts, parsed[0])
	if neg {
		if manifest != nil {
			ts.Fatalf("%s is there", parsed[0])
		}
		return
	}
	if manifest == nil {
		ts.Fatalf("%s is not there", parsed[0])
	}
	found := digestOf(manifest)
	if *layer >= 0 {
		var m struct{ Layers []struct{ Digest string } }
		ts.Check(json.Unmarshal(manifest, &m))
		found = m.Layers[*layer].Digest
	}
	ts.Setenv(parsed[1], found)
}

// signature DIGEST VAR puts the tag at which cosign looks for the signature of an
// image into VAR.
func cmdSignature(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signature DIGEST VAR")
	}
	ts.Setenv(args[1], strings.Replace(args[0], ":", "-", 1)+".sig")
}

// same A B holds two strings against each other.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same A B")
	}
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%q and %q", args[0], args[1])
	}
}

// requests VAR KIND N asserts how many requests of a kind a registry got since the
// script began or the last forget; 'blob' stands for everything that carries blobs.
func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: requests VAR KIND N")
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	server := registryOf(ts, args[0])
	if got := server.Count(registrytest.Kind(args[1])); (got == want) == neg {
		var all strings.Builder
		ts.Check(server.Summary(&all))
		ts.Fatalf("%d of %q, want %d:\n%s", got, args[1], want, all.String())
	}
}

// forget VAR has a registry count from 0.
func cmdForget(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: forget VAR")
	}
	registryOf(ts, args[0]).Reset()
}

// TestKinds holds the words of scripts against the kinds that there are: a count of
// 0 of what does not exist shows nothing.
func TestKinds(t *testing.T) {
	known := map[string]bool{}
	for _, k := range []registrytest.Kind{
		registrytest.ManifestGet, registrytest.ManifestHead, registrytest.ManifestPut, registrytest.BlobGet, registrytest.BlobHead,
		registrytest.UploadPost, registrytest.Ping, registrytest.UploadPut, registrytest.Mount, registrytest.Token, registrytest.Referrers,
	} {
		known[string(k)] = true
	}
	scripts, err := os.ReadDir("testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		text, err := os.ReadFile("testdata/script/" + s.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimPrefix(line, "! ")
			if rest, ok := strings.CutPrefix(line, "requests "); ok && !known[strings.Split(rest, "'")[1]] {
				t.Error(fmt.Errorf("%s: %s", s.Name(), line))
			}
		}
	}
}
