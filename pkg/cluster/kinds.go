package cluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// A kind is what the API server lists below one path.
type kind struct {
	group, version, resource, name string
	namespaced                     bool
}

// apiVersion is what its objects say.
func (k kind) apiVersion() string {
	return schema.GroupVersion{Group: k.group, Version: k.version}.String()
}

// String is the kind as kubectl names it: deployments.apps.
func (k kind) String() string {
	return schema.GroupResource{Group: k.group, Resource: k.resource}.String()
}

// path is the path of the list, of one namespace if it is not empty.
func (k kind) path(namespace string) string {
	path := "/apis/" + k.group + "/" + k.version
	if k.group == "" {
		path = "/api/" + k.version
	}
	if namespace != "" && k.namespaced {
		path += "/namespaces/" + namespace
	}
	return path + "/" + k.resource
}

// skips says that objects of a kind are not read: they name no image that anybody pulls, and
// there are very many of them, or what they name is not what the cluster runs.
func skips(group, kind string) bool {
	switch kind {
	case "Event", "Lease", "Endpoints", "EndpointSlice": // a log, clocks, addresses
		return group == "" || strings.HasSuffix(group, ".k8s.io")
	case "CustomResourceDefinition": // its defaults are in the objects already
		return true
	case "PackageManifest": // everything that a catalogue of OLM offers
		return group == "packages.operators.coreos.com"
	}
	return group == "metrics.k8s.io" || group == "custom.metrics.k8s.io" || group == "external.metrics.k8s.io"
}

// discover gives the kinds to read, sorted, and what could not be discovered.
func discover(ctx context.Context, config *rest.Config, opts Options) ([]kind, []error, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	type answer struct {
		lists []*metav1.APIResourceList
		err   error
	}
	done := make(chan answer, 1)
	go func() { // as it takes no context
		lists, err := client.ServerPreferredResources()
		done <- answer{lists, err}
	}()
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case a := <-done:
		failed, partial := discovery.GroupDiscoveryFailedErrorGroups(a.err)
		if a.err != nil && !partial {
			return nil, nil, fmt.Errorf("discovering its kinds: %w", a.err)
		}
		return kindsOf(a.lists, opts), undiscovered(failed), nil
	}
}

// undiscovered are the groups whose server does not answer, sorted. Those that would not be
// read anyway are none.
func undiscovered(failed map[schema.GroupVersion]error) []error {
	var errs []error
	byName := func(a, b schema.GroupVersion) int { return cmp.Compare(a.String(), b.String()) }
	for _, gv := range slices.SortedFunc(maps.Keys(failed), byName) {
		if !skips(gv.Group, "") {
			errs = append(errs, fmt.Errorf("%s: its kinds cannot be discovered: %w", gv, failed[gv]))
		}
	}
	return errs
}

func kindsOf(lists []*metav1.APIResourceList, opts Options) []kind {
	var kinds []kind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // no path could be made of it
		}
		for i := range list.APIResources {
			r := &list.APIResources[i]
			k := kind{gv.Group, gv.Version, r.Name, r.Kind, r.Namespaced}
			if slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") && !skips(k.group, k.name) && opts.wants(k) {
				kinds = append(kinds, k)
			}
		}
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.resource, b.resource))
	})
	return slices.DeleteFunc(kinds, func(k kind) bool { return isDouble(k, kinds) })
}

// isDouble says that k is served a second time, under the group that it had first.
func isDouble(k kind, kinds []kind) bool {
	return k.group == "extensions" && slices.ContainsFunc(kinds, func(other kind) bool {
		return other.name == k.name && (other.group == "apps" || strings.HasSuffix(other.group, ".k8s.io"))
	})
}

// wants says that objects of k may count.
func (o Options) wants(k kind) bool {
	if k.group == "" && k.name == "Node" && o.NodeImages {
		return true
	}
	return k.namespaced || o.Namespace == ""
}
