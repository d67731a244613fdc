package synthetic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"
)

// A Registry is where images are put, by nothing but HTTP: what is tested has no
// part in it.
type Registry struct {
	URL            string // http://127.0.0.1:5000
	Client         *http.Client
	User, Password string // if it wants them
}

// Fill puts a set into the registry, every image below prefix under its full
// name. Prefix is empty or ends with a slash. A layer is sent once and mounted
// into the other repositories.
func (r *Registry) Fill(ctx context.Context, prefix string, set Set) error {
	first, layers := map[string]string{}, map[string]Layer{}
	repositories := map[string]Set{}
	for _, image := range set {
		repository := prefix + image.Repository()
		repositories[repository] = append(repositories[repository], image)
		for d, l := range image.Layers {
			if first[d] == "" {
				first[d], layers[d] = repository, l
			}
		}
	}
	work, of := errgroup.WithContext(ctx)
	work.SetLimit(4)
	for d, l := range layers {
		work.Go(func() error { return r.putBlob(of, first[d], d, l.Bytes()) })
	}
	if err := work.Wait(); err != nil {
		return err
	}
	work, of = errgroup.WithContext(ctx)
	work.SetLimit(4)
	// Two pushes into one repository at the same time make docker-registry stumble.
	for repository, images := range repositories {
		work.Go(func() error {
			held := map[string]bool{}
			for _, image := range images {
				if err := r.put(of, repository, image, first, held); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

func (r *Registry) put(ctx context.Context, repository string, image *Image, first map[string]string, held map[string]bool) error {
	for d := range image.Layers {
		if first[d] == repository || held[d] {
			continue
		}
		held[d] = true
		if _, err := r.send(ctx, http.MethodPost, "/v2/"+repository+"/blobs/uploads/?mount="+d+"&from="+first[d], "", nil); err != nil {
			return err
		}
	}
	for d, b := range image.Blobs {
		if err := r.putBlob(ctx, repository, d, b); err != nil {
			return err
		}
	}
	all := append([]Manifest{}, image.Manifests...)
	all[len(all)-1].Tag = image.Tag()
	if image.Signature.Raw != nil {
		all = append(all, image.Signature)
	}
	for _, m := range all {
		if m.Tag == "" {
			m.Tag = m.Digest
		}
		if _, err := r.send(ctx, http.MethodPut, "/v2/"+repository+"/manifests/"+m.Tag, m.MediaType, m.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) putBlob(ctx context.Context, repository, digest string, b []byte) error {
	location, err := r.send(ctx, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", "", nil)
	if err != nil {
		return err
	}
	_, err = r.send(ctx, http.MethodPut, location+"&digest="+digest, "application/octet-stream", b)
	return err
}

// send gives the Location of the answer, without its host.
func (r *Registry) send(ctx context.Context, method, path, mediaType string, body []byte) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", mediaType)
	if r.User != "" {
		request.SetBasicAuth(r.User, r.Password)
	}
	response, err := r.Client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s %s: %s %s", method, path, response.Status, said)
	}
	return strings.TrimPrefix(response.Header.Get("Location"), r.URL), nil
}

// named are all digests in the text of a manifest.
func named(raw []byte) []string {
	return regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindAllString(string(raw), -1)
}
