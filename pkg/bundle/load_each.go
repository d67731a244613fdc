package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// LoadEach is Load into the folder dir, which is made if it is not there, with one tar for
// each image: what Canonical Kubernetes wants in its image folder, where every tar is
// imported for itself and renamed. A tar is called as its image, with _ for every slash,
// colon and at sign, and .tar; it is there whole or not at all. Other files in dir stay.
//
// Size is that of all tars. All images are tried, whatever becomes of the others; that no
// node could run any of them is a *NothingError.
func LoadEach(ctx context.Context, a *Archive, pairs []image.Pair, dir string, o LoadOptions) (*Loaded, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("loading images: %w", err)
	}
	all, names := &Loaded{}, tarNames(pairs)
	var errs []error
	for i, pair := range pairs {
		one, err := LoadFile(ctx, a, []image.Pair{pair}, filepath.Join(dir, names[i]), o)
		if none, ok := errors.AsType[*NothingError](err); ok {
			all.LeftOut = append(all.LeftOut, none.LeftOut...)
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all.Images, all.Size = append(all.Images, one.Images...), all.Size+one.Size
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(all.Images) == 0 {
		return nil, fmt.Errorf("loading images: %w", &NothingError{all.LeftOut})
	}
	slices.SortFunc(all.Images, image.Compare)
	return all, nil
}

// tarNames are the files of the pairs. Names that differ only in what is no part of a
// file's name, and those that are too long for one, get a few digits of their own.
func tarNames(pairs []image.Pair) []string {
	const longest = 200 // bytes; a file's name may have 255, and gets .tar.loaded
	names, seen := make([]string, len(pairs)), map[string]int{}
	for i, p := range pairs {
		names[i] = strings.NewReplacer("/", "_", ":", "_", "@", "_").Replace(p.Target.String())
		seen[strings.ToLower(names[i])]++
	}
	for i, p := range pairs {
		if seen[strings.ToLower(names[i])] > 1 || len(names[i]) > longest {
			sum := sha256.Sum256([]byte(p.Target.String()))
			names[i] = names[i][:min(len(names[i]), longest)] + "_" + hex.EncodeToString(sum[:4])
		}
		names[i] += ".tar"
	}
	return names
}
