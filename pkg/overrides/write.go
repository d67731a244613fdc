package overrides

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

// Results are what became of the files of the layout.
func (l *Layout) Results() []*rewrite.Result {
	var results []*rewrite.Result
	for _, r := range l.Releases {
		for _, name := range sortedKeys(r.files) {
			results = append(results, r.files[name].Result)
		}
	}
	return results
}

// Write puts the layout and the configuration at the path config in place: all of
// it, or nothing if any of it cannot be written. What is as it should be already is
// not written. It gives the number of files written, and of all.
func Write(l *Layout, config string, text []byte) (written, all int, err error) {
	w := writer{}
	defer func() { err = errors.Join(err, w.stage.Discard()) }()
	for _, r := range l.Releases {
		for _, name := range sortedKeys(r.files) {
			if err := w.put(filepath.Join(l.overrides, r.Provider.Label, r.Version, name), r.files[name].Result.Output); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := w.put(config, text); err != nil { // last, for it leads to the others
		return 0, 0, err
	}
	return w.written, w.all, w.stage.Commit()
}

// A writer prepares files that differ from what is there.
type writer struct {
	stage        atomicfile.Stage
	written, all int
}

func (w *writer) put(path string, content []byte) error {
	w.all++
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, content):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("writing %s: %w", path, err)
	}
	w.written++
	return w.stage.Add(path, content, 0o644)
}
