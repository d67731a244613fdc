package imgpkg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FromTar is the file beside the tars of tanzu isolated-cluster download-bundle that says
// into which repository each of them goes.
const FromTar = "publish-images-fromtar.yaml"

// maxFromTar is how many bytes of it are read.
const maxFromTar = 8 << 20

// ReadFromTar reads it: paths below the destination's repository, by the names of tars.
func ReadFromTar(r io.Reader) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFromTar+1))
	if err == nil && len(text) > maxFromTar {
		err = fmt.Errorf("it has more than %d bytes", maxFromTar)
	}
	paths := map[string]string{}
	if err == nil {
		err = yaml.NewDecoder(bytes.NewReader(text)).Decode(&paths)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", FromTar, err)
	}
	return paths, nil
}

// WriteFromTar writes what ReadFromTar reads, sorted by the names of the tars.
func WriteFromTar(w io.Writer, paths map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		fmt.Fprintf(&b, "%s: %s\n", name, paths[name])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
