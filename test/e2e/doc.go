// Package e2e uses the binary as its users do: called by kubectl, on whole
// sites of real manifests. `make e2e` builds the binary and runs it.
//
// Some inputs are real files that are too large for this repository; they are
// looked for in ../shared beside it, and the output says when they are absent.
package e2e
