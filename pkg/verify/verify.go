// Package verify proves that a site will come up without internet: it asks of every
// name that something on the site will pull whether it is there, and of every place
// that could lead outside whether it does.
//
// Checks are functions that give Findings. None prints, none changes anything, and
// none reaches out but to the registry that it was given.
package verify

// A Severity says how bad a finding is.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // something on the site will not come up, or will reach outside
	Warning Severity = "warning" // it may, depending on what cannot be seen from here
)

// A Finding is one thing that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`           // the check that found it, a key of Checks
	Place    string   `json:"place"`           // file:line:column, a path, an image, an object; where to look
	Image    string   `json:"image,omitempty"` // the image that it is about
	Problem  string   `json:"problem"`         // what is wrong, a sentence without the place
	Effect   string   `json:"effect"`          // what happens on the site if it is ignored
	Remedy   string   `json:"remedy"`          // the command, or the act, that mends it
}

// A Check is one kind of finding: what Findings have in common.
type Check struct {
	Name     string // manifest-outside, registry-tag, …
	Severity Severity
	Effect   string
	Remedy   string // may hold {image}, {place}, {target}, which Finding fills in
}

// A Report is what verifying a site came to.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`               // VerifyReport
	Target     string    `json:"target,omitempty"`   // the private registry, REGISTRY[/PREFIX]
	Subjects   []Subject `json:"subjects,omitempty"` // what was looked at, and what was not
	Findings   []Finding `json:"findings"`           // errors first, then by place
	Images     []Image   `json:"images"`             // every image that the site will pull, sorted
	Files      []File    `json:"files,omitempty"`    // what the site needs beside images, sorted
	Bytes      int64     `json:"bytes,omitempty"`    // of all images and files, what several share counted once; 0 if unknown
}

// A Subject is one thing that a site is verified by: manifests, registry, nodes,
// archive, cluster, kubernetes.
type Subject struct {
	Name   string `json:"name"`
	What   string `json:"what,omitempty"`   // what was looked at: 41 files, v1.36.3, site.tar; empty if nothing was
	Digest string `json:"digest,omitempty"` // of what was looked at, where it has one: an archive
}

// A File is one file that the site needs beside images.
type File struct {
	Path   string `json:"path"`             // in the archive, slash-separated
	Source string `json:"source,omitempty"` // the URL that it was fetched from
	SHA256 string `json:"sha256,omitempty"` // 64 hexadecimal digits
	Size   int64  `json:"size,omitempty"`   // bytes
}

// An Image is one image that the site will pull.
type Image struct {
	Image     string     `json:"image"`               // the name that is asked for
	Source    string     `json:"source,omitempty"`    // where it was fetched, as the lock says
	Target    string     `json:"target,omitempty"`    // where it is pulled from
	Group     string     `json:"group,omitempty"`     // cni, csi, …; kubernetes
	Digest    string     `json:"digest,omitempty"`    // what Target holds
	Size      int64      `json:"size,omitempty"`      // bytes, everything it consists of
	Platforms []Platform `json:"platforms,omitempty"` // what Target offers
	Uses      []string   `json:"uses,omitempty"`      // places that ask for it
}

// A Platform is what an image is for one platform.
type Platform struct {
	Platform string `json:"platform"` // os/architecture[/variant]
	Digest   string `json:"digest"`
	Size     int64  `json:"size"` // bytes of manifest, config and layers
}
