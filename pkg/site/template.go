package site

import (
	"bytes"
	_ "embed"
)

//go:embed template.yaml
var template []byte

// Template is a site file that explains itself: an example of a site with Cluster
// API on vSphere, in which every key stands, some in comments.
func Template() []byte { return bytes.Clone(template) }
