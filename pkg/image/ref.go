// Package image says what a container image is called and where it goes.
package image

// A Ref names an image. It is comparable, so it can key a map. The zero Ref
// names nothing.
type Ref struct {
	Registry   string // host[:port], docker.io where none was written
	Repository string // path below the registry, library/… filled in for docker.io
	Tag        string // latest where neither tag nor digest was written
	Digest     string // algorithm:hex, empty if none was written
}

// Parse reads s as the kubelet does.
func Parse(s string) (Ref, error) { panic("todo") }

// Name is the reference without tag and digest: registry/repository.
func (r Ref) Name() string { panic("todo") }

// String is the full form: registry/repository[:tag][@digest].
func (r Ref) String() string { panic("todo") }
