// Package manifest finds the images in manifests and respells them, byte for byte.
package manifest

import "github.com/kubectl-airgap/kubectl-airgap/pkg/image"

// A File is one input: its name, its exact bytes and the uses of images in it.
type File struct {
	Name string
	src  []byte
	uses []Use
	docs int
}

type part struct{}

// A SyntaxError is an input that could not be understood, with its place.
type SyntaxError struct {
	File         string
	Line, Column int // 1-based, 0 if unknown
	Reason       string
}

// Error is FILE:LINE:COLUMN: reason.
func (e *SyntaxError) Error() string { return e.Reason }

// Parse finds the uses of images in src. name is used in errors only (and .txt tells an image list).
func Parse(name string, src []byte) (*File, error) { panic("todo") }

// Bytes are the exact bytes of the file. They must not be changed.
func (f *File) Bytes() []byte { return f.src }

// Documents is the number of documents in the file.
func (f *File) Documents() int { return f.docs }

// Uses reports every use in source order, at every depth.
func (f *File) Uses() []Use { return f.uses }

// Replace returns the bytes of f with each use respelled as to says; every
// other byte is unchanged. A use for which to returns false is left as it is.
// Uses that cannot be respelled where they stand are left alone and reported
// as *RefusedError, joined with errors.Join, beside the bytes.
func (f *File) Replace(to func(Use) (image.Ref, bool)) ([]byte, error) { panic("todo") }
