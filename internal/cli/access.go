package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// accessFlags say how registries are spoken to.
type accessFlags struct {
	caFile     string
	clientCert string
	clientKey  string
	plainHTTP  bool
	login      loginFlags
	parallel   int
}

// How many blobs are under way at once. A registry that is written to needs more, since
// it does most of the work (facts of one run: 4 to 8 takes a quarter off a push).
const (
	pullParallel = 4
	pushParallel = 8
)

func (f *accessFlags) addTo(cmd *cobra.Command, parallel int) {
	flags := cmd.Flags()
	flags.StringVar(&f.caFile, "ca-file", "", "`FILE` with a CA that is trusted beside the system's, as PEM")
	flags.StringVar(&f.clientCert, "client-cert", "", "`FILE` with the certificate that the registry wants of its clients, as PEM")
	flags.StringVar(&f.clientKey, "client-key", "", "`FILE` with the key of --client-cert, as PEM")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "the registry speaks no TLS; one at a loopback address is tried without in any case")
	flags.IntVar(&f.parallel, "parallel", parallel, "how many blobs are under way at once")
	f.login.addTo(cmd)
	for _, name := range []string{"ca-file", "client-cert", "client-key"} {
		completeFiles(cmd, name)
	}
	complete(cmd, "parallel")
}

// remote is the registry that the flags describe. The login of the flags is for host
// alone; for others, and without one, the files of docker login and podman login
// are asked. plain are registries without TLS.
func (f *accessFlags) remote(stdin io.Reader, host string, plain []string, report func(registry.Event)) (*registry.Remote, error) {
	password, err := f.login.password(stdin)
	if err != nil {
		return nil, err
	}
	if f.parallel < 0 {
		return nil, usagef("--parallel %d: so many blobs cannot be under way", f.parallel)
	}
	if (f.login.username == "") != (password == "") {
		return nil, usagef("--username and a password (--password-stdin or --password-file) belong together")
	}
	opts := registry.RemoteOptions{
		PlainHTTP: f.plainHTTP, PlainHosts: plain, LoginHost: host, Username: f.login.username, Password: password,
		AuthFiles: authFiles(), Proxy: http.ProxyFromEnvironment, Parallel: questions * f.parallel, Report: report,
	}
	for _, file := range []struct {
		name string
		to   *[]byte
	}{{f.caFile, &opts.CA}, {f.clientCert, &opts.ClientCert}, {f.clientKey, &opts.ClientKey}} {
		if file.name == "" {
			continue
		}
		if *file.to, err = os.ReadFile(file.name); err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
	}
	return registry.NewRemote(opts)
}

// loginHost is the registry that a login on the command line is for: the only one.
func (f *accessFlags) loginHost(images []cargo.Image, sources image.SourceMap) (string, error) {
	host := ""
	for _, im := range images {
		source := sources.Name(im.Ref).Registry
		if host != "" && source != host && f.login.username != "" {
			return "", usagef("--username is for one registry, but images come from %s and %s: use docker login or podman login", host, source)
		}
		host = source
	}
	return host, nil
}

// authFiles are where docker login and podman login put what they were told, in the
// order in which podman looks (containers-auth.json(5)), docker's last.
func authFiles() []string {
	var files []string
	add := func(dir string, path ...string) {
		if dir != "" {
			files = append(files, filepath.Join(append([]string{dir}, path...)...))
		}
	}
	add(os.Getenv("REGISTRY_AUTH_FILE"))
	add(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json")
	home, _ := os.UserHomeDir() // without one there are no files in it
	if config := os.Getenv("XDG_CONFIG_HOME"); config != "" {
		add(config, "containers", "auth.json")
	} else {
		add(home, ".config", "containers", "auth.json")
	}
	if docker := os.Getenv("DOCKER_CONFIG"); docker != "" {
		add(docker, "config.json")
	} else {
		add(home, ".docker", "config.json")
	}
	return files
}
