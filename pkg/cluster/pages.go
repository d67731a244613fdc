package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

// maxTries is how often a page is asked for whose answer breaks off, and how often a list
// is begun again that grew too old.
const maxTries = 3

// pages are the list of one kind, which the server gives page by page.
type pages struct {
	client rest.Interface
	kind   kind
	name   string // of the cluster
	opts   Options
}

// read reads all pages. A kind that has gone since it was discovered, or that is said to be
// listed and is not, has no objects.
func (p pages) read(ctx context.Context) (*imagelist.List, error) {
	all, next := imagelist.New(p.opts.Least), ""
	for tries, begun := 0, 0; ; {
		list, after, err := p.page(ctx, next)
		switch {
		case err == nil:
			all.Merge(list)
			if next = after; next == "" {
				return all, nil
			}
			tries = 0
			continue
		case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
			return all, nil
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			// The server says where to go on with a younger list, or the list begins again.
			if next = younger(err); next == "" {
				all = imagelist.New(p.opts.Least)
				begun++
			}
		case !errors.Is(err, errBroken):
			return nil, fmt.Errorf("%s: %s: %w", p.name, p.kind, err)
		}
		if tries++; tries >= maxTries || begun >= maxTries || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.name, p.kind, err)
		}
	}
}

// younger is the token by which the list goes on as it is now, empty if there is none.
func younger(err error) string {
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return status.Status().Continue
	}
	return ""
}

// errBroken is an answer that breaks off.
var errBroken = errors.New("the answer breaks off")

// page reads one page and gives the token of the next, empty if there is none.
func (p pages) page(ctx context.Context, token string) (*imagelist.List, string, error) {
	request := p.client.Get().AbsPath(p.kind.path(p.opts.Namespace)).Param("limit", strconv.Itoa(p.opts.pageSize()))
	if token != "" {
		request = request.Param("continue", token)
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return nil, "", err
	}
	defer body.Close() //nolint:errcheck // it was only read
	c := newCollector(p.name, p.opts)
	c.kind, c.version = p.kind.name, p.kind.apiVersion()
	list, err := readJSON(body, c.add)
	if errors.Is(err, errSyntax) {
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return c.list, list.Metadata.Continue, err
}

// isDenied says that the server answered, but does not give the kind to this user, or has
// nobody to ask for it.
func isDenied(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsServiceUnavailable(err)
}
