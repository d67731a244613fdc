package cargo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
)

// Uploads are the files of an archive as they go to a server of files: where bundle.Handler
// serves them, too, at their paths without files/ before them. Two that would be one there
// are an error.
func Uploads(a *bundle.Archive) ([]download.File, error) {
	var all []download.File
	var errs []error
	from := map[string]string{}
	for _, f := range a.Lock().Files {
		to := strings.TrimPrefix(f.Path, files+"/")
		if before, there := from[to]; there {
			errs = append(errs, fmt.Errorf("%s and %s would be one file at the server", before, f.Path))
			continue
		}
		from[to] = f.Path
		all = append(all, download.File{Path: to, SHA256: f.SHA256, Size: f.Size, Open: func(context.Context) (io.ReadCloser, error) {
			content, err := a.OpenFile(f.Path)
			if err != nil {
				return nil, err
			}
			return io.NopCloser(content), nil
		}})
	}
	return all, errors.Join(errs...)
}
