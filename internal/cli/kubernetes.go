package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// known is the value of --node-image-pause that stands for all known ones.
const known = "known"

// The rules that images beside manifests are found by.
const (
	ruleRelease = "kubeadm-release" // the table of pkg/kubernetes
	ruleKubeadm = "kubeadm-command" // a kubeadm on PATH
	ruleSandbox = "sandbox-image"   // what containerd asks for
)

// kubernetesFlags say which images Kubernetes itself needs.
type kubernetesFlags struct {
	versions  []string
	sandboxes []string
}

func (f *kubernetesFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.versions, "kubernetes-version", nil,
		"list what kubeadm of this `VERSION` pulls, may be repeated; one newer than "+kubernetes.Newest().String()+" needs a kubeadm on PATH")
	cmd.Flags().StringArrayVar(&f.sandboxes, "node-image-pause", nil,
		"list the sandbox image `REF|known` that the nodes' containerd asks for, may be repeated; known stands for the defaults of all containerd and image-builder versions")
	var words []string
	for _, v := range slices.Backward(kubernetes.Versions()) {
		words = append(words, v.String())
	}
	complete(cmd, "kubernetes-version", words...)
	complete(cmd, "node-image-pause", known)
}

func (f *kubernetesFlags) given() bool { return len(f.versions)+len(f.sandboxes) > 0 }

// list lists the images of all flags.
func (f *kubernetesFlags) list(ctx context.Context, streams Streams, least manifest.Confidence) (*imagelist.List, error) {
	list := imagelist.New(least)
	errs := []error{f.addSandboxes(list)}
	var seen []kubernetes.Version
	for _, s := range f.versions {
		v, err := kubernetes.ParseVersion(s)
		if err != nil {
			errs = append(errs, usagef("--kubernetes-version: %w", err))
			continue
		}
		if !slices.Contains(seen, v) {
			seen = append(seen, v)
			errs = append(errs, addVersion(ctx, streams, list, v))
		}
	}
	return list, joinUsage(errs)
}

// joinUsage joins errors so that all are reported: they are wrong usage if one
// of them is.
func joinUsage(errs []error) error {
	err := errors.Join(errs...)
	if _, wrong := errors.AsType[usageError](err); wrong {
		return usageError{err}
	}
	return err
}

// addVersion adds what kubeadm of version v pulls.
func addVersion(ctx context.Context, streams Streams, list *imagelist.List, v kubernetes.Version) error {
	release, err := kubernetes.Find(v)
	if unknown, ok := errors.AsType[*kubernetes.UnknownVersionError](err); ok {
		if !unknown.Beyond() {
			return usagef("--kubernetes-version: %w", err)
		}
		return askKubeadm(ctx, streams, list, v, unknown)
	}
	images, err := release.Images()
	if err != nil {
		return err
	}
	list.AddLines("kubernetes "+v.String(), ruleRelease, images)
	return nil
}

// askKubeadm adds what the kubeadm on PATH says of version v.
func askKubeadm(ctx context.Context, streams Streams, list *imagelist.List, v kubernetes.Version, unknown error) error {
	answer, err := answerOf(ctx, streams, v)
	if errors.Is(err, exec.ErrNotFound) {
		return usagef("--kubernetes-version: %w; put kubeadm %s on PATH, which will be asked, or give with --filename what its `kubeadm config images list` prints", unknown, v)
	}
	if err != nil {
		return err
	}
	list.AddLines("kubernetes "+v.String(), ruleKubeadm, answer.Images)
	return nil
}

// answerOf is what the kubeadm on PATH says of version v. Without one the error is an
// exec.ErrNotFound.
func answerOf(ctx context.Context, streams Streams, v kubernetes.Version) (kubernetes.Answer, error) {
	kubeadm, err := exec.LookPath("kubeadm")
	if err != nil {
		return kubernetes.Answer{}, err
	}
	answer, err := kubernetes.Ask(ctx, runner(kubeadm), v)
	if err != nil {
		return answer, fmt.Errorf("kubernetes %s: %w", v, err)
	}
	if answer.By != v.String() {
		fmt.Fprintf(streams.ErrOut, "kubernetes %s: %s is another version (%q): its coredns, etcd and pause may not be those of %s\n", v, kubeadm, answer.By, v)
	}
	return answer, nil
}

// releaseOf is what the kubeadm on PATH says of version v, which is newer than those that
// are known here.
func releaseOf(ctx context.Context, streams Streams, v kubernetes.Version) (kubernetes.Release, error) {
	answer, err := answerOf(ctx, streams, v)
	if errors.Is(err, exec.ErrNotFound) {
		return kubernetes.Release{}, fmt.Errorf("kubernetes %s is newer than %s, the newest that is known here, and there is no kubeadm on PATH to ask", v, kubernetes.Newest())
	}
	if err != nil {
		return kubernetes.Release{}, err
	}
	return answer.Release(v)
}

// runner runs this kubeadm.
func runner(kubeadm string) kubernetes.Runner {
	return func(ctx context.Context, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, kubeadm, args...) //nolint:gosec // the arguments are ours, and no shell reads them
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w\n%s", cmd, err, strings.TrimSpace(stderr.String()))
		}
		return string(out), nil
	}
}

func (f *kubernetesFlags) addSandboxes(list *imagelist.List) error {
	var errs []error
	for _, s := range f.sandboxes {
		if s == known {
			for _, sandbox := range kubernetes.Sandboxes() {
				list.AddLines(sandbox.By, ruleSandbox, []image.Ref{sandbox.Image})
			}
			continue
		}
		ref, err := image.Parse(s)
		if err != nil {
			errs = append(errs, usagef("--node-image-pause: %w", err))
			continue
		}
		list.AddLines("--node-image-pause", ruleSandbox, []image.Ref{ref})
	}
	return errors.Join(errs...)
}
