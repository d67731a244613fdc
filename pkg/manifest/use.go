package manifest

import (
	"fmt"
	"strconv"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Form says how a file holds a reference (CONTRACT.md, images).
type Form string

// The forms, as `images -o json` spells them.
const (
	FormField    Form = "field"    // a container's image
	FormCRField  Form = "crField"  // another field of an object
	FormArg      Form = "arg"      // an argument of a command
	FormEnv      Form = "env"      // the value of an environment variable
	FormEmbedded Form = "embedded" // inside a string that holds YAML, JSON, TOML, shell or base64 of these
	FormSplit    Form = "split"    // repository, tag, digest in several fields
	FormList     Form = "list"     // an entry of an image list
)

// Confidence says how sure a detection rule is. Larger is surer.
type Confidence int

// The levels of confidence.
const (
	Possible Confidence = iota // the shape only: listed on request, never rewritten unless asked
	Likely                     // name and shape say so
	Certain                    // the schema says so
)

// String is the word that output and flags use.
func (c Confidence) String() string {
	return [...]string{"possible", "likely", "certain"}[c]
}

// An Origin says where uses stand and how they were found. The items of a list share
// one, so that each of many takes little memory.
type Origin struct {
	File       string // the name of the file
	Document   int    // 1-based number of the document in the file
	Object     string // apiVersion/Kind namespace/name of that document, empty if it is no object
	Form       Form
	Confidence Confidence
	Rule       string // the detection rule that found it
	At         string // the path of the use, or of the list that it is an item of
}

// NoItem is the Item of a use that is no item of a list.
const NoItem = -1

// A Use is one place in a file that names an image.
type Use struct {
	*Origin
	Item int // which item of the list at Origin.At it is, or NoItem

	// Ref is the image, as the kubelet reads it. In a templated use its Tag or
	// Digest, and all of its Repository but the first element, may hold variables; if
	// they hide the registry, Ref is the zero Ref.
	Ref image.Ref
	// Written is the reference as the file spells it; the parts of a split
	// reference are joined as their consumer joins them.
	Written string
	// Templated says that Written holds variables or placeholders.
	Templated bool
	// Prefix marks a registry or repository prefix (kubeadm's imageRepository,
	// Istio's hub): it is rewritten, but names no image by itself and is not listed.
	// Its Ref has no Tag, and its Repository may be empty.
	Prefix bool
	// Implied says of a prefix that its consumer adds exactly one name: Ref is that
	// whole image (kubeadm's coredns), and a mapping of images applies to it.
	Implied bool

	Line   int // 1-based, of the outer file
	Column int // 1-based, in characters, of the outer file

	at    yamltree.View // where the use is said to stand
	parts []part        // nil if they are those of one plain reference, which at is
	joint bool          // changes only together with the other joint uses of its place
	moves bool          // while it is respelled: it was told to
}

// Path says where in its object the use stands:
// spec.template.spec.containers[0].image; nested documents join with '|'.
func (u Use) Path() string {
	if u.Item == NoItem {
		return u.At
	}
	return u.At + "[" + strconv.Itoa(u.Item) + "]"
}

// Target says where m sends the image or prefix that u names, and whether that is
// another place than where it is.
func (u Use) Target(m image.Mapping) (image.Ref, bool) {
	if u.Prefix && !u.Implied {
		return m.TargetPrefix(u.Ref)
	}
	return m.Target(u.Ref)
}

// A RefusedError is a reference that could not be respelled where it stands.
type RefusedError struct {
	File         string
	Line, Column int
	Written      string
	Reason       string
	// Moves says that it was to be respelled, not only to stay beside one that was.
	Moves bool
}

// Error is FILE:LINE:COLUMN: REFERENCE: reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Written, e.Reason)
}
