package export

import (
	"bufio"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// The formats that say which images there are, not where they go.

func writeImagesTxt(w *bufio.Writer, entries []Entry, _ Options) error {
	for _, e := range sources(entries) {
		fmt.Fprintln(w, e.Source)
	}
	return nil
}

// A skopeoRegistry is one registry of skopeo sync's file (skopeo-sync(1), "YAML file
// content"): tags and digests by repository. A repository with none of them would mean
// all that it has; no image here is without.
type skopeoRegistry struct {
	Images map[string][]string `yaml:"images"`
}

func writeSkopeoSync(w *bufio.Writer, entries []Entry, _ Options) error {
	registries := map[string]skopeoRegistry{}
	for _, e := range sources(entries) {
		r, ok := registries[e.Source.Registry]
		if !ok {
			r = skopeoRegistry{map[string][]string{}}
			registries[e.Source.Registry] = r
		}
		version := e.Source.Tag
		if e.Source.Digest != "" {
			version = e.Source.Digest
		}
		versions := r.Images[e.Source.Repository]
		if len(versions) == 0 || versions[len(versions)-1] != version {
			r.Images[e.Source.Repository] = append(versions, version)
		}
	}
	return writeYAML(w, registries)
}

// A haulerImages is Hauler's Images (hauler-dev/hauler, pkg/apis/hauler.cattle.io/v1).
type haulerImages struct {
	APIVersion string         `yaml:"apiVersion"`
	Kind       string         `yaml:"kind"`
	Metadata   haulerMetadata `yaml:"metadata"`
	Spec       haulerSpec     `yaml:"spec"`
}

type haulerMetadata struct {
	Name string `yaml:"name"`
}

type haulerSpec struct {
	Images []haulerImage `yaml:"images"`
}

type haulerImage struct {
	Name string `yaml:"name"`
}

func writeHauler(w *bufio.Writer, entries []Entry, _ Options) error {
	file := haulerImages{
		APIVersion: "content.hauler.cattle.io/v1", Kind: "Images", Metadata: haulerMetadata{"airgap"},
		Spec: haulerSpec{[]haulerImage{}},
	}
	for _, e := range sources(entries) {
		file.Spec.Images = append(file.Spec.Images, haulerImage{e.Source.String()})
	}
	return writeYAML(w, file)
}

// An imagesLock is imgpkg's ImagesLock, with the keys in the order in which imgpkg
// writes them.
type imagesLock struct {
	APIVersion string        `yaml:"apiVersion"`
	Images     []lockedImage `yaml:"images"`
	Kind       string        `yaml:"kind"`
}

type lockedImage struct {
	Annotations map[string]string `yaml:"annotations"`
	Image       string            `yaml:"image"`
}

// kbldID is the annotation in which kbld and imgpkg keep what an image was called
// before it was resolved.
const kbldID = "kbld.carvel.dev/id"

func writeImgpkgLock(w *bufio.Writer, entries []Entry, _ Options) error {
	lock := imagesLock{APIVersion: "imgpkg.carvel.dev/v1alpha1", Images: []lockedImage{}, Kind: "ImagesLock"}
	for _, e := range sources(entries) {
		lock.Images = append(lock.Images, lockedImage{
			map[string]string{kbldID: e.Source.String()}, e.Source.Name() + "@" + e.digest(),
		})
	}
	fmt.Fprintln(w, "---")
	return writeYAML(w, lock)
}

func writeYAML(w *bufio.Writer, v any) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	return encoder.Close()
}
