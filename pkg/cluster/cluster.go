// Package cluster lists the images that the objects of a cluster name: of a live one, kind
// by kind, or of one that kubectl dumped into a file.
//
// Every object is handed to pkg/manifest as it is, one at a time, so that what is found is
// what would be found in a file, and a cluster of any size takes little memory.
package cluster

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// Options say which objects count. The zero value takes what runs, and what may be run
// again, in all namespaces.
type Options struct {
	// Namespace leaves out the objects of other namespaces, and those of none. Empty is all.
	Namespace string
	// History takes what was replaced, too: ReplicaSets that their owner scaled to 0,
	// ControllerRevisions, and superseded or uninstalled releases of Helm.
	History bool
	// NodeImages takes the images that nodes report to have, by the rule RulePresent.
	NodeImages bool
	// Least leaves out less sure uses. The zero value takes all.
	Least manifest.Confidence
	// Lists is how many kinds are read at once; 0 is 4.
	Lists int
	// PageSize is how many objects are asked for at once; 0 is 500, as kubectl does.
	PageSize int
}

// RulePresent is the rule of images that a node has, whoever wanted them.
const RulePresent = "present-on-node"

// An Inventory is what reading a cluster came to.
type Inventory struct {
	Images *imagelist.List
	// Unread are the kinds that the user may not list, or whose API does not answer: they
	// may name more images. Each error names its kind.
	Unread []error
}

// Read lists the images that the objects of a live cluster name. name is what their uses
// call the cluster; they have no line in it. Every kind is read that the API server lists
// in the version it prefers, but for those that hold no workload (see skips) and, with a
// namespace, those that are in none. Kinds that may not be read are in the Inventory; any
// other failure is an error, all of them are reported at once.
func Read(ctx context.Context, config *rest.Config, name string, opts Options) (*Inventory, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the server has its own ways to slow clients down, and they are obeyed
	config.WarningHandler = rest.NoWarnings{}
	config.AcceptContentTypes, config.ContentType = "application/json", "application/json"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	kinds, unread, err := discover(ctx, config, opts)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	found, errs := make([]*imagelist.List, len(kinds)), make([]error, len(kinds))
	var group errgroup.Group
	group.SetLimit(opts.lists())
	for i, k := range kinds {
		group.Go(func() error {
			found[i], errs[i] = pages{client: client, kind: k, name: name, opts: opts}.read(ctx)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, by their kind
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inventory := &Inventory{Images: imagelist.New(opts.Least), Unread: unread}
	for i, list := range found {
		if list != nil {
			inventory.Images.Merge(list)
		}
		if isDenied(errs[i]) {
			inventory.Unread, errs[i] = append(inventory.Unread, errs[i]), nil
		}
	}
	return inventory, errors.Join(errs...)
}

func (o Options) lists() int {
	if o.Lists > 0 {
		return o.Lists
	}
	return 4
}

func (o Options) pageSize() int {
	if o.PageSize > 0 {
		return o.PageSize
	}
	return 500
}
