// Internet plays, for a demonstration, what a site without internet does not reach,
// and what it has instead: two registries in memory. One holds an image for every
// reference that is read from standard input, under the path HOST/REPOSITORY; the
// other is the site's own, and empty. With a DIR, there is a web server, too, which
// has the files of DIR under HOST/PATH.
//
//	kubectl airgap images -f site | internet FILE [DIR]
//
// Their addresses are written to FILE as shell variables, INTERNET, SITE and WEB, once
// they answer. The program ends when it is killed.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "internet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, references io.Reader, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("usage: internet FILE [DIR] < REFERENCES")
	}
	internet, site := registrytest.New(registrytest.Options{}), registrytest.New(registrytest.Options{})
	if err := fill(internet, references); err != nil {
		return err
	}
	servers := []server{{"INTERNET", internet}, {"SITE", site}}
	if len(args) == 2 {
		servers = append(servers, server{"WEB", http.FileServer(http.Dir(args[1]))})
	}
	return serve(ctx, args[0], servers)
}

// A server is what answers at the address that a variable is to hold.
type server struct {
	variable string
	handler  http.Handler
}

// serve runs the servers and writes where they are.
func serve(ctx context.Context, to string, servers []server) error {
	failed := make(chan error)
	var addresses strings.Builder
	for _, s := range servers {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Fprintf(&addresses, "%s=%s\n", s.variable, listener.Addr())
		go func() { failed <- http.Serve(listener, s.handler) }() //nolint:gosec // it serves one demonstration
	}
	if err := atomicfile.Write(to, []byte(addresses.String()), 0o644); err != nil {
		return err
	}
	return <-failed
}

// fill puts an image into the registry for every reference, one per line.
func fill(registry *registrytest.Registry, references io.Reader) error {
	lines := bufio.NewScanner(references)
	for lines.Scan() {
		ref, err := image.Parse(strings.TrimSpace(lines.Text()))
		if err != nil {
			continue // a reference with variables is no image yet
		}
		tag, seed := "", ref.Name()
		if ref.Tag != "" {
			tag = ":" + ref.Tag
		}
		if ref.Digest == "" { // two versions are two images; a digest is written for the name alone
			seed += tag
		}
		desc, err := registry.Seed(registrytest.Image{
			Name: ref.Name() + tag, Seed: seed, Base: "base", Platforms: []string{"linux/amd64", "linux/arm64"}, Size: 100_000,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		if ref.Digest != "" && ref.Digest != desc.Digest.String() {
			return fmt.Errorf("%s: what is made for this name has the digest %s", ref, desc.Digest)
		}
	}
	return lines.Err()
}
