package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

// usualUpstreams are the registries that nearly every cluster pulls from.
var usualUpstreams = []string{"docker.io", "gcr.io", "ghcr.io", "k8s.gcr.io", "quay.io", "registry.k8s.io"}

// mirrorFlags say from where nodes pull.
type mirrorFlags struct {
	target     targetFlags
	upstreams  []string
	caFile     string
	plainHTTP  bool
	authSecret string
	login      loginFlags
}

func (f *mirrorFlags) addTo(cmd *cobra.Command) {
	f.target.addTo(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.upstreams, "upstream", nil,
		"mirror this registry, too, as `HOST`; may be repeated; those of the images in the inputs and the usual ones are mirrored in any case")
	flags.StringVar(&f.caFile, "ca-file", "", "`FILE` with the CA that signed the registry's certificate, as PEM")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "the registry speaks no TLS")
	flags.StringVar(&f.authSecret, "auth-secret", "",
		"the registry wants a password, which the Secret `NAME` in the namespace of the cluster's objects holds (keys username and password)")
	f.login.addTo(cmd)
	completeFiles(cmd, "ca-file")
	complete(cmd, "upstream")
	complete(cmd, "auth-secret")
}

// options reads what the flags name. The upstreams of the inputs are not yet in it.
func (f *mirrorFlags) options(stdin io.Reader) (opts nodes.Options, err error) {
	if _, err := f.target.mapping(); err != nil {
		return opts, err
	}
	rules, err := f.target.rules()
	if err != nil {
		return opts, err
	}
	opts = nodes.Options{
		Registry: f.target.to, Layout: image.Layout(f.target.layout.value), Rules: rules,
		Upstreams: slices.Concat(f.upstreams, usualUpstreams),
		PlainHTTP: f.plainHTTP, Username: f.login.username, AuthSecret: f.authSecret,
	}
	if f.caFile != "" {
		if opts.CA, err = os.ReadFile(f.caFile); err != nil {
			return opts, fmt.Errorf("reading the CA: %w", err)
		}
	}
	if opts.Password, err = f.login.password(stdin); err != nil {
		return opts, err
	}
	if _, err = nodes.NewMirror(opts); err != nil { // before anything is read
		return opts, usageError{err}
	}
	return opts, nil
}

// warnOfCA prints what nodes will stumble over in the CA.
func warnOfCA(w io.Writer, opts nodes.Options) {
	if m, err := nodes.NewMirror(opts); err == nil { // else it is told where it is made
		for _, warning := range m.Warnings(time.Now()) {
			fmt.Fprintln(w, "warning: "+warning)
		}
	}
}
