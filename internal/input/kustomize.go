package input

import (
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomization is what kustomize builds from dir, as one input.
func kustomization(dir string) Input {
	return Input{
		Name: dir,
		Rel:  filepath.Base(absolute(dir)) + ".yaml",
		Mode: 0o644,
		read: interruptible(func() ([]byte, error) { return build(dir) }),
	}
}

func build(dir string) ([]byte, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}
