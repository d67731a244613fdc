package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/cluster"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// clusterFlags say which cluster is read, live or from a dump. The zero value reads none.
type clusterFlags struct {
	config     *genericclioptions.ConfigFlags
	live       bool
	dumps      []string
	history    bool
	nodeImages bool
	strict     bool
	unread     int // kinds that gather could not read
}

// addTo adds the flags, and those by which kubectl finds a cluster.
func (f *clusterFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.live, "from-cluster", false,
		"read the objects of the live cluster, of all kinds that it serves; in all namespaces, or in that of --namespace")
	flags.StringArrayVar(&f.dumps, "from-dump", nil,
		"read `FILE` that kubectl get -o json or -o yaml wrote, or - for standard input, may be repeated")
	flags.BoolVar(&f.history, "history", false,
		"with a cluster: what it keeps for going back, too: old ReplicaSets, ControllerRevisions, releases of Helm")
	flags.BoolVar(&f.nodeImages, "include-node-images", false, "with a cluster: the images that its nodes report to have, too")
	flags.BoolVar(&f.strict, "strict", false, "with a cluster: end with status 3 if a kind could not be read")
	completeFiles(cmd, "from-dump", "json", "yaml", "yml")

	f.config = genericclioptions.NewConfigFlags(false)
	f.config.CacheDir = nil                // nothing is kept
	f.config.Timeout = nil                 // --request-timeout is there already, for URLs
	if flags.Lookup("client-key") != nil { // of a registry; that of a cluster stands in the kubeconfig
		f.config.KeyFile, f.config.CertFile = nil, nil
	}
	f.config.AddFlags(flags)
	flags.Lookup("namespace").Usage = "read only the objects of this `namespace` of the cluster, or of the dump"
	for _, name := range []string{"cluster", "context", "namespace", "user", "server", "token", "as"} {
		complete(cmd, name)
	}
}

// given says that a cluster is to be read.
func (f *clusterFlags) given() bool { return f.live || len(f.dumps) > 0 }

// what is the cluster in a word, empty for none.
func (f *clusterFlags) what() string {
	if f.live {
		return "live"
	}
	return strings.Join(f.dumps, ", ")
}

// misused says which flag asks for a cluster that is not to be read.
func (f *clusterFlags) misused(cmd *cobra.Command) error {
	if f.given() {
		return nil
	}
	for _, name := range []string{"history", "include-node-images", "strict", "namespace", "context"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s: name a cluster with --from-cluster or --from-dump", name)
		}
	}
	return nil
}

// gather lists the images of the cluster and of the dumps that are at least so sure. What
// may not be read is said on standard error.
func (f *clusterFlags) gather(ctx context.Context, streams Streams, least manifest.Confidence) (*imagelist.List, error) {
	opts := cluster.Options{Namespace: *f.config.Namespace, History: f.history, NodeImages: f.nodeImages, Least: least}
	all := imagelist.New(least)
	var errs []error
	if f.live {
		list, err := f.readLive(ctx, streams, opts)
		if errs = append(errs, err); err == nil {
			all.Merge(list)
		}
	}
	for i, name := range f.dumps {
		if name == "-" && slices.Contains(f.dumps[:i], name) {
			errs = append(errs, usagef("--from-dump - is given several times, but standard input can be read only once"))
			continue
		}
		list, err := readDump(ctx, streams, name, opts)
		if errs = append(errs, err); err == nil {
			all.Merge(list)
		}
	}
	return all, joinUsage(errs)
}

// incomplete is an error if kinds could not be read that --strict wants.
func (f *clusterFlags) incomplete() error {
	if f.strict && f.unread > 0 {
		return errFindings
	}
	return nil
}

func (f *clusterFlags) readLive(ctx context.Context, streams Streams, opts cluster.Options) (*imagelist.List, error) {
	config, err := f.config.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	found, err := cluster.Read(ctx, config, f.name(config.Host), opts)
	if err != nil {
		return nil, err
	}
	for _, why := range found.Unread {
		fmt.Fprintln(streams.ErrOut, why)
	}
	f.unread += len(found.Unread)
	if f.unread > 0 {
		fmt.Fprintf(streams.ErrOut, "%s could not be read: images that only they name are not listed\n", count(f.unread, "kind"))
	}
	return found.Images, nil
}

// name is what the uses of the live cluster call it: its context, or else its address.
func (f *clusterFlags) name(host string) string {
	raw, err := f.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return "cluster " + host
	}
	name := cmp.Or(*f.config.Context, raw.CurrentContext)
	if _, ok := raw.Contexts[name]; !ok || *f.config.APIServer != "" || *f.config.ClusterName != "" {
		name = host
	}
	return "cluster " + name
}

func readDump(ctx context.Context, streams Streams, name string, opts cluster.Options) (*imagelist.List, error) {
	if name == "-" {
		return cluster.ReadDump(ctx, "-", streams.In, opts)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading a dump: %w", err)
	}
	list, err := cluster.ReadDump(ctx, name, file, opts)
	return list, errors.Join(err, file.Close())
}
