package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// targetFlags say where images go.
type targetFlags struct {
	to     string
	layout choice
	maps   []string
	lock   string // only where manifests are rewritten
}

func (f *targetFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the private registry, as `REGISTRY[/PREFIX]`")
	chooseFlag(cmd, &f.layout, "layout", "",
		"how names are laid out below the target: registry.k8s.io/coredns/coredns becomes "+
			"registry.k8s.io/coredns/coredns (host), coredns/coredns (path), coredns (name), "+
			"or GROUP/coredns (group: the first folder below the input DIR)",
		image.LayoutHost, image.LayoutPath, image.LayoutName, image.LayoutGroup)
	flags.StringArrayVar(&f.maps, "map", nil,
		"an exception: images whose name starts with FROM go to TO, as `FROM=TO`; may be repeated, the longest FROM wins")
	complete(cmd, "to")
	complete(cmd, "map")
}

// addLock adds the flag for what names digests.
func (f *targetFlags) addLock(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.lock, "lock", "",
		"the archive that was pushed, or its airgap.lock.yaml, as `FILE`: where it was pulled with --platform, digests in references become those that the registry has")
	completeFiles(cmd, "lock", "tar", "yaml")
}

// mapping is where the flags send images.
func (f *targetFlags) mapping() (image.Mapping, error) {
	if f.to == "" {
		return image.Mapping{}, usagef("no target: name the private registry with --to REGISTRY[/PREFIX], or in airgap.yaml")
	}
	rules, err := f.rules()
	if err != nil {
		return image.Mapping{}, err
	}
	m, err := image.NewMapping(f.to, image.Layout(f.layout.value), rules)
	if err != nil {
		return image.Mapping{}, usageError{err}
	}
	if f.lock == "" {
		return m, nil
	}
	lock, err := bundle.ReadLock(f.lock)
	if err != nil {
		return image.Mapping{}, err
	}
	return m.WithDigests(lock.Digests()), nil
}

// needed refuses flags that say how names are laid out in a registry that none names,
// for commands that need no registry.
func (f *targetFlags) needed(cmd *cobra.Command) error {
	if f.to == "" && (cmd.Flags().Changed("layout") || cmd.Flags().Changed("map")) {
		return usagef("--layout and --map say where images are in the private registry: name it with --to REGISTRY[/PREFIX]")
	}
	return nil
}

// grouped says that names are laid out by group.
func (f *targetFlags) grouped() bool { return image.Layout(f.layout.value) == image.LayoutGroup }

// host is the registry of the target.
func (f *targetFlags) host() string {
	host, _, _ := strings.Cut(f.to, "/")
	return host
}

// rules are the exceptions that the flags make.
func (f *targetFlags) rules() ([]image.Rule, error) {
	var rules []image.Rule
	for _, s := range f.maps {
		rule, err := image.ParseRule(s)
		if err != nil {
			return nil, usagef("--map %w", err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// group is the group of file in layout group; other layouts know none.
func (f *targetFlags) group(in *input.Input, file *manifest.File) (string, error) {
	if !f.grouped() || !file.HasUses() {
		return "", nil
	}
	group := in.Group()
	if group == "" {
		return "", fmt.Errorf("%s: it has no group for --layout group: name with --filename the DIR whose folders are the groups", in.Name)
	}
	if err := image.CheckGroup(group); err != nil {
		return "", fmt.Errorf("%s: %w", in.Name, err)
	}
	return group, nil
}

// groups are those to whose places the image goes: the empty one where the layout knows
// none.
func (f *targetFlags) groups(im cargo.Image) ([]string, error) {
	switch {
	case !f.grouped():
		return []string{""}, nil
	case len(im.Groups) == 0:
		return nil, fmt.Errorf("%s: it has no group for --layout group: it was found in no folder of manifests", im.Ref)
	}
	return im.Groups, nil
}
