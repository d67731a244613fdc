package kubernetes

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Runner runs kubeadm with these arguments and gives its standard output.
type Runner func(ctx context.Context, args ...string) (string, error)

// An Answer is what a kubeadm says of a version.
type Answer struct {
	Images []image.Ref // in its order
	// By is kubeadm's own version, empty if it does not tell. Only where it is
	// the version that was asked for is the answer sure: coredns and pause are
	// constants of kubeadm, etcd depends on the minor version alone.
	By string
}

// Release is what the answer tells of a version: as Find gives it for those that it knows.
func (a Answer) Release(v Version) (Release, error) {
	r := Release{Version: v}
	for _, ref := range a.Images {
		if dir, ok := strings.CutSuffix(ref.Name(), "/kube-apiserver"); ok {
			r.Repository = dir
		}
	}
	for _, ref := range a.Images {
		name, ok := strings.CutPrefix(ref.Name(), r.Repository+"/")
		if !ok || r.Repository == "" {
			return Release{}, fmt.Errorf("kubeadm config images list: %s is not beside kube-apiserver", ref)
		}
		last := name[strings.LastIndexByte(name, '/')+1:] + ":" + ref.Tag
		name += ":" + ref.Tag
		switch {
		case strings.HasPrefix(last, "coredns:"):
			r.coreDNS, r.customCoreDNS = name, last
		case strings.HasPrefix(last, "pause:"):
			r.pause = name
		case strings.HasPrefix(last, "etcd:"):
			r.etcd = name
		}
	}
	if r.coreDNS == "" || r.pause == "" || r.etcd == "" {
		return Release{}, fmt.Errorf("kubeadm config images list: it does not name all of coredns, pause and etcd for %s", v)
	}
	return r, nil
}

// Ask asks a kubeadm for the images of a version. It needs no network, since
// the version is a whole one.
func Ask(ctx context.Context, run Runner, v Version) (Answer, error) {
	out, err := run(ctx, "config", "images", "list", "--kubernetes-version", v.String())
	if err != nil {
		return Answer{}, err
	}
	images, err := refs(strings.Fields(out))
	if err != nil {
		return Answer{}, fmt.Errorf("kubeadm config images list: %w", err)
	}
	if len(images) == 0 {
		return Answer{}, fmt.Errorf("kubeadm config images list: it names no image for %s", v)
	}
	by := ""
	if short, err := run(ctx, "version", "--output", "short"); err == nil {
		if own, err := ParseVersion(strings.TrimSpace(short)); err == nil {
			by = own.String()
		}
	}
	return Answer{images, by}, nil
}
