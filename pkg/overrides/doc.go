// Package overrides makes clusterctl's home for a site without internet: one tree
// <label>/<version>/<file> of rewritten provider releases, and the clusterctl.yaml
// that points at it.
//
// The tree is two things at once, because clusterctl lays both out alike: the
// overrides layer, which it asks first for files
// (cmd/clusterctl/client/repository/overrides.go), and a local repository, which it
// asks for versions (repository_local.go). The first alone never works without
// network: a provider with its built-in URL is looked up on GitHub before any
// override is.
//
// Read says what an input is to clusterctl and rewrites it, Arrange puts the pieces
// in their places or says everything that is wrong with them, Configure edits
// clusterctl.yaml, Write puts all of it there.
package overrides
