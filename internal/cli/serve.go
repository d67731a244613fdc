package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/authority"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
)

// How long the server waits for the head of a request, for the next request of a
// connection, and, when it is told to stop, for the answers that are under way.
const (
	headTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	stopTimeout = 10 * time.Second
)

type serveOptions struct {
	archive    string
	listen     string
	tlsCert    string
	tlsKey     string
	selfSigned bool
	names      []string
	htpasswd   string
	quiet      bool
}

func newServeCmd(streams Streams) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve ARCHIVE",
		Short: "Serve an archive as a read-only registry and file server",
		Long: `Serve what an archive holds, straight from the archive: its images as a read-only
registry, under their full names (HOST/registry.k8s.io/pause:3.10) and as a
mirror of their registries, and its other files, below /files/ by their paths and
without it as a mirror of their hosts has them: /dl.k8s.io/release/…, which is a
files_repo of Kubespray's. /charts is a repository of its charts for Helm.

The parts of a split archive need not be joined. The command ends when it is
interrupted, after the answers that are under way.`,
		Example: `  # to machines of this network, with a certificate that is made on the spot; its CA goes to ca.crt
  kubectl airgap serve site.tar --listen :5000 --tls-self-signed > ca.crt

  # to this machine, without TLS
  kubectl airgap serve site.tar --listen 127.0.0.1:5000`,
		Args: archiveArg(&o.archive),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.quiet = isQuiet(cmd)
			return o.run(cmd.Context(), streams)
		},
		ValidArgsFunction: completeArchive,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:5000", "`ADDRESS` to listen at, as HOST:PORT or :PORT")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "`FILE` with the server's certificate and those above it, as PEM")
	flags.StringVar(&o.tlsKey, "tls-key", "", "`FILE` with the key of --tls-cert, as PEM")
	flags.BoolVar(&o.selfSigned, "tls-self-signed", false, "make a certificate, and print the CA that signed it")
	flags.StringArrayVar(&o.names, "tls-name", nil,
		"with --tls-self-signed: another `NAME` or address of this machine; may be repeated; the host's name and its addresses are in the certificate in any case")
	flags.StringVar(&o.htpasswd, "htpasswd", "", "`FILE` with users and bcrypt hashes (htpasswd -B): only they may read")
	for _, name := range []string{"tls-cert", "tls-key", "htpasswd"} {
		completeFiles(cmd, name)
	}
	complete(cmd, "listen")
	complete(cmd, "tls-name")
	return cmd
}

func (o *serveOptions) run(ctx context.Context, streams Streams) (err error) {
	handlerOptions, err := o.handlerOptions()
	if err != nil {
		return err
	}
	config, ca, err := o.tls()
	if err != nil {
		return err
	}
	a, err := bundle.Open(o.archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	handler, err := bundle.Handler(a, handlerOptions)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	address, scheme := listener.Addr(), "http"
	if config != nil {
		listener, scheme = tls.NewListener(listener, config), "https"
	}
	if _, err := streams.Out.Write(ca); err != nil {
		return errors.Join(fmt.Errorf("printing the CA: %w", err), listener.Close())
	}
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s: %s at %s://%s\n", o.archive, count(len(a.Images()), "image"), scheme, address)
	}
	return serve(ctx, listener, handler)
}

// serve answers requests until ctx is done.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	// The context is done, and what is under way may still end.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("stopping: %w", err), server.Close())
	}
	return nil
}

func (o *serveOptions) handlerOptions() (bundle.HandlerOptions, error) {
	var opts bundle.HandlerOptions
	if o.htpasswd == "" {
		return opts, nil
	}
	text, err := os.ReadFile(o.htpasswd)
	if err != nil {
		return opts, fmt.Errorf("reading the users: %w", err)
	}
	if opts.Users, err = bundle.ParseHtpasswd(text); err != nil {
		return opts, fmt.Errorf("%s: %w", o.htpasswd, err)
	}
	return opts, nil
}

// tls is what the listener shows, nil without TLS, and the CA that is printed.
func (o *serveOptions) tls() (*tls.Config, []byte, error) {
	switch own := o.tlsCert != "" || o.tlsKey != ""; {
	case own && o.selfSigned:
		return nil, nil, usagef("--tls-self-signed and --tls-cert exclude each other")
	case own && (o.tlsCert == "" || o.tlsKey == ""):
		return nil, nil, usagef("--tls-cert and --tls-key belong together")
	case own:
		certificate, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return tlsConfig(certificate), nil, nil
	case o.selfSigned:
		certificate, ca, err := authority.SelfSigned(slices.Concat(o.names, o.hostNames()), time.Now())
		if err != nil {
			return nil, nil, err
		}
		return tlsConfig(certificate), ca, nil
	}
	if len(o.names) > 0 {
		return nil, nil, usagef("--tls-name goes with --tls-self-signed")
	}
	return nil, nil, nil
}

func tlsConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
}

// hostNames are the names and addresses by which clients may call this machine.
func (o *serveOptions) hostNames() []string {
	names := []string{"localhost"}
	if host, _, err := net.SplitHostPort(o.listen); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
		names = append(names, host)
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	addresses, _ := net.InterfaceAddrs() // without them the names are left
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			names = append(names, network.IP.String())
		}
	}
	return names
}
